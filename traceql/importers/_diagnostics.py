"""What was wrong with a file, counted while it is read: rows of `diagnostic`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from traceql.model import tables
from traceql.model.protocols import Chunk


@dataclass
class Diagnostics:
    """Counts per code, and what else is to be said.

    Args:
        codes: code to severity and message.
    """

    codes: Mapping[str, tuple[str, str]]
    _found: dict[str, int] = field(default_factory=dict)
    _other: list[tuple[str, str, int, str]] = field(default_factory=list)

    def count(self, code: str, n: int = 1) -> None:
        """Count `n` more of a code."""
        if n:
            self._found[code] = self._found.get(code, 0) + n

    def say(self, severity: str, code: str, n: int, message: str) -> None:
        """Add a message of one's own."""
        self._other.append((severity, code, n, message))

    def chunk(self, damage: Iterable[tuple[str, int, str]]) -> Iterator[Chunk]:
        """Give the rows: what was counted, and the damage to the file."""
        rows: list[tuple[str, str, int, int | None, str]]
        rows = [(self.codes[code][0], code, n, None, self.codes[code][1])
                for code, n in sorted(self._found.items())]  # fmt: skip
        rows += [(severity, code, n, None, message) for severity, code, n, message in self._other]
        rows += [("data_loss", code, 1, offset, message) for code, offset, message in damage]
        if rows:
            names = ("severity", "code", "count", "first_offset", "message")
            columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
            yield Chunk("diagnostic", tables.conform("diagnostic", columns))
