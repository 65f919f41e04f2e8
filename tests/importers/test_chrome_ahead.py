"""Reading ahead in a thread: the same blocks, errors in their place, nothing lost when stopped."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contracts"))
from importer_runs import MemorySource

from traceql.importers._json_stream import Blocks
from traceql.importers.chrome import Chrome, reading
from traceql.importers.chrome.ahead import MOST_BLOCKS, Ahead

TEXTS = [b"%d" % number for number in range(3 * MOST_BLOCKS)]


def test_gives_all_blocks() -> None:
    assert list(Ahead(Blocks(TEXTS))) == TEXTS


@pytest.mark.parametrize("taken", [0, 1, MOST_BLOCKS, len(TEXTS)])
def test_what_was_not_taken_is_put_back(taken: int) -> None:
    blocks = Blocks(TEXTS)
    ahead = Ahead(blocks)
    assert list(islice(ahead, taken)) == TEXTS[:taken]
    ahead.stop()
    assert list(blocks) == TEXTS[taken:]


def test_reads_no_further_than_it_may() -> None:
    given = []

    def source() -> Iterator[bytes]:
        for text in TEXTS:
            given.append(text)
            yield text

    ahead = Ahead(Blocks(source()))
    time.sleep(0.05)
    assert len(given) <= MOST_BLOCKS
    ahead.stop()


def broken() -> Iterator[bytes]:
    yield b"a"
    raise OSError("gone")


def test_an_error_comes_in_its_place() -> None:
    ahead = iter(Ahead(Blocks(broken())))
    assert next(ahead) == b"a"
    with pytest.raises(OSError, match="gone"):
        next(ahead)


def test_an_error_is_put_back_too() -> None:
    blocks = Blocks(broken())
    ahead = Ahead(blocks)
    ahead.stop()
    assert next(blocks) == b"a"
    with pytest.raises(OSError, match="gone"):
        next(blocks)


@pytest.mark.parametrize("threads", [1, 2])
def test_damage_may_come_any_number_of_times(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setattr(reading, "_STRETCH", 2)
    event = b'{"ph":"X","name":"a","ts":%d,"dur":1}'
    texts = [b"junk" if i % 8 == 7 else event % i for i in range(12_000)]
    data = b"[" + b",".join(texts) + b"]"
    ways: list[dict[str, Any]] = [
        {"path": "slow"},
        {"path": "fast", "threads": threads, "block_bytes": 1 << 16},
    ]
    counts = []
    for way in ways:
        chunks = Chrome(**way).read(MemorySource(data))
        counts.append(sum(c.rows.num_rows for c in chunks if c.table == "span"))
    assert counts[0] == counts[1] > 9000
