"""Perfetto's SQL as it stands: the dialect of `--dialect perfetto`."""
