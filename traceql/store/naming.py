"""Names of traces: short, unique in the store, and never mistaken for a path."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import PurePath

from traceql.errors import InputError

STANDARD_INPUT = "-"

SUFFIXES = frozenset({
    ".gz", ".zst", ".zip", ".json", ".jsonl", ".ndjson", ".pt", ".trace", ".pftrace",
    ".perfetto-trace", ".ftrace", ".sqlite", ".sqlite3", ".db", ".nsys-rep", ".rpd", ".csv",
    ".tsv", ".txt", ".xml", ".html",
})  # fmt: skip
"""What is cut from a file's name, as often as it stands at the end; in small letters."""

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029/\\]")


def name_of(path: str | PurePath) -> str:
    """Give the name that a file's trace gets: `run.pt.trace.json.gz` is `run`."""
    if str(path) == STANDARD_INPUT:
        return "stdin"
    name = os.fsencode(PurePath(path).name).decode("utf-8", "replace")
    stem = name
    while True:
        shorter, dot, suffix = stem.rpartition(".")
        if not shorter.strip(".") or f"{dot}{suffix}".lower() not in SUFFIXES:
            break
        stem = shorter
    return _UNPRINTABLE.sub("_", stem).strip() or "trace"


def checked(name: str) -> str:
    """Give a name back that a person chose.

    Raises:
        InputError: it is empty, or has a slash or a character that cannot be printed.
    """
    if not name.strip() or _UNPRINTABLE.search(name):
        raise InputError(f"{name!r} cannot name a trace: no slashes, nothing unprintable.")
    return name.strip()


def unique(name: str, taken: Collection[str]) -> str:
    """Give the name, or the first of `name-2`, `name-3`, … that is not taken."""
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}-{number}"
    return candidate
