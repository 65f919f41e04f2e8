"""Ranges projected onto device work: `python benchmarks/projection.py --ranges 1600000`.

The work is linear in ranges and launches: the time for each row stays the same as both grow.
"""

from __future__ import annotations

import argparse
import statistics
import time

import measured
import numpy as np

from traceql.kernels import project

DEPTH, THREADS = 5, 8
WORKS_PER_RANGE = 1.875
"""3 M works for 1.6 M ranges."""
Columns = dict[str, np.ndarray]


def made(ranges: int) -> tuple[Columns, Columns]:
    """Make runs of 5 ranges on each of 8 threads, each inside the one before, and works."""
    runs = ranges // DEPTH // THREADS
    level = np.tile(np.arange(DEPTH), runs)
    ts = np.repeat(np.arange(runs) * 10_000, DEPTH) + level * 20
    end = ts + 9_900 - level * 60
    works = int(runs * DEPTH * WORKS_PER_RANGE)
    called = np.sort(np.random.default_rng(1).integers(0, runs * 10_000, works))
    offsets = np.arange(THREADS + 1)
    return (
        {"offsets": offsets * len(ts), "ts": np.tile(ts, THREADS), "end": np.tile(end, THREADS)},
        {"offsets": offsets * works, "call_ts": np.tile(called, THREADS)},
    )


def run(ranges: Columns, works: Columns) -> int:
    """Project; give the number of works that lie in a range."""
    called = works["call_ts"]
    tree = project.tree(
        ranges["offsets"], ranges["ts"], ranges["end"], works["offsets"], called, called + 5
    )
    rows = np.arange(len(called))
    found = project.totals(tree, rows, called + 100, called + 900, rows)
    return int(found.own_work_count.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ranges", type=int, default=1_600_000)
    parser.add_argument("--rounds", type=int, default=measured.ROUNDS)
    given = parser.parse_args()
    sizes = [given.ranges // 4, given.ranges // 2, given.ranges]
    inputs = [made(size) for size in sizes]
    run(*inputs[0])  # compiles
    lines = []
    for size, (ranges, works) in zip(sizes, inputs, strict=True):
        seconds = []
        for _ in range(given.rounds):
            start = time.process_time()
            inside = run(ranges, works)
            seconds.append(time.process_time() - start)
        cost = statistics.median(seconds)
        rows = len(ranges["ts"]) + len(works["call_ts"])
        lines.append([f"{size:,}", f"{len(works['call_ts']):,}", f"{inside:,}", f"{cost:.2f}",
                      f"{1e9 * cost / rows:.0f}"])  # fmt: skip
    measured.table(["ranges", "works", "within a range", "cpu-s", "ns per row"], lines)


if __name__ == "__main__":
    main()
