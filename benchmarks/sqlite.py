"""Exports of Nsight Systems: pages read by kernels beside the sqlite3 module, and to a store.

    python benchmarks/sqlite.py --kernels 3e6 --rounds 3

Every contender is a process of its own; figures are medians of alternating rounds, in CPU seconds
of the whole process. Reading means all columns of the tables of events, as Arrow batches. The
peak memory counts the pages of the mapped file, which the system may take back at any time.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import measured
import nsys

READ = """
import sys
from pathlib import Path
from traceql.importers._sqlite import Database, database
if sys.argv[2] == "module":
    database.layout = lambda path: None
with Database(Path(sys.argv[1])) as base:
    names = [column.name for column in base.tables[sys.argv[3]]]
    rows = sum(batch.num_rows for batch in base.rows(sys.argv[3], names))
assert rows and not base.damage
"""
INGEST = """
import sys
import traceql
from traceql.importers._sqlite import database
if sys.argv[2] == "module":
    database.layout = lambda path: None
traceql.ingest(sys.argv[1], store=sys.argv[3])
"""
EVENTS = [name for name in nsys.TABLES if name == name.upper() and "_DATA_" not in name
          and "_INFO_" not in name]  # fmt: skip
WAYS = ("pages", "module")


def made(kernels: int, folder: Path) -> Path:
    """Give an export of so many kernels, made now unless it is there."""
    path = folder / f"nsys-{kernels}.sqlite"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        nsys.write_export(part, kernels)
        part.rename(path)
    return path


def counted(path: Path) -> dict[str, int]:
    """Count the rows of the tables of events."""
    from traceql.importers._sqlite import Database

    with Database(path) as base:
        return {name: base.count(name) for name in EVENTS}


def run(program: str, *arguments: str, store: Path | None = None) -> measured.Usage:
    """Run a program of this file, with a new store if it needs one."""
    if store is not None:
        shutil.rmtree(store, ignore_errors=True)
        arguments = (*arguments, str(store))
    return measured.run([sys.executable, "-c", program, *arguments])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernels", type=float, default=3e6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "traceql-bench"
    )
    given = parser.parse_args()
    path = made(int(given.kernels), given.folder)
    rows = counted(path)
    run(READ, str(path), "pages", EVENTS[0])  # kernels are compiled beforehand
    print(f"{path.stat().st_size / 1e6:.0f} MB, {sum(rows.values())} rows of events\n")
    header = ("read", "rows", "pages Mrow/CPU s", "module Mrow/CPU s", "ratio", "peak MB")
    measured.table(header, [read(path, name, rows[name], given.rounds) for name in EVENTS])
    store = path.with_suffix(".store")
    try:
        header = ("ingested", "rows", "pages Mrow/CPU s", "module Mrow/CPU s", "ratio", "peak MB")
        found = measured.alternating(
            {way: partial(run, INGEST, str(path), way, store=store) for way in WAYS}, given.rounds
        )
        measured.table(header, [line("all tables", sum(rows.values()), found)])
    finally:
        shutil.rmtree(store, ignore_errors=True)


def read(path: Path, table: str, rows: int, rounds: int) -> Sequence[str]:
    """Measure reading one table."""
    contenders = {way: partial(run, READ, str(path), way, table) for way in WAYS}
    return line(table, rows, measured.alternating(contenders, rounds))


def line(title: str, rows: int, found: dict[str, measured.Usage]) -> Sequence[str]:
    """Write figures as a row of the table."""
    pages, module = (found[way].cpu_s for way in WAYS)
    return (title, str(rows), f"{rows / pages / 1e6:.2f}", f"{rows / module / 1e6:.2f}",
            f"{module / pages:.1f}", f"{found['pages'].peak_mb:.0f}")  # fmt: skip


if __name__ == "__main__":
    main()
