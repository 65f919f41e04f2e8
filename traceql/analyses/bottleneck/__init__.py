"""What bounds a run: where its time went, and what would have to change."""
