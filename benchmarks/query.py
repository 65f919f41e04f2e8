"""First answers from a store, each in a new process: `python benchmarks/query.py --mb 100`.

Then kernels over its slices with load: the Python API reads the columns, in the order in which they
are stored, and the kernel runs over them.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import ingest
import inputs
import measured
import numpy as np
from numpy.typing import NDArray

import traceql
from traceql.kernels import segments, spans
from traceql.kernels.nest import Nesting

CLI = [sys.executable, "-m", "traceql.cli.main"]
TOP = (
    "SELECT name, count(*) AS calls, sum(dur) AS total_dur FROM slice "
    "GROUP BY name ORDER BY total_dur DESC LIMIT 20"
)


Int64 = NDArray[np.int64]
Sweep = Callable[[traceql.Database], int]
"""Loads slices and runs a kernel over them; gives how many there were."""


def window(store: Path) -> str:
    """Ask for a millisecond in the middle of the trace."""
    ((first, last),) = traceql.open(store).sql("SELECT min(ts), max(ts) FROM slice").fetchall()
    middle = (first + last) // 2
    return (
        f"SELECT id, ts, dur, name FROM slice WHERE ts BETWEEN {middle} AND {middle + 1_000_000} "
        "ORDER BY ts"
    )


def sweep(db: traceql.Database) -> int:
    """Find depth, parent and self time."""
    track, ts, dur, row = loaded(db, "track_id, ts, dur, id")
    Nesting().feed(track, ts, dur, row)
    return len(track)


def union(db: traceql.Database) -> int:
    """Find the time that each track is in use."""
    track, ts, dur = loaded(db, "track_id, ts, dur")
    bounds = np.concatenate([[0], np.flatnonzero(np.diff(track)) + 1, [len(track)]])
    spans.merge(bounds, ts, segments.ends_of(ts, dur), instants=False)
    return len(track)


def loaded(db: traceql.Database, columns: str) -> list[Int64]:
    """Read columns of all slices; rows that threads gave in another order are put in theirs."""
    rows = db.sql(f"SELECT {columns} FROM slice").arrow()
    found = [rows[name].to_numpy().astype(np.int64, copy=False) for name in rows.column_names]
    places = segments.order([0, rows.num_rows], *found[:2])
    return found if places is None else [column.take(places) for column in found]


def rates(store: Path, rounds: int) -> None:
    """Print slices per second, the median of rounds after one that compiles."""
    db = traceql.open(store)
    work: dict[str, Sweep] = {"load, depth, parent and self time": sweep, "load, union": union}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for _ in range(rounds + 1):
        for name, run in work.items():
            start, start_cpu = time.perf_counter(), time.process_time()
            slices = run(db) / 1e6
            wall, cpu = time.perf_counter() - start, time.process_time() - start_cpu
            found[name].append((slices / cpu, slices / wall))
    medians = {name: map(statistics.median, zip(*f[1:], strict=True)) for name, f in found.items()}
    measured.table(
        ["", "M per cpu-s", "M per s"],
        [[name, *(f"{rate:.1f}" for rate in rates)] for name, rates in medians.items()],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mb", type=float, default=100)
    parser.add_argument("--kind", choices=sorted(inputs.KINDS), default="real")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "traceql-bench"
    )
    parser.add_argument("--rounds", type=int, default=measured.ROUNDS)
    given = parser.parse_args()
    path = inputs.made(given.kind, given.mb, given.folder)
    store = path.with_suffix(".store")
    ingest.ingest(path, store)
    asked = {
        "top 20 names by total duration": [*CLI, "query", "--store", str(store), TOP],
        "1 ms in the middle": [*CLI, "query", "--store", str(store), window(store)],
        "--help": [*CLI, "--help"],
        "python, doing nothing": [sys.executable, "-c", ""],
    }
    found = measured.alternating(
        {name: partial(measured.run, command) for name, command in asked.items()},
        given.rounds,
    )
    print(f"store of {path.name}")
    measured.table(
        ["", "cpu ms", "wall ms", "peak MB"],
        [
            [name, f"{u.cpu_s * 1e3:.0f}", f"{u.wall_s * 1e3:.0f}", f"{u.peak_mb:.0f}"]
            for name, u in found.items()
        ],
    )
    rates(store, given.rounds)
    shutil.rmtree(store)


if __name__ == "__main__":
    main()
