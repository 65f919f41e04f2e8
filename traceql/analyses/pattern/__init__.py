"""Patterns: changes of level, cycles and bursts, recurring sequences, what could be done better."""
