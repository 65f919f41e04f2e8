"""Importers: a file to Chunks, one module or folder per format."""
