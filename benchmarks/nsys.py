"""Make an export of Nsight Systems of any size: `benchmarks/nsys.py out.sqlite --kernels 3e6`.

For each kernel there are 10 / 3 calls of the runtime, an eighth of a copy and 8 / 15 of an NVTX
range: 3e6 kernels make a file of the 1 GB class. Calls and ranges nest, kernels of a stream do not
overlap, every kernel and copy has its call; the same size and seed give the same rows.
"""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]

PID = 4660
PROCESS = 0x0001_0000_0000_0000 | PID << 24
THREAD = PROCESS | PID
FIRST_CALL, CALLS = 3000, 40
FIRST_RANGE, RANGES = 3100, 200
STRINGS = 4000
LATENCY_NS = 20_000
GROUP = 120
"""Kernels of a step; also what rows are divided by, so that shares are whole."""

TABLES = {
    "META_DATA_EXPORT": "name TEXT, value TEXT",
    "StringIds": "id INTEGER NOT NULL PRIMARY KEY, value TEXT NOT NULL",
    "TARGET_INFO_GPU": "vmId INTEGER NOT NULL, id INTEGER NOT NULL, name TEXT, busLocation TEXT, "
    "isDiscrete INTEGER, l2CacheSize INTEGER, totalMemory INTEGER, memoryBandwidth INTEGER, "
    "clockRate INTEGER, smCount INTEGER, chipName TEXT, uuid TEXT",
    "CUPTI_ACTIVITY_KIND_RUNTIME": "start INTEGER NOT NULL, end INTEGER NOT NULL, "
    "eventClass INTEGER NOT NULL, globalTid INTEGER, correlationId INTEGER, "
    "nameId INTEGER NOT NULL, returnValue INTEGER NOT NULL, callchainId INTEGER",
    "CUPTI_ACTIVITY_KIND_KERNEL": "start INTEGER NOT NULL, end INTEGER NOT NULL, "
    "deviceId INTEGER NOT NULL, contextId INTEGER NOT NULL, greenContextId INTEGER, "
    "streamId INTEGER NOT NULL, correlationId INTEGER, globalPid INTEGER, "
    "demangledName INTEGER NOT NULL, shortName INTEGER NOT NULL, mangledName INTEGER, "
    "launchType INTEGER, cacheConfig INTEGER, registersPerThread INTEGER NOT NULL, "
    "gridX INTEGER NOT NULL, gridY INTEGER NOT NULL, gridZ INTEGER NOT NULL, "
    "blockX INTEGER NOT NULL, blockY INTEGER NOT NULL, blockZ INTEGER NOT NULL, "
    "staticSharedMemory INTEGER NOT NULL, dynamicSharedMemory INTEGER NOT NULL, "
    "localMemoryPerThread INTEGER NOT NULL, localMemoryTotal INTEGER NOT NULL, "
    "gridId INTEGER NOT NULL, sharedMemoryExecuted INTEGER, graphNodeId INTEGER, "
    "sharedMemoryLimitConfig INTEGER",
    "CUPTI_ACTIVITY_KIND_MEMCPY": "start INTEGER NOT NULL, end INTEGER NOT NULL, "
    "deviceId INTEGER NOT NULL, contextId INTEGER NOT NULL, greenContextId INTEGER, "
    "streamId INTEGER NOT NULL, correlationId INTEGER, globalPid INTEGER, "
    "bytes INTEGER NOT NULL, copyKind INTEGER NOT NULL, deprecatedSrcId INTEGER, "
    "srcKind INTEGER, dstKind INTEGER, srcDeviceId INTEGER, srcContextId INTEGER, "
    "dstDeviceId INTEGER, dstContextId INTEGER, migrationCause INTEGER, graphNodeId INTEGER, "
    "virtualAddress INTEGER, copyCount INTEGER",
    "NVTX_EVENTS": "start INTEGER NOT NULL, end INTEGER, eventType INTEGER NOT NULL, "
    "rangeId INTEGER, category INTEGER, color INTEGER, text TEXT, globalTid INTEGER, "
    "endGlobalTid INTEGER, textId INTEGER, domainId INTEGER, uint64Value INTEGER, "
    "int64Value INTEGER, doubleValue REAL, uint32Value INTEGER, int32Value INTEGER, "
    "floatValue REAL, jsonTextId INTEGER, jsonText TEXT, binaryData TEXT",
}


