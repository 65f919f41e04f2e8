"""Memory: what was allocated when, by whom, and what was not given back."""
