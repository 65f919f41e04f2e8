"""What the readers of the phases share while one file is read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from traceql.importers import _json_grammar as grammar
from traceql.importers._diagnostics import Diagnostics
from traceql.importers.chrome.diagnostics import CODES
from traceql.importers.chrome.rows import Rows
from traceql.importers.chrome.times import integer
from traceql.importers.chrome.tracks import Tracks

if TYPE_CHECKING:
    from traceql.importers._json_stream import Members

_MOST_CACHED = 1 << 17
_LONGEST_CACHED = 512
_MOST_UNREAD = 10_000
_LONGEST_UNREAD = 64 * 1024
_HEX = re.compile(r"(?:0[xX])?([0-9a-fA-F]{1,16})")


class Texts:
    """Texts of tokens; short ones are remembered, since names and categories repeat."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._known: dict[bytes, str] = {}

    def __call__(self, token: bytes) -> str:
        """Give the text of a string token, the source text of any other."""
        found = self._known.get(token)
        if found is None:
            found = grammar.text(token, self._damaged)
            if len(token) <= _LONGEST_CACHED:
                if len(self._known) >= _MOST_CACHED:
                    self._known.clear()
                self._known[token] = found
        return found

    def optional(self, token: bytes | None) -> str | None:
        """Give the text; None for a missing field and for null."""
        return None if token is None or token == b"null" else self(token)

    def source(self, token: bytes) -> str:
        """Give the source text of a token."""
        return grammar.decode(token, self._damaged)

    def _damaged(self) -> None:
        self._diagnostics.count("text_replaced")


@dataclass
class Context:
    """The state of reading one file."""

    diagnostics: Diagnostics = field(default_factory=lambda: Diagnostics(CODES))
    rows: Rows = field(default_factory=Rows)
    texts: Texts = field(init=False)
    tracks: Tracks = field(init=False)
    _unread: int = 0

    def __post_init__(self) -> None:
        self.texts = Texts(self.diagnostics)
        self.tracks = Tracks(self.texts, lambda: self.diagnostics.count("tid_missing"))

    def other_fields(self, e: Members, known: frozenset[bytes]) -> str | None:
        """Write the fields that are not in `known` as a JSON object, in the order of the source."""
        left = [b'"%b":%b' % (k, v) for k, v in e.items() if k not in known]
        return self.texts.source(b"{" + b",".join(left) + b"}") if left else None

    def keep_unread(self, raw: bytes) -> None:
        """Keep the source text of an event that has no place in any table, as metadata."""
        self._unread += 1
        if self._unread > _MOST_UNREAD or len(raw) > _LONGEST_UNREAD:
            self.diagnostics.count("event_unread_dropped")
            return
        self.rows["metadata"].append(("event.unread", self.texts.source(raw), None))

    def id_of(self, token: bytes) -> int | str:
        """Normalise an id: texts that are hexadecimal are numbers, as in Perfetto."""
        number = integer(token)
        if number is not None:
            return number
        written = self.texts(token)
        match = _HEX.fullmatch(written)
        return int(match[1], 16) if match else written
