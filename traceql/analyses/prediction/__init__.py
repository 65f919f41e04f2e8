"""Predictions: trends, forecasts, limits and scalability, with intervals."""
