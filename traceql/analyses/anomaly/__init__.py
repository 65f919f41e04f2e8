"""Analyses that look for what is out of the ordinary."""
