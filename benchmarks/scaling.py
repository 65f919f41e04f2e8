"""From 10 thousand to 30 million events, on 1 and 2 threads: `python benchmarks/scaling.py`.

CPU per MB should not rise with the size or with the second thread, peak memory neither.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

import inputs
import measured

INGEST = """
import sys, traceql
options = {"threads": int(sys.argv[3])} if sys.argv[3] != "-" else {}
traceql.ingest(sys.argv[1], store=sys.argv[2], importer="chrome", options=options)
"""
_EVENT_BYTES = {"real": 332, "synthetic": 226}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=float, nargs="+", default=[1e4, 1e5, 1e6, 3e6, 1e7, 3e7])
    parser.add_argument(
        "--threads", nargs="+", default=["1", "2"], help="- is the importer's choice"
    )
    parser.add_argument("--kind", choices=sorted(inputs.KINDS), default="real")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "traceql-bench"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="keep the inputs")
    given = parser.parse_args()
    rows = []
    for events in given.events:
        path = inputs.made(given.kind, events * _EVENT_BYTES[given.kind] / 1e6, given.folder)
        store = path.with_suffix(".store")

        def ingest(threads: str, path: Path = path, store: Path = store) -> measured.Usage:
            shutil.rmtree(store, ignore_errors=True)
            return measured.run([sys.executable, "-c", INGEST, str(path), str(store), threads])

        ingest(given.threads[0])
        found = measured.alternating({t: partial(ingest, t) for t in given.threads}, given.rounds)
        size = path.stat().st_size / 1e6
        rows += [
            [
                f"{events:,.0f}",
                threads,
                f"{size:.0f}",
                f"{size / used.cpu_s:.0f}",
                f"{used.cpu_s:.2f}",
                f"{used.wall_s:.2f}",
                f"{used.peak_mb:.0f}",
            ]
            for threads, used in found.items()
        ]
        shutil.rmtree(store, ignore_errors=True)
        if not given.keep:
            path.unlink()
    measured.table(["events", "threads", "MB", "MB/cpu-s", "cpu s", "wall s", "peak MB"], rows)


if __name__ == "__main__":
    main()
