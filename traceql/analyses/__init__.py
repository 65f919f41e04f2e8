"""Analyses: SQL in, findings out; one file each, by family."""
