"""Many small traces in one store: `python benchmarks/archive.py --traces 1000 --kb 100`.

Each line is a new process. The made files and the store lie in --folder and are used again.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import inputs
import measured

CLI = [sys.executable, "-m", "traceql.cli.main"]
TOTALS = "SELECT name, count(*) AS calls, sum(dur) AS total_dur FROM slice GROUP BY name"
TOP = f"{TOTALS} ORDER BY total_dur DESC LIMIT 20"


def made(traces: int, kilobytes: float, folder: Path) -> Path:
    """Give a folder of so many different synthetic GPU traces, made now unless it is there."""
    path = folder / f"archive-{traces}x{kilobytes:g}kb"
    if path.exists():
        return path
    work = path.with_suffix(".part")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    generator = _generator()
    events = max(1, int(kilobytes * 1e3 / inputs.SYNTHETIC_EVENT_BYTES))
    for seed in range(traces):
        generator.write_trace(work / f"t{seed:05d}.json", events=events, seed=seed + 1, layers=2)
    work.rename(path)
    return path


def questions(store: Path, traces: int) -> dict[str, list[str]]:
    """Give the commands that are measured on a finished store."""
    query = [*CLI, "query", "--store", str(store), "--format", "csv"]
    one = f"t{traces // 2:05d}"
    return {
        "totals by name over all": [*query, TOP],
        "SELECT * LIMIT 10 over all": [*query, "SELECT * FROM slice LIMIT 10"],
        "WHERE trace = one, over all": [*query, f"{TOTALS} HAVING true".replace(
            "GROUP", f"WHERE trace = '{one}' GROUP")],
        "one trace by --trace": [*query, "--trace", one, TOP],
        "totals by name, --each --jobs 1": [*query, "--each", "--jobs", "1", TOTALS],
        "totals by name, --each --jobs 2": [*query, "--each", "--jobs", "2", TOTALS],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=1000)
    parser.add_argument("--kb", type=float, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "traceql-bench"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="keep the store for the next run")
    given = parser.parse_args()
    folder = made(given.traces, given.kb, given.folder)
    store = folder.with_suffix(".store")
    if not store.exists():
        words = ["ingest", str(folder), "--store", str(store), "--jobs", str(given.jobs)]
        used = measured.run([*CLI, *words, "--format", "csv"])
        size = sum(path.stat().st_size for path in folder.iterdir())
        print(f"{given.traces} files, {size / 1e6:.0f} MB")
        _table({f"ingest --jobs {given.jobs}": used})
    asked = questions(store, given.traces)
    found = measured.alternating(
        {name: partial(measured.run, command) for name, command in asked.items()}, given.rounds
    )
    if not given.keep:
        shutil.rmtree(store)
    _table(found)


def _table(found: dict[str, measured.Usage]) -> None:
    rows: Sequence[list[str]] = [
        [name, f"{u.cpu_s:.2f}", f"{u.wall_s:.2f}", f"{u.peak_mb:.0f}"] for name, u in found.items()
    ]
    measured.table(["", "cpu s", "wall s", "peak MB"], rows)


def _generator() -> Any:
    sys.path.insert(0, str(inputs.GENERATOR.parent))
    return importlib.import_module(inputs.GENERATOR.stem)


if __name__ == "__main__":
    main()
