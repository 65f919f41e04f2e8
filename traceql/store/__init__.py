"""The store: a directory of Parquet files, changed by renames only."""
