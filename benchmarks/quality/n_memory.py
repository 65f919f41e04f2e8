"""M1 to M3: levels and peaks, leaks, fragmentation; on scripts of an allocator."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from benchmarks.quality import goal, shared
from traceql.analyses.memory import _holes, _replay
from traceql.analyses.memory.leak import Leak
from traceql.model import tables

SCHEMA = pa.schema(
    [
        ("id", pa.int32()), ("ts", pa.int64()), ("device_id", pa.int32()), ("is_alloc", pa.bool_()),
        ("address", pa.int64()), ("bytes", pa.int64()), ("total_bytes", pa.int64()),
        ("reserved_bytes", pa.int64()), ("site", pa.string()),
    ]
)  # fmt: skip
LEAK_RUNS, QUIET_RUNS = 40, 100


class Script(NamedTuple):
    """What an allocator did, one event per row; and where steps begin."""

    ts: list[int]
    address: list[int]
    signed: list[int]
    site: list[str]
    step_ts: list[int]


def rows(script: Script, *, addresses: bool = True) -> pa.Table:
    """Give the rows that an analysis would be given."""
    n = len(script.ts)
    signed = np.array(script.signed, np.int64)
    return pa.table(
        {
            "id": np.arange(n, dtype=np.int32),
            "ts": np.array(script.ts, np.int64),
            "device_id": np.zeros(n, np.int32),
            "is_alloc": signed > 0,
            "address": pa.array(script.address if addresses else [None] * n, pa.int64()),
            "bytes": np.abs(signed),
            "total_bytes": pa.nulls(n, pa.int64()),
            "reserved_bytes": pa.nulls(n, pa.int64()),
            "site": script.site,
        },
        schema=SCHEMA,
    )


def steps(script: Script) -> pa.Table:
    """Give the table `iteration` of a script."""
    edges = [*script.step_ts, script.ts[-1] + 1000]
    made = [
        {"track_id": 0, "iteration_index": i, "ts": a, "dur": b - a, "name": f"step {i}",
         "source": "marker", "confidence": 1.0}
        for i, (a, b) in enumerate(itertools.pairwise(edges))
    ]  # fmt: skip
    return pa.Table.from_pylist(made, tables.table("iteration").arrow_schema)


def training(rng: np.random.Generator, leak_bytes: int, every: int = 1) -> Script:
    """A run whose steps allocate activations up and free them down, of sizes that vary a little.

    Caches fill in the first steps and stay, some blocks live for a step or two more, and one site
    leaves `leak_bytes` in each step that is a multiple of `every`.
    """
    script = Script([], [], [], [], [])
    clock, address, sizes = 0, 0, {}

    def event(where: int, size: int, site: str) -> None:
        nonlocal clock
        clock += int(rng.integers(200, 2000))
        script.ts.append(clock)
        script.address.append(where)
        script.signed.append(size)
        script.site.append(site)

    def alloc(size: int, site: str) -> int:
        nonlocal address
        address += 1 << 30
        sizes[address] = (size, site)
        event(address, size, site)
        return address

    later: list[int] = []
    layers = int(rng.integers(5, 20))
    base = rng.integers(1 << 12, 1 << 22, layers)
    for step in range(int(rng.integers(20, 60))):
        script.step_ts.append(clock + 100)
        if step < 3:
            alloc(int(rng.integers(1 << 16, 1 << 20)), "optimizer state")
        held = []
        for layer in range(layers):
            size = int(base[layer] * rng.uniform(0.9, 1.1))
            held.append(alloc(size, f"layer {layer}"))
            if leak_bytes and layer == layers // 2 and step % every == 0:
                alloc(leak_bytes, "kept loss")
        free = [*later, *reversed(held)]
        later = [free.pop() for _ in range(int(rng.integers(0, 3)))]
        for block in free:
            event(block, -sizes[block][0], sizes[block][1])
    return script


def told(
    script: Script, *, addresses: bool = True, marked: bool = True
) -> list[tuple[str, str, float]]:
    """Give (kind, subject, bytes per step) of what the analysis finds."""
    analysis = Leak()
    none = tables.table("iteration").arrow_schema.empty_table()
    measured = analysis.measure(
        {
            "allocation": rows(script, addresses=addresses),
            "device": pa.table({"device_id": [0], "memory_bytes": [1 << 34]}),
            "iteration": steps(script) if marked else none,
        }
    )
    names = pa.array(["made"] * measured.num_rows, pa.string())
    result = analysis.conclude(measured.append_column("trace", names))
    return [(f.kind, f.subject, f.value or 0.0) for f in result.findings]


@goal("M2", ">= 0.99 leak_recall", "<= 0.01 rate_error", "== 0 false_runs", cheap=True)
def leaks(rng: np.random.Generator) -> dict[str, float]:
    """A block left in every step, or every other, beside caches; 100 sawtooth runs that leave none.

    With addresses the site must be named; without, the floor is asked (blocks that live for a step
    or two more hide small leaks from it, so its recall is shown beside).
    """
    found, error, floor, floor_error = 0, 0.0, 0, []
    for _ in range(LEAK_RUNS):
        size, every = int(rng.integers(1 << 14, 1 << 20)), int(rng.choice([1, 1, 2]))
        script = training(rng, size, every)
        for kind, subject, rate in told(script):
            if kind == "leak" and subject.startswith("kept loss"):
                found += 1
                counted = range(len(script.step_ts))
                share = sum(s % every == 0 for s in counted) / len(counted)
                error = max(error, abs(rate / (size * share) - 1) if every == 1 else 0.0)
        size = int(rng.integers(1 << 17, 1 << 20))
        blind = training(rng, size)
        for kind, _, rate in told(blind, addresses=False):
            floor += kind == "floor_growth"
            floor_error.append(abs(rate / size - 1))
    false = sum(bool(told(training(rng, 0), addresses=bool(i % 2))) for i in range(QUIET_RUNS))
    return {
        "leak_recall": found / LEAK_RUNS,
        "rate_error": error,
        "false_runs": float(false),
        "floor_recall": floor / LEAK_RUNS,
        "floor_rate_error_median": float(np.median(floor_error)) if floor_error else float("nan"),
    }


@goal("M1", "== 0 wrong_points", "== 0 wrong_kineto", "== 1 published", cheap=True)
def levels(rng: np.random.Generator) -> dict[str, float]:
    """An exported timeline by category, every Kineto trace's own totals, and random scripts."""
    folder = "traces/kineto/facebookresearch__HolisticTraceAnalysis/tests/data/memory_analysis"
    raw = np.array(
        json.loads(gzip.decompress(shared(folder, "memory_timeline.raw.gz").read_bytes()))
    )
    wrong = 0
    running = [0] * 8
    plain = []
    for _, _, size, category in raw.tolist():
        running[category] += size
        plain.append(tuple(running))
    for at in rng.integers(0, len(raw), 200).tolist():
        wrong += tuple(_replay.by_group(raw[:, 2], raw[:, 3], 8, at).tolist()) != plain[at]
    times, last = np.unique(raw[::-1, 0], return_index=True)
    answer = [102440608, 102228128, 19395584, 0, 2618160128, 58417152, 41811968, 25494440]
    at = len(raw) - 1 - int(last[744])
    published = _replay.by_group(raw[:, 2], raw[:, 3], 8, at).tolist() == answer
    for _ in range(50):
        script = training(rng, 4096)
        given = _replay.events(rows(script))
        made = _replay.replay(given)
        wrong += not np.array_equal(made.level, np.cumsum(script.signed))
        peak = int(made.level.argmax())
        held = int(given.bytes[_replay.live(made, peak)].sum())
        wrong += held != int(made.level[peak])
    kineto = sum(_of_kineto(path) for path in _recorded())
    return {"wrong_points": float(wrong), "wrong_kineto": float(kineto),
            "published": float(published), "timeline_points": float(len(times))}  # fmt: skip


