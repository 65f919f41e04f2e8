"""Choose the importer for an input, or say what the input is instead."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from traceql.engine import plugins
from traceql.errors import AmbiguousFormat, InputError, UnknownFormat
from traceql.model.protocols import Head, Match

if TYPE_CHECKING:
    from traceql.model.protocols import Importer

_FTRACE = re.compile(rb"^# tracer:|^\s*\S.{0,40}-\d+\s+(?:\([ \d-]+\)\s+)?\[\d{3}\]", re.MULTILINE)
_CAUSES: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"PK\x03\x04"), "a zip archive with several members, or none"),
    (re.compile(rb"SQLite format 3\x00"), "an SQLite database of a tool that is not known"),
    (re.compile(rb".{257}ustar", re.DOTALL), "a tar archive"),
    (re.compile(rb"BZh[1-9]1AY"), "packed by bzip2"),
    (re.compile(rb"\xfd7zXZ\x00"), "packed by xz"),
    (re.compile(rb"\x7fELF|MZ"), "a program, not a trace"),
    (re.compile(rb"TRACE:"), "ftrace text packed by atrace"),
    (re.compile(rb"\s*<(?:!DOCTYPE )?html", re.IGNORECASE), "an HTML page (systrace or other)"),
    (re.compile(rb"\s*<[?!]"), "XML of a tool that is not known"),
    (
        re.compile(rb'\s*\{(?:(?!"traceEvents").){0,4096}"nodes"\s*:', re.DOTALL),
        "an execution graph, not a trace: it has no timeline",
    ),
    (re.compile(rb"\s*\{"), "JSON without an array of trace events"),
    (re.compile(rb"\s*\["), "a JSON list whose items have no phase `ph`"),
)
_FOLDER = "a folder that no importer takes for one trace"


def detect(head: Head, forced: str | None = None) -> tuple[str, Importer]:
    """Choose by content: the surest importer wins.

    Args:
        head: the beginning of the input.
        forced: the importer that the user named; it is not asked whether it agrees.

    Returns:
        The importer's name and the importer with its default options.

    Raises:
        UnknownFormat: no importer takes it; the message says what it looks like.
        AmbiguousFormat: several are equally sure.
        InputError: there is no importer of the forced name.
    """
    known = plugins.names("importers")
    if forced is not None:
        return forced, _named(forced, known)
    matches: dict[str, tuple[Match, Importer]] = {}
    for name in known:
        importer: Importer = plugins.load("importers", name)()
        matches[name] = (importer.sniff(head), importer)
    best = max((match for match, _ in matches.values()), default=Match.NO)
    if best == Match.NO:
        folder = head.path.is_dir()
        raise UnknownFormat(head.path, _FOLDER if folder else cause(head.prefix), known)
    found = [name for name, (match, _) in matches.items() if match == best]
    if len(found) > 1:
        raise AmbiguousFormat(head.path, found)
    return found[0], matches[found[0]][1]


def is_one_trace(head: Head, forced: str | None = None) -> bool:
    """Tell whether an importer, or the named one, takes a folder for what one run wrote."""
    if not head.names:
        return False
    known = plugins.names("importers")
    asked = known if forced is None else tuple(name for name in known if name == forced)
    return any(plugins.load("importers", name)().sniff(head) != Match.NO for name in asked)


def _named(name: str, known: tuple[str, ...]) -> Importer:
    if name not in known:
        close = difflib.get_close_matches(name, known)
        hint = f" Did you mean {', '.join(close)}?" if close else ""
        raise InputError(f"no format named {name!r}.{hint} See `traceql list formats`.")
    importer: Importer = plugins.load("importers", name)()
    return importer


def cause(prefix: bytes) -> str:
    """Say what the beginning of a file that is no known trace looks like."""
    if not prefix:
        return "the file is empty, or its compression is cut off"
    for pattern, what in _CAUSES:
        if pattern.match(prefix):
            return what
    if _FTRACE.search(prefix):
        return "ftrace text, which no importer reads yet"
    if b"\0" in prefix[:4096]:
        return "binary data of a tool that is not known"
    return "text of a tool that is not known"
