"""Kernels over sorted slices: `python benchmarks/sweep.py --slices 10000000`.

The limit beside them is a copy of the same arrays: no kernel can be faster than memory.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import measured
import numpy as np

from traceql.kernels import intervals, order
from traceql.kernels.nest import Nesting


def made(slices: int, tracks: int = 50) -> dict[str, np.ndarray]:
    """Make nested slices: on each track runs of 8, each inside the one before."""
    row = np.arange(slices)
    track = row * tracks // slices
    level = row % 8
    ts = (row // 8) * 1000 + level * 10
    return {"track": track, "ts": ts, "dur": 900 - level * 20, "id": row}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--slices", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=measured.ROUNDS)
    given = parser.parse_args()
    rows = made(given.slices)
    ts, end = rows["ts"], rows["ts"] + rows["dur"]
    some = intervals.union(ts[::2], end[::2] - 300)
    others = intervals.union(ts[1::2] + 100, end[1::2])
    shuffled = np.random.default_rng(1).permutation(given.slices)
    mixed = [rows[name][shuffled] for name in ("track", "ts", "id")]
    work: dict[str, tuple[int, Callable[[], object]]] = {
        "copy of the four columns (limit)": (
            given.slices,
            lambda: [column.copy() for column in rows.values()],
        ),
        "depth, parent and self time": (given.slices, lambda: Nesting().feed(*rows.values())),
        "union": (given.slices, lambda: intervals.union(ts, end)),
        "overlap of two sets": (
            len(some.ts) + len(others.ts),
            lambda: intervals.intersect_length(some, others),
        ),
        "is it sorted": (given.slices, lambda: order.is_sorted(rows["track"], ts)),
        "order of shuffled rows": (given.slices, lambda: order.argsort(*mixed)),
    }
    rates: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(given.rounds + 1):
        for name, (count, run) in work.items():
            start = time.process_time()
            run()
            rates[name].append(count / (time.process_time() - start) / 1e6)
    # The first round compiles.
    medians = {name: statistics.median(found[1:]) for name, found in rates.items()}
    limit = next(iter(medians.values()))
    print(f"{given.slices:,} slices")
    measured.table(
        ["", "M per cpu-s", "of the limit"],
        [[name, f"{rate:.0f}", f"{rate / limit:.0%}"] for name, rate in medians.items()],
    )


if __name__ == "__main__":
    main()
