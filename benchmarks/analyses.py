"""All analyses over one trace, warm kernels: `python benchmarks/analyses.py --mb 35 350`.

A process looks at the trace twice: what the first time takes beyond the second is imports. Both
rounds run each analysis with its surrogates, keep nothing, and are timed analysis by analysis; the
peak of memory is that of the whole process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import ingest
import inputs
import measured

SLOWEST = 3


class Round(NamedTuple):
    """One look at a trace: seconds of all, and of each analysis."""

    cpu_s: float
    wall_s: float
    slices: int
    each: dict[str, float]


def look(store: Path) -> Round:
    """Run every analysis over the trace of a store, in this process."""
    from traceql.engine.analyze import analyze
    from traceql.store.catalog import Store

    opened = Store.open(store)
    traces = opened.traces()
    begun: list[tuple[str, float]] = []
    cpu, wall = time.process_time(), time.perf_counter()
    analyze(
        opened,
        traces,
        keep=False,
        jobs=1,
        progress=lambda said: begun.append((said.partition(":")[0], time.process_time())),
    )
    end = time.process_time()
    ends = [at for _, at in begun[1:]] + [end]
    each: dict[str, float] = {}
    for (name, at), until in zip(begun, ends, strict=True):
        each[name] = each.get(name, 0.0) + until - at
    slices = sum(t.manifest.tables["slice"].rows for t in traces if "slice" in t.manifest.tables)
    return Round(end - cpu, time.perf_counter() - wall, slices, each)


def rounds(store: Path) -> tuple[list[Round], float]:
    """Look twice in a new process; give both rounds, and the peak of its memory in MB."""
    command = [sys.executable, __file__, "--inside", str(store)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ)
    answer = json.loads(said.stdout.splitlines()[-1])
    return [Round(*one) for one in answer["rounds"]], answer["peak_mb"]


def inside(store: Path, count: int = 2) -> None:
    """Be the process that looks, and print what it took."""
    found = [look(store) for _ in range(count)]
    unit = 1e6 if sys.platform == "darwin" else 1e6 / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    print(json.dumps({"rounds": found, "peak_mb": peak}))


def row(path: Path, store: Path) -> list[str]:
    """Measure one store; give a row of the table."""
    (first, warm), peak_mb = rounds(store)
    slow = sorted(warm.each, key=lambda name: -warm.each[name])[:SLOWEST]
    return [
        path.stem,
        f"{warm.slices:,}",
        f"{first.cpu_s:.1f}",
        f"{warm.cpu_s:.1f}",
        f"{warm.wall_s:.1f}",
        f"{peak_mb:.0f}",
        ", ".join(f"{name} {warm.each[name]:.1f}" for name in slow),
    ]


def main() -> None:
    """Measure all analyses over traces of the sizes that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mb", type=float, nargs="+", default=[35.0])
    parser.add_argument("--kind", choices=sorted(inputs.KINDS), nargs="+", default=["real"])
    parser.add_argument("--trace", type=Path, nargs="*", default=[], help="files beside these")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "traceql-bench"
    )
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        inside(given.inside)
        return
    made = [inputs.made(kind, mb, given.folder) for kind in given.kind for mb in given.mb]
    rows = []
    for path in [*made, *given.trace]:
        store = given.folder / f"{path.name}.analyses"
        ingest.ingest(path, store)
        rows.append(row(path, store))
        shutil.rmtree(store)
    measured.table(
        ["", "slices", "cpu s, first", "again", "wall s, again", "peak MB", "slowest, cpu s"], rows
    )


if __name__ == "__main__":
    main()
