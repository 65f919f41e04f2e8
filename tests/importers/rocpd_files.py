"""Write the run of rocm_plan as a rocpd database. Run me to make the sample."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from rocm_plan import AGENTS, COUNTERS, GUID, HOST, KERNELS, PID, TIDS, Plan, agent_record, plan

SAMPLES = Path(__file__).resolve().parents[2] / "sample_traces" / "synthetic" / "rocm"
TABLES = {
    "string": "string TEXT",
    "info_node": "hash BIGINT, machine_id TEXT, system_name TEXT, hostname TEXT, release TEXT, "
    "version TEXT, hardware_name TEXT, domain_name TEXT",
    "info_process": "nid INTEGER, ppid INTEGER, pid INTEGER, init BIGINT, fini BIGINT, "
    '"start" BIGINT, "end" BIGINT, command TEXT, environment JSONB, extdata JSONB',
    "info_thread": 'nid INTEGER, ppid INTEGER, pid INTEGER, tid INTEGER, name TEXT, "start" '
    'BIGINT, "end" BIGINT, extdata JSONB',
    "info_agent": "nid INTEGER, pid INTEGER, type TEXT, absolute_index INTEGER, logical_index "
    "INTEGER, type_index INTEGER, uuid INTEGER, name TEXT, model_name TEXT, vendor_name TEXT, "
    "product_name TEXT, user_name TEXT, extdata JSONB",
    "info_queue": "nid INTEGER, pid INTEGER, name TEXT, extdata JSONB",
    "info_stream": "nid INTEGER, pid INTEGER, name TEXT, extdata JSONB",
    "info_pmc": "nid INTEGER, pid INTEGER, agent_id INTEGER, name TEXT, symbol TEXT, units TEXT, "
    "value_type TEXT, extdata JSONB",
    "info_kernel_symbol": "nid INTEGER, pid INTEGER, code_object_id INTEGER, kernel_name TEXT, "
    "display_name TEXT, group_segment_size INTEGER, private_segment_size INTEGER, sgpr_count "
    "INTEGER, arch_vgpr_count INTEGER, accum_vgpr_count INTEGER, extdata JSONB",
    "track": "nid INTEGER, pid INTEGER, tid INTEGER, name_id INTEGER, extdata JSONB",
    "event": "category_id INTEGER, stack_id INTEGER, parent_stack_id INTEGER, correlation_id "
    "INTEGER, call_stack JSONB, line_info JSONB, extdata JSONB",
    "arg": "event_id INTEGER, position INTEGER, type TEXT, name TEXT, value TEXT, extdata JSONB",
    "pmc_event": "event_id INTEGER, pmc_id INTEGER, value REAL, extdata JSONB",
    "region": 'nid INTEGER, pid INTEGER, tid INTEGER, "start" BIGINT, "end" BIGINT, name_id '
    "INTEGER, event_id INTEGER, extdata JSONB",
    "sample": "track_id INTEGER, timestamp BIGINT, event_id INTEGER, extdata JSONB",
    "kernel_dispatch": "nid INTEGER, pid INTEGER, tid INTEGER, agent_id INTEGER, kernel_id "
    'INTEGER, dispatch_id INTEGER, queue_id INTEGER, stream_id INTEGER, "start" BIGINT, "end" '
    "BIGINT, private_segment_size INTEGER, group_segment_size INTEGER, workgroup_size_x INTEGER, "
    "workgroup_size_y INTEGER, workgroup_size_z INTEGER, grid_size_x INTEGER, grid_size_y "
    "INTEGER, grid_size_z INTEGER, region_name_id INTEGER, event_id INTEGER, extdata JSONB",
    "memory_copy": 'nid INTEGER, pid INTEGER, tid INTEGER, "start" BIGINT, "end" BIGINT, name_id '
    "INTEGER, dst_agent_id INTEGER, dst_address INTEGER, src_agent_id INTEGER, src_address "
    "INTEGER, size INTEGER, queue_id INTEGER, stream_id INTEGER, region_name_id INTEGER, "
    "event_id INTEGER, extdata JSONB",
    "memory_allocate": "nid INTEGER, pid INTEGER, tid INTEGER, agent_id INTEGER, type TEXT, level "
    'TEXT, "start" BIGINT, "end" BIGINT, address INTEGER, size INTEGER, queue_id INTEGER, '
    "stream_id INTEGER, event_id INTEGER, extdata JSONB",
}
KERNEL_OF_SYMBOL = 100
"""Symbols are numbered from here: an id is no place."""


class Writer:
    """Writes the tables of one process.

    Args:
        base: an open database.
        guid: of the process.
        pid: its number.
        sampled: also write what rocprofiler-systems samples: power and busy of a device.
    """

    def __init__(
        self, base: sqlite3.Connection, guid: str = GUID, pid: int = PID, *, sampled: bool = True
    ) -> None:
        self.base, self.guid, self.pid, self._sampled = base, guid, pid, sampled
        self.suffix = "_" + guid.replace("-", "_")
        self._strings: dict[str, int] = {}
        self._events = 0
        for name, columns in TABLES.items():
            base.execute(
                f'CREATE TABLE "rocpd_{name}{self.suffix}" (id INTEGER PRIMARY KEY AUTOINCREMENT, '
                f"guid TEXT, {columns})"
            )
        base.execute(
            f'CREATE TABLE "rocpd_metadata{self.suffix}" (id INTEGER PRIMARY KEY, tag, value)'
        )
        self._rows("metadata", [(1, "schema_version", "3"), (2, "note", "synthetic")], "")

    def _rows(self, table: str, rows: Iterable[Sequence[Any]], guid: str | None = None) -> None:
        for row in rows:
            values = (row[0], *([self.guid] if guid is None else []), *row[1:])
            marks = ",".join("?" * len(values))
            names = "" if len(values) < 4 or guid == "" else self._names(table, len(values))
            self.base.execute(
                f'INSERT INTO "rocpd_{table}{self.suffix}" {names} VALUES ({marks})', values
            )

    def _names(self, table: str, count: int) -> str:
        known = self.base.execute(f'PRAGMA table_info("rocpd_{table}{self.suffix}")').fetchall()
        return "(" + ",".join(f'"{column[1]}"' for column in known[:count]) + ")"

    def string(self, text: str) -> int:
        if text not in self._strings:
            self._strings[text] = len(self._strings) + 5
            self._rows("string", [(self._strings[text], text)])
        return self._strings[text]

    def event(self, category: str, stack: int, extdata: str = "{}") -> int:
        self._events += 1
        self._rows("event", [(
            self._events, self.string(category), stack, stack, 0, "{}", "{}", extdata
        )])  # fmt: skip
        return self._events

    def write(self, run: Plan) -> None:
        """Write the whole run."""
        pid = self.pid
        self._rows("info_node", [(1, 0, "m1", "Linux", HOST, "6", "1", "x86_64", "(none)")])
        self._rows("info_process", [(
            pid, 1, 1, pid, 1, 2, 3, 4, "./synthetic --secret", '{"TOKEN":"secret"}', "{}"
        )])  # fmt: skip
        self._rows("info_thread", ((t, 1, 1, pid, t, f"worker {t}", 1, 2, "{}") for t in TIDS))
        self._agents()
        for number in range(3):
            title = "Default" if not number else None
            for kind, word in (("info_queue", "Queue"), ("info_stream", "Stream")):
                name = f"{title} {word}" if title else f"{word} {number}"
                self._rows(kind, [(number + 1, 1, pid, name, "{}")])
        self._rows("info_kernel_symbol", (
            (KERNEL_OF_SYMBOL + n, 1, pid, 1, f"_Z{n}.kd", name, 0, 0, 96, 32, 4, "{}")
            for n, name in enumerate(KERNELS)
        ))  # fmt: skip
        self._rows("track", [(1, 1, pid, TIDS[0], self.string("MARKER_CORE_API"), "{}")])
        self._calls(run)
        self._work(run)
        self._memory(run)
        if self._sampled:
            self._polls(run)

    def _agents(self) -> None:
        for n, agent in enumerate(AGENTS):
            record = agent_record(agent)
            self._rows("info_agent", [(
                agent.node, 1, self.pid, record["agent_type"], agent.node, agent.node,
                max(n - 1, 0), 0, agent.name, "", record["vendor_name"], record["product_name"],
                "", json.dumps(record),
            )])  # fmt: skip

    def _calls(self, run: Plan) -> None:
        arg = 0
        for n, c in enumerate(run.calls):
            event = self.event(c.domain, c.correlation)
            self._rows("region", [(
                n + 1, 1, self.pid, c.tid, c.start, c.end, self.string(c.function), event, "{}"
            )])  # fmt: skip
            for place, name in enumerate(("stream", "size")):
                arg += 1
                self._rows("arg", [(arg, event, place, "int", name, f'"{n}"', "{}")])
        for n, c in enumerate(run.markers):
            event = self.event(c.domain, c.correlation, json.dumps({"message": c.function}))
            if c.start == c.end:
                self._rows("sample", [(1, 1, c.start, event, "{}")])
                continue
            self._rows("region", [(
                10_000 + n, 1, self.pid, c.tid, c.start, c.end, self.string("roctxRangePushA"),
                event, "{}",
            )])  # fmt: skip

    def _work(self, run: Plan) -> None:
        pid, values = self.pid, 0
        self._rows("info_pmc", (
            (n + 1, 1, pid, None, name, name, "", "ABS", "{}") for n, name in enumerate(COUNTERS)
        ))  # fmt: skip
        for d in run.dispatches:
            event = self.event("KERNEL_DISPATCH", d.correlation)
            self._rows("kernel_dispatch", [(
                d.dispatch, 1, pid, d.tid, d.agent, KERNEL_OF_SYMBOL + d.kernel, d.dispatch,
                d.queue + 1, d.stream + 1, d.start, d.end, d.scratch, d.lds, *d.group, *d.grid,
                self.string(""), event, "{}",
            )])  # fmt: skip
            for number, name, value in run.counters:
                if number == d.dispatch:
                    values += 1
                    kind = COUNTERS.index(name) + 1
                    self._rows("pmc_event", [(values, event, kind, value, "{}")])
        for n, c in enumerate(run.copies):
            event = self.event("MEMORY_COPY", c.correlation)
            self._rows("memory_copy", [(
                n + 1, 1, pid, c.tid, c.start, c.end, self.string(f"MEMORY_COPY_{c.direction}"),
                c.target, 4096, c.source, 8192, c.size, None, c.stream + 1, self.string(""),
                event, "{}",
            )])  # fmt: skip

    def _memory(self, run: Plan) -> None:
        for n, m in enumerate((*run.memory, *run.scratch)):
            event = self.event(m.operation.rpartition("_")[0], m.correlation)
            kind = "FREE" if "FREE" in m.operation else "ALLOC"
            level = "SCRATCH" if "SCRATCH" in m.operation else "REAL"
            self._rows("memory_allocate", [(
                n + 1, 1, self.pid, m.tid, m.agent, kind, level, m.start, m.end,
                m.address or None, m.size, None, None, event, "{}",
            )])  # fmt: skip

    def _polls(self, run: Plan) -> None:
        """Write polls of two values, which have one event and a sample each."""
        names = (("device_power", "w"), ("device_busy_gfx", "%"))
        for n, (name, unit) in enumerate(names):
            self._rows("info_pmc", [(50 + n, 1, self.pid, 1, name, name, unit, "ABS", "{}")])
            self._rows("track", [(50 + n, 1, self.pid, None, self.string(name), "{}")])
        first = run.calls[0].start
        for poll in range(10):
            event = self.event("amd_smi", 0)
            for n in range(len(names)):
                self._rows("sample", [(100 + 2 * poll + n, 50 + n, first + 1000 * poll, event)])
                value = 300.5 + poll if n == 0 else float(poll)
                self._rows("pmc_event", [(9000 + 2 * poll + n, event, 50 + n, value)])


def write(path: Path, run: Plan, *guids: str, sampled: bool = True) -> None:
    """Write a database of one process for each GUID."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as base:
        base.execute("PRAGMA page_size = 1024")
        for n, guid in enumerate(guids or (GUID,)):
            Writer(base, guid, PID + 1000 * n, sampled=sampled).write(run)
        base.execute(f'CREATE VIEW rocpd_string AS SELECT * FROM "rocpd_string_{_one(guids)}"')
        base.commit()
        base.execute("VACUUM")


def _one(guids: Sequence[str]) -> str:
    return (guids or (GUID,))[0].replace("-", "_")


if __name__ == "__main__":
    SAMPLES.mkdir(parents=True, exist_ok=True)
    write(SAMPLES / "rocpd.db", plan(steps=8))
