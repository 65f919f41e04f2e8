"""What was wrong with a file, counted: one row of `diagnostic` per code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from traceql.model.protocols import Chunk

Codes = Mapping[str, tuple[str, str]]
"""Code to severity and message."""

_MOST = 2**63 - 1


@dataclass
class Diagnostics:
    """Counts per code, with the first offset.

    Attributes:
        codes: what can be counted.
        offset: of what is being read, for counts that name no other; None: not known.
    """

    codes: Codes
    offset: int | None = None
    _found: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    _said: list[tuple[str, str, int, None, str]] = field(default_factory=list)

    def count(self, code: str, n: int = 1, *, offset: int | None = None) -> None:
        """Count `n` more of a code; the first time says where."""
        if n > 0:
            number, first = self._found.get(code, (0, self.offset if offset is None else offset))
            self._found[code] = (number + n, first)

    def count_at(self, code: str, offset: int) -> None:
        """Count one of a code, met at an offset: for readers of a container."""
        self.count(code, offset=offset)

    def say(self, severity: str, code: str, n: int, message: str) -> None:
        """Add what the file itself, or the tool that wrote it, counts or says."""
        if n > 0:
            self._said.append((severity, code, min(n, _MOST), None, message))

    def chunk(self, damage: Iterable[tuple[str, int, str]]) -> Iterator[Chunk]:
        """Give the rows: what was counted, what was said, and the damage to the container.

        Args:
            damage: code, offset, message.
        """
        from traceql.model import tables

        rows: list[tuple[str, str, int, int | None, str]]
        rows = [(self.codes[code][0], code, min(n, _MOST), first, self.codes[code][1])
                for code, (n, first) in sorted(self._found.items())]  # fmt: skip
        rows += self._said
        rows += [("data_loss", code, 1, offset, message) for code, offset, message in damage]
        if rows:
            names = ("severity", "code", "count", "first_offset", "message")
            columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
            yield Chunk("diagnostic", tables.conform("diagnostic", columns))
