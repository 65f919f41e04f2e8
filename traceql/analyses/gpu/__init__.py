"""Analyses of what devices did."""
