"""Queries: DuckDB sessions over the traces of a store."""
