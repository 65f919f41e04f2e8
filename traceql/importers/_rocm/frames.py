"""Frames of sampled stacks, numbered by what tells them apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from traceql.model import tables
from traceql.model.protocols import Chunk

_BATCH_ROWS = 1 << 16


class Frames:
    """Frames under one numbering; a frame is known by its caller, name, module and place."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], int] = {}
        self._depths: list[int] = []

    def number(
        self, parent: int | None, name: str | None, *, module: str | None = None,
        file: str | None = None, line: int | None = None, address: int | None = None,
    ) -> int:  # fmt: skip
        """Give the number of a frame, a new one if it is new."""
        key = (parent, name, module, file, line, address)
        if key not in self._known:
            self._known[key] = len(self._known)
            self._depths.append(0 if parent is None else self._depths[parent] + 1)
        return self._known[key]

    def chunks(self) -> Iterator[Chunk]:
        """Give the rows of `frame`."""
        keys = list(self._known)
        names = ("parent_id", "name", "module", "file", "line", "address")
        for start in range(0, len(keys), _BATCH_ROWS):
            part = keys[start : start + _BATCH_ROWS]
            columns = dict(zip(names, map(list, zip(*part, strict=True)), strict=True))
            yield Chunk("frame", tables.conform("frame", {
                "id": list(range(start, start + len(part))),
                "depth": self._depths[start : start + len(part)],
                **columns,
            }))  # fmt: skip
