"""First answers from a store, each in a new process: `python benchmarks/query.py --mb 100`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

import ingest
import inputs
import measured

CLI = [sys.executable, "-m", "traceql.cli.main"]
TOP = (
    "SELECT name, count(*) AS calls, sum(dur) AS total_dur FROM slice "
    "GROUP BY name ORDER BY total_dur DESC LIMIT 20"
)
WINDOW = (
    "SELECT id, ts, dur, name FROM slice WHERE ts BETWEEN "
    "(SELECT min(ts) + (max(ts) - min(ts)) // 2 FROM slice) AND "
    "(SELECT min(ts) + (max(ts) - min(ts)) // 2 + 1000000 FROM slice) ORDER BY ts"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
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
        "1 ms in the middle": [*CLI, "query", "--store", str(store), WINDOW],
        "--help": [*CLI, "--help"],
        "python, doing nothing": [sys.executable, "-c", ""],
    }
    found = measured.alternating(
        {name: partial(measured.run, command) for name, command in asked.items()},
        given.rounds,
    )
    shutil.rmtree(store)
    print(f"store of {path.name}")
    measured.table(
        ["", "cpu ms", "wall ms", "peak MB"],
        [
            [name, f"{u.cpu_s * 1e3:.0f}", f"{u.wall_s * 1e3:.0f}", f"{u.peak_mb:.0f}"]
            for name, u in found.items()
        ],
    )


if __name__ == "__main__":
    main()
