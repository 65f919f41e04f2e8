"""The engine's errors in our words: where in the query, what is wrong, which names are close."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from traceql.errors import (
    LimitReached,
    QueryError,
    SqlError,
    StatementRefused,
    StoreError,
    UnknownName,
)
from traceql.model.units import format_bytes
from traceql.query.relations import MEMORY_SIGN

if TYPE_CHECKING:
    import duckdb

_LINE = re.compile(r"^LINE (\d+): (.*)\n( *)\^+", re.MULTILINE)
_MISSING: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("table", re.compile(r'Table with name "?([^\s"]+)"? does not exist')),
    (
        "function",
        re.compile(
            r'(?:Scalar |Table |Aggregate )?(?:Function|Macro) with name "?([^\s"]+)"? does'
        ),
    ),
    ("table", re.compile(r'Referenced table "([^"]+)" not found')),
    ("column", re.compile(r'Referenced column "([^"]+)" (?:not found|was not found)')),
    ("column", re.compile(r'does not have a column named "([^"]+)"')),
    ("type", re.compile(r'Type with name "?([^\s"]+)"? does not exist')),
)
_RAISED = re.compile(
    r"Python exception occurred while executing the UDF: \w+: (.*)\s*\Z", re.DOTALL
)
_CANDIDATES = re.compile(r"(?:Candidate bindings:?|Candidate tables:|Did you mean)[ :]*(.*)")
_UNSET = re.compile(r"Values were not provided for the following .*parameters: (\w+)")
_WIDTH = 120


def translated(
    error: duckdb.Error,
    text: str,
    names: Callable[[str], Iterable[str]],
    *,
    memory_limit_bytes: int | None = None,
    timeout_s: float | None = None,
) -> QueryError | StoreError:
    """Give the error of ours that says what an engine's error means.

    Args:
        error: what the engine raised.
        text: the query as the user wrote it.
        names: for "table", "column" or "function", the names that exist.
        memory_limit_bytes: the limit in force.
        timeout_s: the limit in force.
    """
    kind = type(error).__name__
    message = str(error)
    # The error of a stream comes as one of Arrow, with the message alone.
    if (
        kind == "OutOfMemoryException"
        or message.startswith("Out of Memory Error")
        or MEMORY_SIGN in message
    ):
        size = format_bytes(memory_limit_bytes) if memory_limit_bytes else "unset"
        hint = "Raise it with --memory-limit, or ask for less: fewer columns, a window, a group."
        return LimitReached("memory", size, hint)
    if kind == "InterruptException":
        hint = "Raise it with --timeout, or ask for less."
        return LimitReached("time", f"{timeout_s:g} s" if timeout_s else "interrupted", hint)
    if kind == "PermissionException":
        return StatementRefused("a file", "outside the store was asked for")
    if kind in {"IOException", "HTTPException"}:
        return StoreError(f"the store cannot be read: {_plain(message)}")
    line, column, near = _place(message, text)
    for what, pattern in _MISSING:
        found = pattern.search(message)
        if found:
            name = found[1]
            close = _close(name, names(what), _offered(message))
            return UnknownName(name, close, kind=what, line=line, column=column, near=near)
    raised = _RAISED.search(message)
    return SqlError(raised[1] if raised else _plain(message), line, column, near)


def place_of(text: str, offset: int | None) -> tuple[int, int, str]:
    """Give line and column (from 1) of a byte of the query, and the line with a caret under it."""
    if offset is None:
        return 0, 0, ""
    before = text.encode()[:offset].decode(errors="replace")
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    return line, column, _caret(text, line, column)


def close_names(name: str, known: Iterable[str], offered: Sequence[str] = ()) -> tuple[str, ...]:
    """Give up to three existing names that are close to a wrong one."""
    return _close(name, known, offered)


def _place(message: str, text: str) -> tuple[int, int, str]:
    places = list(_LINE.finditer(message))
    if not places:
        return 0, 0, ""
    found = places[-1]
    line = int(found[1])
    shown = found[2]
    column = len(found[3]) - len(f"LINE {line}: ") + 1
    lines = text.split("\n")
    if not 1 <= line <= len(lines):
        return 0, 0, ""
    # A long line is shown as an excerpt between dots: find where the excerpt starts.
    if shown.startswith("..."):
        excerpt = shown.removeprefix("...").removesuffix("...")
        start = lines[line - 1].find(excerpt)
        column = max(1, column - 3 + max(start, 0))
    elif shown.removesuffix("...") not in lines[line - 1]:
        return 0, 0, ""  # the place is inside a view or macro, not in the user's text
    return line, column, _caret(text, line, column)


def _caret(text: str, line: int, column: int) -> str:
    source = text.split("\n")[line - 1].replace("\t", " ")
    start = max(0, column - 1 - _WIDTH // 2) if len(source) > _WIDTH else 0
    return f"  {source[start : start + _WIDTH]}\n  {' ' * (column - 1 - start)}^"


def _plain(message: str) -> str:
    """Give the sentences of a message without its class, its excerpt and its advertisements."""
    unset = _UNSET.search(message)
    if unset:
        return f"no value for ${unset[1]}: give one with --set {unset[1]}=VALUE"
    body = _LINE.split(message)[0]
    body = re.sub(r"^(?:\w+ )?\w+ Error: ", "", body.strip())
    lines = [line.strip() for line in body.splitlines()]
    kept = [line for line in lines if line and not line.startswith(("Candidate", "\t", "Did you"))]
    listed = [line for line in kept if not re.match(r"^\w+\(.*\) -> ", line)]
    return " ".join(listed).strip() or "the query failed"


def _offered(message: str) -> list[str]:
    found: list[str] = []
    for line in _CANDIDATES.findall(message):
        found += [name.rpartition(".")[2] for name in re.findall(r'"([^"]+)"', line)]
    return found


def _close(name: str, known: Iterable[str], offered: Sequence[str]) -> tuple[str, ...]:
    pool = {item.lower(): item for item in [*known, *offered] if not item.startswith("_")}
    pool.pop(name.lower(), None)  # it exists elsewhere: no advice
    near = get_close_matches(name.lower(), pool, n=3, cutoff=0.6)
    return tuple(pool[item] for item in near)
