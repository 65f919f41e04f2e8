"""Assembly: Chunks of any format to ordered, nested, linked rows."""

from traceql.assembly.assemble import assemble

__all__ = ["assemble"]
