"""How much memory work may use where nobody says."""

from __future__ import annotations

import os

from traceql.errors import InputError
from traceql.model.units import parse_bytes

VARIABLE = "TRACEQL_MEMORY_LIMIT"


def limit_bytes(given: int | None = None) -> int:
    """Give the limit: what is given, else $TRACEQL_MEMORY_LIMIT, else half of the machine's memory.

    Raises:
        InputError: the variable holds no size.
    """
    wanted = wanted_bytes(given)
    if wanted is not None:
        return wanted
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def wanted_bytes(given: int | None = None) -> int | None:
    """Give the limit that somebody set: what is given, else $TRACEQL_MEMORY_LIMIT, else None.

    Raises:
        InputError: the variable holds no size.
    """
    text = os.environ.get(VARIABLE)
    if given is not None or not text:
        return given
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise InputError(f"${VARIABLE}: {error}") from error
