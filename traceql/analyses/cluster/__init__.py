"""Groups of operations that behave alike, those unlike all others, and models of their cost."""
