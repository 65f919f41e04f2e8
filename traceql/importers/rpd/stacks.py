"""Stacks of calls: each call that has one is a sample of its thread."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from traceql.importers._columns import filled, valid
from traceql.importers._rocm.frames import Frames
from traceql.importers._rocm.names import constant
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.importers._columns import Bool, Int64
    from traceql.importers._rocm.trace import Trace

_PLACE = re.compile(r"^(?:in )?(.+) at (.+?):(\d{1,9})(?::\d+)?$", re.DOTALL)
_ADDRESS = re.compile(r"^(0x[0-9a-fA-F]{1,16}) at (.+)$", re.DOTALL)
_DEEPEST = 4096
_LARGEST = 1 << 63


class Stacks:
    """The frames of all calls.

    Args:
        calls: int64 [n], the call of each frame.
        depths: int64 [n], 0 where the call itself was made.
        names: int64 [n], numbers of texts.
        texts: what they are.
    """

    def __init__(self, calls: Int64, depths: Int64, names: Int64, texts: pa.Array) -> None:
        self._frames = Frames()
        kept = (depths >= 0) & (depths < _DEEPEST)
        self.left_out = int((~kept).sum())
        calls, depths, names = calls[kept], depths[kept], names[kept]
        order = np.lexsort((-depths, calls))
        calls, names = calls[order], names[order]
        first = np.ones(len(calls), np.bool_)
        first[1:] = calls[1:] != calls[:-1]
        stack = np.cumsum(first) - 1
        self.calls: Int64 = calls[first]
        rank = np.arange(len(calls)) - np.flatnonzero(first)[stack]
        self.leaves: Int64 = self._leaves(stack, rank, names, texts)

    def _leaves(self, stack: Int64, rank: Int64, names: Int64, texts: pa.Array) -> Int64:
        """Number frames level by level from the outermost one; give the last of each stack."""
        leaf = np.full(len(self.calls), -1, np.int64)
        by_rank = np.argsort(rank, kind="stable")
        for here in np.split(by_rank, np.cumsum(np.bincount(rank))[:-1]):
            pairs = np.stack([leaf[stack[here]], names[here]], axis=1)
            distinct, codes = np.unique(pairs, axis=0, return_inverse=True)
            numbers = [self._number(parent, texts[name].as_py() if name >= 0 else None)
                       for parent, name in distinct.tolist()]  # fmt: skip
            leaf[stack[here]] = np.array(numbers, np.int64)[codes.reshape(-1)]
        return leaf

    def _number(self, parent: int, text: str | None) -> int:
        return self._frames.number(None if parent < 0 else parent, **told(text))

    def chunks(self, trace: Trace, which: Bool, ts: pa.Array, utids: pa.Array) -> Iterator[Chunk]:
        """Give the rows of `sample_event` and `frame`.

        Args:
            trace: that is being read.
            which: bool [n], which of `calls` are there.
            ts: int64, when each of those was made.
            utids: int32, by which thread.
        """
        rows = len(ts)
        if rows:
            yield Chunk("sample_event", tables.conform("sample_event", {
                "ordinal": trace.ordinals(rows), "ts": ts, "utid": utids,
                "frame_id": self.leaves[which].astype(np.int32),
                "weight": np.ones(rows), "weight_unit": constant("calls", rows),
            }))  # fmt: skip
        yield from self._frames.chunks()


def told(text: str | None) -> Mapping[str, Any]:
    """Give what a frame's text tells: name, file and line, or address and module."""
    found = _PLACE.match(text or "")
    if found:
        return {"name": found[1], "file": found[2], "line": min(int(found[3]), (1 << 31) - 1)}
    found = _ADDRESS.match(text or "")
    if found and int(found[1], 16) < _LARGEST:
        return {"name": None, "module": found[2], "address": int(found[1], 16)}
    return {"name": text}


def frames_of(rows: Mapping[str, pa.Array], numbers: Int64, texts: pa.Array) -> Stacks:
    """Take the rows of `rocpd_stackframe`; those without a call are left out."""
    has = valid(rows["api_ptr_id"])
    depths = filled(rows["depth"], -1)
    return Stacks(filled(rows["api_ptr_id"])[has], depths[has], numbers[has], texts)
