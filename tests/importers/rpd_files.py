"""Write the run of rocm_plan as rocmProfileData writes it. Run me to make the sample."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from rocm_plan import PID, Plan, plan

SAMPLES = Path(__file__).resolve().parents[2] / "sample_traces" / "synthetic" / "rocm"
TABLES = (
    "rocpd_metadata(id INTEGER PRIMARY KEY, tag TEXT, value TEXT)",
    "rocpd_string(id INTEGER PRIMARY KEY, string TEXT)",
    "rocpd_ustring(id INTEGER PRIMARY KEY, string TEXT)",
    (
        'rocpd_api(id INTEGER PRIMARY KEY, pid INTEGER, tid INTEGER, "start" INTEGER, '
        '"end" INTEGER, '
        "apiName_id INTEGER, category_id INTEGER, domain_id INTEGER, args_id INTEGER)"
    ),
    (
        "rocpd_copyapi(api_ptr_id INTEGER PRIMARY KEY, stream TEXT, size INTEGER, width INTEGER, "
        "height INTEGER, kind INTEGER, dst TEXT, src TEXT, dstDevice INTEGER, srcDevice INTEGER, "
        "sync BOOL, pinned BOOL)"
    ),
    (
        "rocpd_kernelapi(api_ptr_id INTEGER PRIMARY KEY, stream TEXT, gridX INTEGER, "
        "gridY INTEGER, gridZ INTEGER, workgroupX INTEGER, workgroupY INTEGER, "
        "workgroupZ INTEGER, groupSegmentSize INTEGER, privateSegmentSize INTEGER, "
        "kernelName_id INTEGER)"
    ),
    (
        "rocpd_op(id INTEGER PRIMARY KEY, gpuId INTEGER, queueId INTEGER, sequenceId INTEGER, "
        '"start" INTEGER, "end" INTEGER, description_id INTEGER, opType_id INTEGER)'
    ),
    "rocpd_api_ops(id INTEGER PRIMARY KEY, api_id INTEGER, op_id INTEGER)",
    (
        "rocpd_monitor(id INTEGER PRIMARY KEY, deviceType TEXT, deviceId INTEGER, "
        'monitorType TEXT, "start" INTEGER, "end" INTEGER, value TEXT)'
    ),
    "rocpd_counter(id INTEGER PRIMARY KEY, value REAL, op_id INTEGER, name_id INTEGER)",
    "rocpd_stackframe(id INTEGER PRIMARY KEY, api_ptr_id INTEGER, depth INTEGER, name_id INTEGER)",
)


class Writer:
    """Writes the tables.

    Args:
        base: an open database.
    """

    def __init__(self, base: sqlite3.Connection) -> None:
        self._base = base
        self._strings: dict[tuple[str, str], int] = {}
        for table in TABLES:
            base.execute(f"CREATE TABLE {table}")

    def _row(self, table: str, *values: Any) -> None:
        marks = ",".join("?" * len(values))
        self._base.execute(f"INSERT INTO rocpd_{table} VALUES ({marks})", values)

    def _text(self, text: str, table: str = "string") -> int:
        if (table, text) not in self._strings:
            self._strings[table, text] = len(self._strings) + 3
            self._row(table, self._strings[table, text], text)
        return self._strings[table, text]

    def write(self, run: Plan) -> None:
        """Write the whole run; a dispatch is called by its correlation id's call."""
        self._row("metadata", 1, "schema_version", "3")
        self._row("metadata", 2, "note", "synthetic")
        for c in (*run.calls, *run.markers):
            is_marker = c.domain.startswith("MARKER")
            name = "UserMarker" if is_marker else c.function
            args = c.function if is_marker else ""
            self._row("api", c.correlation, PID, c.tid, c.start, c.end, self._text(name),
                      self._text(""), self._text("roctx" if is_marker else "hip"),
                      self._text(args, "ustring"))  # fmt: skip
        ops = 0
        for d in run.dispatches:
            ops += 1
            kernel = self._text(d.name)
            # Calls of this name tell a grid in blocks.
            grid = [-(-g // b) for g, b in zip(d.grid, d.group, strict=True)]
            self._row("kernelapi", d.correlation, "0x0", *grid, *d.group, d.lds, 0, kernel)
            self._op(ops, d.agent, d.queue, d.start, d.end, d.name, "KernelExecution",
                     d.correlation)  # fmt: skip
            for n, (number, counter, value) in enumerate(run.counters):
                if number == d.dispatch:
                    self._row("counter", n + 1, value, ops, self._text(counter))
        for copy in run.copies:
            ops += 1
            up = copy.source == 0
            self._row("copyapi", copy.correlation, "0x0", copy.size, "", "", 1 if up else 2,
                      "0x1", "0x2", 0, 0, 0, 1)  # fmt: skip
            kind = "CopyHostToDevice" if up else "CopyDeviceToHost"
            self._op(ops, copy.target or copy.source, copy.stream, copy.start, copy.end, "", kind,
                     copy.correlation)  # fmt: skip
        last = max(c.end for c in run.copies)
        self._op(ops + 1, 1, 0, last + 10, last + 60, "", "FillBuffer", None)
        for n in range(10):
            self._row("monitor", 2 * n + 1, "gpu", 1, "power", last + n * 100, last + n * 100 + 100,
                      f"{300.5 + n}")  # fmt: skip
            self._row("monitor", 2 * n + 2, "gpu", 1, "sclk", last + n * 100, last + n * 100 + 100,
                      str(1700 + n))  # fmt: skip

    def _op(
        self, number: int, gpu: int, queue: int, start: int, end: int, text: str, kind: str,
        call: int | None,
    ) -> None:  # fmt: skip
        self._row("op", number, gpu, queue, number, start, end, self._text(text), self._text(kind))
        if call is not None:
            self._row("api_ops", number, call, number)


def write(path: Path, run: Plan) -> None:
    """Write a file."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as base:
        base.execute("PRAGMA page_size = 1024")
        Writer(base).write(run)
        base.commit()
        base.execute("VACUUM")


if __name__ == "__main__":
    write(SAMPLES / "rpd.rpd", plan(steps=8))