def _recorded() -> Iterator[list[tuple[int, int, int]]]:
    """Give (bytes, total, address) of the [memory] events of devices, of traces with totals."""
    for path in sorted(shared("traces", "kineto", "AMD-AGI__TraceLens").rglob("*1016*.json.gz")):
        events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
        mine = [e for e in events if e.get("name") == "[memory]"]
        mine = [e for e in mine if e["args"].get("Device Type") == 1]
        yield [
            (e["args"]["Bytes"], e["args"]["Total Allocated"], e["args"]["Addr"])
            for e in sorted(mine, key=lambda e: float(e["ts"]))
        ]


def _of_kineto(events: list[tuple[int, int, int]]) -> int:
    """Count how often the replayed level is not the tool's total, once the first is known."""
    if not events:
        return 0
    script = Script(list(range(len(events))), [a for _, _, a in events], [b for b, _, _ in events],
                    ["op"] * len(events), [0])  # fmt: skip
    level = _replay.replay(_replay.events(rows(script))).level
    total = np.array([t for _, t, _ in events])
    return int((np.diff(level) != np.diff(total)).sum())


@goal("M3", "== 0 wrong", cheap=True)
def fragmentation(rng: np.random.Generator) -> dict[str, float]:
    """External fragmentation after an event of 1000 random scripts, against painted bytes."""
    wrong, worst = 0, 0.0
    for _ in range(1000):
        script = _scattered(rng)
        at = int(rng.integers(len(script.ts)))
        state = np.zeros(512, np.int8)  # 0 untouched, 1 free, 2 live
        for address, size in zip(script.address[: at + 1], script.signed[: at + 1], strict=True):
            state[address : address + abs(size)] = 2 if size > 0 else 1
        edges = np.flatnonzero(np.diff(np.concatenate([[0], state == 1, [0]])))
        runs = edges[1::2] - edges[::2]
        truth = 1 - runs.max() / runs.sum() if len(runs) else 0.0
        given = _replay.events(rows(script))
        got = _holes.holes(given, _replay.replay(given), at, _holes.by_address(given))
        wrong += abs(got.external_ratio - truth) > 1e-12 or got.free != runs.sum()
        worst = max(worst, truth)
    return {"wrong": float(wrong), "most_fragmented": worst}


def _scattered(rng: np.random.Generator) -> Script:
    """Place blocks at random where nothing is live, in 512 bytes, and free some."""
    script = Script([], [], [], [], [0])
    live: dict[int, int] = {}
    taken = np.zeros(512, bool)
    for step in range(int(rng.integers(5, 80))):
        if live and rng.random() < 0.45:
            address = int(rng.choice(list(live)))
            size = -live.pop(address)
        else:
            size = int(rng.integers(1, 60))
            address = int(rng.integers(0, 512 - size))
            if taken[address : address + size].any():
                continue
            live[address] = size
        taken[address : address + abs(size)] = size > 0
        script.ts.append(step)
        script.address.append(address)
        script.signed.append(size)
        script.site.append("op")
    return script
