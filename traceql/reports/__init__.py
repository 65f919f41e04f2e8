"""Reports: results to bytes."""