def write_export(path: Path, kernels: int, seed: int = 1, page_size: int = 4096) -> int:
    """Write an export.

    Args:
        path: replaced if it is there.
        kernels: how many, rounded up to a whole step.
        seed: of durations, names and sizes.
        page_size: of the database.

    Returns:
        How many rows the tables of events have.
    """
    path.unlink(missing_ok=True)
    random = np.random.default_rng(seed)
    rows, start = 0, 10**9
    with closing(sqlite3.connect(path, isolation_level=None)) as base:
        for pragma in (f"page_size={page_size}", "journal_mode=off", "synchronous=off"):
            base.execute(f"PRAGMA {pragma}")
        for name, columns in TABLES.items():
            base.execute(f"CREATE TABLE {name} ({columns})")
        _insert(base, "META_DATA_EXPORT", [["EXPORT_SCHEMA_VERSION"], ["3.20.4"]])
        _insert(base, "StringIds", [list(range(STRINGS)), [_text(n) for n in range(STRINGS)]])
        _insert(base, "TARGET_INFO_GPU", [[v] for v in (
            1, 0, "Synthetic GPU", "0000:01:00.0", 1, 50 << 20, 80 << 30, 2 * 10**12, 1_755_000_000,
            108, "SYN100", "0123",
        )])  # fmt: skip
        for first in range(0, kernels, 1200 * GROUP):
            count = min(1200 * GROUP, -(-(kernels - first) // GROUP) * GROUP)
            base.execute("BEGIN")
            added, start = _steps(base, random, first, count, start)
            base.execute("COMMIT")
            rows += added
    return rows


def _steps(
    base: sqlite3.Connection, random: np.random.Generator, first: int, count: int, start: int
) -> tuple[int, int]:
    """Write kernels from `first` on, and what belongs to them; rows, and when they end."""
    dur = random.integers(4_000, 60_000, count)
    begun = start + np.cumsum(dur + random.integers(900, 3_000, count)) - dur
    called = begun - LATENCY_NS
    correlation = np.arange(first, first + count) * 4 + 100
    name = np.minimum(random.zipf(1.3, count) - 1, FIRST_CALL - 1)
    grid = random.choice([1, 132, 1024, 65536], count)
    stream = np.where(np.arange(count) // 40 % 3 == 2, 20, 7)
    _insert(base, "CUPTI_ACTIVITY_KIND_KERNEL", [
        begun, begun + dur, 0, 1, None, stream, correlation, PROCESS, name, name % 800, name, 1, 0,
        32 + name % 90, grid, 1, 1, 128, 1, 1, 0, name % 3 * 16384, 0, 61_734_912, correlation,
        102_400, None, 0,
    ], count)  # fmt: skip

    # Three calls for each kernel, the second launches it; one more for every third.
    offsets = np.concatenate(
        [np.repeat([[0, 600, 3000]], count, axis=0).ravel(), [3300] * (count // 3)]
    )
    owner = np.concatenate([np.repeat(np.arange(count), 3), np.arange(0, count, 3)])
    which = np.concatenate([np.tile([0, 1, 2], count), np.full(count // 3, 3)])
    order = np.argsort(called[owner] + offsets)
    owner, which = owner[order], which[order]
    at = called[owner] + offsets[order]
    length = np.where(which == 1, 2_000 + dur[owner] % 300, 150 + dur[owner] % 100)
    number = np.where(which == 1, 0, 1 + (name[owner] + which) % (CALLS - 1))
    identity = correlation[owner] + np.choose(which, [1, 0, 2, 3])
    _insert(base, "CUPTI_ACTIVITY_KIND_RUNTIME", [
        at, at + length, 0, THREAD, identity, FIRST_CALL + number, 0, None,
    ], len(at))  # fmt: skip

    copy = np.arange(0, count, 8)
    _insert(base, "CUPTI_ACTIVITY_KIND_MEMCPY", [
        begun[copy], begun[copy] + 1_500, 0, 1, None, 13, correlation[copy] + 2, PROCESS,
        random.integers(1, 1 << 24, len(copy)), 1 + copy // 8 % 2, None, 1, 2, None, None, None,
        None, None, None, None, 1,
    ], len(copy))  # fmt: skip
    ranges = _ranges(base, called, count)
    return count + len(at) + len(copy) + ranges, int(begun[-1] + dur[-1])


def _ranges(base: sqlite3.Connection, called: Int64, count: int) -> int:
    """Write steps of 120 calls, layers of 10 in them, operators of 2 or 3 in these."""
    firsts, lasts = [], []
    for size, every in ((GROUP, GROUP), (10, 10), (2, 5), (3, 5), (1, 40), (1, 120)):
        first = np.arange(2 if size == 3 else 0, count, every)
        firsts.append(first)
        lasts.append(first + size - 1)
    first, last = np.concatenate(firsts), np.concatenate(lasts)
    level = np.repeat(np.arange(6), [len(part) for part in firsts])
    begin = called[first] - 600 + 50 * level
    end = called[last] + 3_900 - 50 * level
    order = np.argsort(begin)
    begin, end, level, first = begin[order], end[order], level[order], first[order]
    number = FIRST_RANGE + level * 30 + first // 10 % 30
    written = level == 1
    texts = [
        f"layer_{n % 97}: forward" if w else None
        for n, w in zip(first.tolist(), written, strict=True)
    ]
    ids = [None if w else n for n, w in zip(number.tolist(), written, strict=True)]
    _insert(base, "NVTX_EVENTS", [
        begin, end, 59, None, None, None, texts, THREAD, THREAD, ids, 0, *[None] * 9,
    ], len(begin))  # fmt: skip
    return len(begin)


def _text(number: int) -> str:
    if FIRST_CALL <= number < FIRST_CALL + CALLS:
        return "cudaLaunchKernel_v7000" if number == FIRST_CALL else f"cudaCall{number}_v3020"
    if FIRST_RANGE <= number < FIRST_RANGE + RANGES:
        return f"aten::operator_{number}"
    return f"void kernel_{number}<float, {number % 7}, Functor<{number % 13}>>(int, float *)"


def _insert(base: sqlite3.Connection, table: str, columns: Sequence[Any], count: int = 0) -> None:
    """Insert columns: arrays, lists, or one value for all rows."""
    listed: list[list[Any]] = [
        column.tolist() if isinstance(column, np.ndarray)
        else column if isinstance(column, list) else [column] * count
        for column in columns
    ]  # fmt: skip
    marks = ", ".join("?" * len(listed))
    base.executemany(f"INSERT INTO {table} VALUES ({marks})", zip(*listed, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kernels", type=float, default=3e6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page-size", type=int, default=4096)
    given = parser.parse_args()
    rows = write_export(given.out, int(given.kernels), given.seed, given.page_size)
    print(f"{rows} rows, {given.out.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
