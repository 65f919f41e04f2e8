"""Memory does not grow with the file, and batches stay small."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from traceql.importers.chrome import Chrome, rows
from traceql.model.protocols import BLOCK_BYTES

if TYPE_CHECKING:
    import pytest

EVENT = (
    b'{"ph":"X","cat":"cpu_op","name":"op %d","pid":1,"tid":2,"ts":%d.125,"dur":1.5,'
    b'"args":{"External id":%d,"Sequence number":%d,"Input Dims":[[1,2,3],[]]}},\n'
)


class Generated:
    """A trace of `count` events that never stands in memory."""

    path = Path("generated.json")
    damage = ()

    def __init__(self, count: int) -> None:
        self.count = count

    def blocks(self, _size: int = BLOCK_BYTES) -> Iterator[bytes]:
        yield b'{"traceEvents":['
        for first in range(0, self.count, 1000):
            events = range(first, min(first + 1000, self.count))
            yield b"".join(EVENT % (i % 50, i, i, i) for i in events)
        yield b"{}]}"


def peak(count: int) -> int:
    tracemalloc.start()
    seen = 0
    for chunk in Chrome(path="slow").read(Generated(count)):
        assert chunk.rows.num_rows <= rows.BATCH_ROWS
        seen += chunk.rows.num_rows if chunk.table == "span" else 0
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen == count
    return highest


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "BATCH_ROWS", 1024)
    monkeypatch.setattr("traceql.importers.chrome.reading._ROUND", 1024)
    peak(2_000)  # imports and caches
    small, large = peak(6_000), peak(18_000)
    assert large < 1.3 * small + 500_000


def test_long_args_shorten_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("traceql.importers.chrome.reading.BATCH_BYTES", 100_000)
    monkeypatch.setattr(rows, "BATCH_BYTES", 100_000)
    sizes = [c.rows.nbytes for c in Chrome(path="slow").read(Generated(5000)) if c.table == "span"]
    assert len(sizes) > 5
    assert max(sizes) < 150_000
