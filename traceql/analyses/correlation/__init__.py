"""Correlations: what moves together, follows each other, or occurs together."""
