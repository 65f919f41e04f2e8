"""SQL over a store: sessions, the standard library, and the guard that keeps them read-only."""
