"""How the JSON of rocprof v1 is told from other trace-event JSON."""

from __future__ import annotations

import re

_BEGINNING = re.compile(
    rb'\s*\{\s*"traceEvents"\s*:\s*\[\s*\{\s*\}\s*,\s*\{\s*"args"\s*:\s*\{\s*"name"\s*:\s*'
    rb'"[^"\\]*"\s*\}\s*,\s*"ph"\s*:\s*"M"\s*,\s*"pid"\s*:\s*\d+\s*,\s*"name"\s*:\s*'
    rb'"process_name"\s*,\s*"sort_index"\s*:'
)


def is_rocprof(prefix: bytes) -> bool:
    """Tell whether a text begins as rocprof v1 writes it.

    Its times are cut to microseconds; the exact ones are texts in the args, beside what the
    columns of its CSV and its database say.
    """
    return _BEGINNING.match(prefix) is not None
