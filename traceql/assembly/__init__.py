"""Assembly: Chunks of any format to ordered, nested, linked rows."""
