"""Call chains: tables of (chain, depth, symbol, module) to frames that share their callers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from traceql.importers._columns import Leaves, filled
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from traceql.importers._columns import Int64
    from traceql.importers.nsight.context import Context

CHAINS = ("SAMPLING_CALLCHAINS", "CUDA_CALLCHAINS", "OSRT_CALLCHAINS", "SYSCALL_CALLCHAINS")
NO_CHAINS = Leaves(np.empty(0, np.int64), np.empty(0, np.int64))
_WANTED = ("id", "stackDepth", "symbol", "module")


class Stacks:
    """Frames of all tables of call chains under one numbering.

    A frame is a symbol of a module under its caller; addresses within a function are not told
    apart, since each sample has its own.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[tuple[int, int, int], int] = {}
        """(caller, symbol, module) to frame; no caller is -1."""
        self._parents: list[int] = []
        self._symbols: list[int] = []
        self._modules: list[int] = []
        self._depths: list[int] = []

    def read(self) -> None:
        """Read all tables of chains; `context.frames` then has the leaf frame of each chain."""
        for table in CHAINS:
            if table in self._context.export.tables:
                self._context.frames[table] = self._leaves(table)

    def _leaves(self, table: str) -> Leaves:
        self._context.done.add(table)
        wanted = dict.fromkeys(_WANTED, pa.int64())
        parts = [
            np.stack([filled(batch[name], -1) for name in _WANTED])
            for batch in self._context.export.rows(table, wanted)
        ]
        if not parts:
            return NO_CHAINS
        rows = np.concatenate(parts, axis=1)
        # Outermost first; depth 0 is the innermost.
        order = np.lexsort((-rows[1], rows[0]))
        chain, _, symbol, module = rows[:, order]
        starts = np.flatnonzero(np.append(True, chain[1:] != chain[:-1]))
        lengths = np.diff(np.append(starts, len(chain)))
        frame = np.full(len(starts), -1, np.int64)
        # Level by level from the root: as many steps as the longest chain has frames.
        for level in range(int(lengths.max())):
            alive = np.flatnonzero(lengths > level)
            at = starts[alive] + level
            frame[alive] = self._level(frame[alive], symbol[at], module[at], level)
        return Leaves(chain[starts], frame)

    def _level(self, parent: Int64, symbol: Int64, module: Int64, depth: int) -> Int64:
        """Number the frames of one level: a loop over the different ones only."""
        keys = np.stack([parent, symbol, module], axis=1)
        different, codes = np.unique(keys, axis=0, return_inverse=True)
        numbers = np.empty(len(different), np.int64)
        for place, key in enumerate(map(tuple, different.tolist())):
            number = self._known.get(key)
            if number is None:
                number = self._known[key] = len(self._parents)
                self._parents.append(key[0])
                self._symbols.append(key[1])
                self._modules.append(key[2])
                self._depths.append(depth)
            numbers[place] = number
        return numbers[codes.reshape(-1)]

    def chunks(self) -> Iterator[Chunk]:
        """Give the rows of `frame`."""
        take = self._context.strings.take
        for start in range(0, len(self._parents), 1 << 16):
            here = slice(start, start + (1 << 16))
            parents = np.array(self._parents[here], np.int64)
            rows = {
                "id": np.arange(start, start + len(parents)),
                "parent_id": pa.array(parents, mask=parents < 0),
                "depth": self._depths[here],
                "name": take(pa.array(self._symbols[here], pa.int64())),
                "module": take(pa.array(self._modules[here], pa.int64())),
            }
            yield Chunk("frame", tables.conform("frame", rows))
