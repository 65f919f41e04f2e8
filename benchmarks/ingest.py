"""JSON to a finished store, beside what others need to load the same file.

    python benchmarks/ingest.py --mb 5 100 1000 --rounds 5 [--trace-processor PATH]

Every contender is a process of its own; figures are medians of alternating rounds, in CPU seconds
of the whole process, start-up included. Others only load; TraceQL also orders, pairs, nests and
writes a store, which later questions read instead of the file. Kernels are compiled beforehand.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import inputs
import measured

TRACEQL = """
import sys, traceql
traceql.ingest(sys.argv[1], store=sys.argv[2])
"""
OTHERS = {
    "json": ("json", "import json, sys; json.load(open(sys.argv[1], 'rb'))"),
    "orjson, parse only": (
        "orjson",
        "import orjson, sys; orjson.loads(open(sys.argv[1], 'rb').read())",
    ),
    "orjson + polars": (
        "polars",
        """
import orjson, polars, sys
events = orjson.loads(open(sys.argv[1], 'rb').read())["traceEvents"]
spans = [e for e in events if e["ph"] == "X"]
polars.DataFrame({k: [e.get(k) for e in spans] for k in ("ts", "dur", "name", "cat")})
""",
    ),
    "duckdb read_json": (
        "duckdb",
        """
import duckdb, os, sys
size = os.path.getsize(sys.argv[1])
duckdb.sql(f"SELECT count(e.name) FROM (SELECT unnest(traceEvents) AS e FROM read_json("
           f"'{sys.argv[1]}', maximum_object_size={2 * size}, columns={{traceEvents: "
           "'STRUCT(ph VARCHAR, name VARCHAR, cat VARCHAR, ts DOUBLE, dur DOUBLE, args JSON)[]'}))"
           ).fetchall()
""",
    ),
    "HTA": (
        "hta",
        """
import sys
from hta.common.trace_parser import parse_trace_dataframe
parse_trace_dataframe(sys.argv[1])
""",
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mb", type=float, nargs="+", default=[5, 100])
    parser.add_argument(
        "--kind", choices=sorted(inputs.KINDS), nargs="+", default=["real", "synthetic"]
    )
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "traceql-bench"
    )
    parser.add_argument("--rounds", type=int, default=measured.ROUNDS)
    parser.add_argument("--trace-processor", metavar="PATH", help="Perfetto's, to compare with")
    parser.add_argument("--only-traceql", action="store_true", help="leave the others out")
    given = parser.parse_args()
    for kind in given.kind:
        for megabytes in given.mb:
            path = inputs.made(kind, megabytes, given.folder)
            compare(path, given.rounds, None if given.only_traceql else given.trace_processor or "")


def compare(path: Path, rounds: int, trace_processor: str | None) -> None:
    """Print the table of one file; `trace_processor` None: TraceQL alone, empty: without it."""
    store = path.with_suffix(".store")
    contenders: dict[str, Callable[[], measured.Usage]] = {"TraceQL": lambda: ingest(path, store)}
    if trace_processor is not None:
        for name, (module, code) in OTHERS.items():
            if importlib.util.find_spec(module) is None:
                print(f"{name}: not installed", file=sys.stderr)
                continue
            command = [sys.executable, "-c", code, str(path)]
            contenders[name] = partial(measured.run, command)
    if trace_processor:
        query = path.with_suffix(".sql")
        query.write_text("SELECT count(*) FROM slice;\n")
        contenders["trace_processor"] = lambda: measured.run(
            [trace_processor, "-q", str(query), str(path)]
        )
    ingest(path, store)  # compiles what is not compiled
    found = measured.alternating(contenders, rounds)
    size = path.stat().st_size / 1e6
    stored = sum(f.stat().st_size for f in store.rglob("*.parquet")) / 1e6
    shutil.rmtree(store)
    print(f"{path.name}: {size:.0f} MB; the store has {stored:.1f} MB, {stored / size:.1%}")
    ours = found["TraceQL"].cpu_s
    measured.table(
        ["", "MB/cpu-s", "cpu s", "wall s", "peak MB", "x TraceQL's CPU"],
        [
            [
                name,
                f"{size / usage.cpu_s:.0f}",
                f"{usage.cpu_s:.2f}",
                f"{usage.wall_s:.2f}",
                f"{usage.peak_mb:.0f}",
                f"{usage.cpu_s / ours:.1f}",
            ]
            for name, usage in found.items()
        ],
    )


def ingest(path: Path, store: Path) -> measured.Usage:
    """Bring the file into a fresh store, in a process of its own."""
    shutil.rmtree(store, ignore_errors=True)
    return measured.run([sys.executable, "-c", TRACEQL, str(path), str(store)])


if __name__ == "__main__":
    main()
