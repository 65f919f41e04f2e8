"""Compare a stored trace with the facts of an nsys oracle: every fact is checked, or excused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import oracle_gpu
from oracle_check import Check, Facts, Sql, one

COPY_KINDS = {
    "0": "unknown", "1": "htod", "2": "dtoh", "8": "dtod", "9": "htoh", "10": "ptop",
    "11": "uvm_htod", "12": "uvm_dtoh", "13": "uvm_dtod",
}  # fmt: skip
RAW_NAME = "coalesce(args ->> '$.apiName', name)"
PLAIN_NAME = "regexp_replace(name, '_v[0-9]+$', '')"
NVTX_NAME = """name || coalesce(', seq = ' || (args ->> '$.seq'), '')
  || coalesce(', op_id = ' || (args ->> '$.op_id'), '')
  || coalesce(', ' || (args ->> '$.inputs'), '')"""
RUNTIME = "category IN ('cuda_runtime', 'cuda_driver', 'cuda_backtrace')"
KINDS = {"KERNEL": "kernel", "MEMCPY": "memcpy", "MEMSET": "memset"}
SLICES: dict[str, tuple[str, str]] = {
    "RUNTIME": (RUNTIME, RAW_NAME),
    "KERNEL": ("category = 'kernel'", "coalesce(args ->> '$.shortName', name)"),
    "MEMCPY": ("category = 'gpu_memcpy'", "copy_kind"),
    "MEMSET": ("category = 'gpu_memset'", "'memset'"),
    "OSRT_API": ("category = 'osrt'", "name"),
    "SYNCHRONIZATION": ("category = 'sync'", "'sync'"),
    "NVTX_ranges": ("category IN ('nvtx', 'nvtx_range')", NVTX_NAME),
}
"""Fact of `activities` to the slices it speaks of, and to the name that the oracle gives them."""
ROWS: dict[str, str] = {
    "CUPTI_ACTIVITY_KIND_RUNTIME": f"FROM slice WHERE {RUNTIME}",
    "CUPTI_ACTIVITY_KIND_KERNEL": "FROM gpu_op WHERE kind = 'kernel'",
    "CUPTI_ACTIVITY_KIND_MEMCPY": "FROM gpu_op WHERE kind = 'memcpy'",
    "CUPTI_ACTIVITY_KIND_MEMSET": "FROM gpu_op WHERE kind = 'memset'",
    "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION": "FROM gpu_sync",
    "CUPTI_ACTIVITY_KIND_OVERHEAD": (
        "FROM slice WHERE category = 'overhead' AND correlation_id IS NOT NULL"
    ),
    "PROFILER_OVERHEAD": "FROM slice WHERE category = 'overhead' AND correlation_id IS NULL",
    "CUPTI_ACTIVITY_KIND_CUDA_EVENT": "FROM slice WHERE category = 'cuda_event'",
    "NVTX_EVENTS": "FROM slice WHERE starts_with(category, 'nvtx')",
    "OSRT_API": "FROM slice WHERE category = 'osrt'",
    "COMPOSITE_EVENTS": "FROM sample",
    "SCHED_EVENTS": "FROM thread_state",
}
NOT_EVENTS = re.compile(
    r"ENUM_|TARGET_INFO_|META_DATA_|EXPORT_META|StringIds|ThreadNames|PROCESSES|ProcessStreams"
    r"|ANALYSIS_|NVTX_PAYLOAD|UnwindMethodType|.*CALLCHAINS|DIAGNOSTIC_EVENT"
)
DEFINITIONS = ("33", "39", "75", "76")
"""Rows of NVTX_EVENTS that name something: no slices."""


def rows(value: Facts, facts: Facts, sql: Sql) -> Iterator[Check]:
    for table, count in value.items():
        if NOT_EVENTS.match(table):
            continue
        if table not in ROWS:
            assert count == 0, f"nobody compares {table}"
            continue
        expected = count
        if table == "NVTX_EVENTS":
            by_type = facts.get("nvtx_by_type", {})
            expected -= sum(by_type.get(kind, 0) for kind in DEFINITIONS)
        yield Check(f"rows.{table}", expected, one(sql, f"SELECT count(*) {ROWS[table]}"))


def activities(value: Facts, _facts: Facts, sql: Sql) -> Iterator[Check]:
    for name, want in value.items():
        where, label = SLICES[name]
        found = sql(
            f"SELECT ts, dur, {label} AS name, correlation_id, launch_slice_id AS launch, bytes, "
            "s.track_id, k.upid FROM slice s LEFT JOIN (SELECT slice_id, launch_slice_id, bytes, "
            "copy_kind FROM gpu_op) g ON g.slice_id = s.id LEFT JOIN (SELECT id AS track, upid "
            f"FROM track) k ON k.track = s.track_id WHERE {where}"
        )
        if name == "MEMCPY":
            numbers = {text: number for number, text in COPY_KINDS.items()}
            found = [row | {"name": numbers[row["name"]]} for row in found]
        yield from _activity(name, want, found)


def _activity(name: str, want: Facts, found: list[dict[str, Any]]) -> Iterator[Check]:
    named: dict[str, list[int]] = {}
    closed = [row for row in found if row["dur"] >= 0]
    for row in closed:
        named.setdefault(row["name"], []).append(row["dur"])
    facts = {
        "rows": len(found),
        "sum_dur_ns": sum(row["dur"] for row in closed),
        "min_start_ns": min((row["ts"] for row in found), default=None),
        "max_end_ns": max((row["ts"] + row["dur"] for row in closed), default=None),
        "rows_end_before_start": 0,
        "rows_zero_dur": sum(row["dur"] == 0 for row in closed),
        "distinct_names": len(named),
        "rows_without_end": len(found) - len(closed),
        "rows_start_not_positive": sum(row["ts"] <= 0 for row in found),
        "linked_to_launch": sum(row["launch"] is not None for row in found),
        "distinct_pid_correlation": len(
            {(row["upid"], row["correlation_id"]) for row in found if row["correlation_id"]}
        ),
        "sum_bytes": sum(row["bytes"] or 0 for row in found),
        "top_names": tops(want.get("top_names", ()), named),
    }
    for key, expected in want.items():
        yield Check(f"{name}.{key}", expected, facts[key])


def tops(want: Any, named: Mapping[str, list[int]]) -> list[dict[str, Any]]:
    """Give the entries of a top list as we count them."""
    return [
        {
            "name": entry["name"],
            "count": len(durs),
            "total_ns": sum(durs),
            "min_ns": min(durs, default=None),
            "max_ns": max(durs, default=None),
        }
        for entry in want
        for durs in [named.get(entry["name"], [])]
    ]


def by_name(sql: Sql, label: str, where: str) -> dict[str, list[int]]:
    named: dict[str, list[int]] = {}
    for row in sql(f"SELECT {label} AS name, dur FROM slice WHERE {where}"):
        named.setdefault(row["name"], []).append(row["dur"])
    return named


def runtime_top(value: Any, _facts: Facts, sql: Sql) -> Iterator[Check]:
    """Calls are counted once: rows that repeat a call with its chain lie beside them."""
    once = by_name(sql, PLAIN_NAME, "category IN ('cuda_runtime', 'cuda_driver')")
    both = by_name(sql, PLAIN_NAME, RUNTIME)
    found = [
        entry
        | {
            "count_with_class_67": len(both.get(entry["name"], [])),
            "total_ns_with_class_67": sum(both.get(entry["name"], [])),
        }
        for entry in tops(value, once)
    ]
    yield Check("runtime_top_without_version", value, found)


def demangled_top(value: Any, _facts: Facts, sql: Sql) -> Iterator[Check]:
    found = tops(value, by_name(sql, "name", "category = 'kernel'"))
    yield Check("kernel_demangled_top", value, found)


def event_classes(value: Facts, _facts: Facts, sql: Sql) -> Iterator[Check]:
    names = {"0": "cuda_runtime", "1": "cuda_driver", "67": "cuda_backtrace"}
    for number, count in value.items():
        text = f"SELECT count(*) FROM slice WHERE category = '{names[number]}'"
        yield Check(f"runtime_by_event_class.{number}", count, one(sql, text))


def copied_bytes(value: Facts, _facts: Facts, sql: Sql) -> Iterator[Check]:
    found = {
        row["copy_kind"]: {"count": row["n"], "bytes": row["bytes"]}
        for row in sql("SELECT copy_kind, count(*) AS n, sum(bytes)::BIGINT AS bytes FROM gpu_op "
                       "WHERE kind = 'memcpy' GROUP BY copy_kind")
    }  # fmt: skip
    expected = {COPY_KINDS[kind]: row for kind, row in value.items()}
    yield Check("bytes_by_copy_kind", expected, found)


def nvtx_types(value: Facts, _facts: Facts, sql: Sql) -> Iterator[Check]:
    names = {"59": "nvtx", "60": "nvtx_range", "34": "nvtx_mark"}
    for number, count in value.items():
        if number not in DEFINITIONS:
            text = f"SELECT count(*) FROM slice WHERE category = '{names[number]}'"
            yield Check(f"nvtx_by_type.{number}", count, one(sql, text))


def samples(value: Facts, _facts: Facts, sql: Sql) -> Iterator[Check]:
    (found,) = sql(
        "SELECT count(*) AS rows, coalesce(sum(weight), 0)::BIGINT AS sum_cpu_cycles, "
        "count(DISTINCT utid) AS threads FROM sample"
    )
    yield Check("samples", dict(value), found)


def sched(value: Facts, _facts: Facts, sql: Sql) -> Iterator[Check]:
    yield Check("sched.rows", value["rows"], one(sql, "SELECT count(*) FROM thread_state"))
    yield Check("sched.in", value["in"], one(sql, "SELECT count(*) FROM sched"))


def devices(value: Any, _facts: Facts, sql: Sql) -> Iterator[Check]:
    found = sql("SELECT name FROM device WHERE name IS NOT NULL ORDER BY device_id")
    yield Check("devices", value, [row["name"] for row in found])


def pids(value: int, _facts: Facts, sql: Sql) -> Iterator[Check]:
    yield Check("pids_with_events", value, one(sql, "SELECT count(DISTINCT pid) FROM process"))


def gpu(value: Facts, _facts: Facts, sql: Sql) -> Iterator[Check]:
    found = sql(
        "SELECT g.kind, g.device_id AS device, p.pid || '.' || g.context_id || '.' || g.stream_id "
        "AS stream, s.ts, s.dur, s.name FROM gpu_op g JOIN slice s ON s.id = g.slice_id "
        "JOIN (SELECT id, upid FROM track) k ON k.id = s.track_id JOIN process p USING (upid)"
    )
    yield Check("gpu.device_ids", value["device_ids"], sorted({str(r["device"]) for r in found}))
    for device, want in value["by_device"].items():
        mine = [row for row in found if str(row["device"]) == device]
        yield from oracle_gpu.by_device(device, want, mine)
    for key, want in value["by_stream"].items():
        device, _, stream = key.partition("/")
        mine = [r for r in found if (str(r["device"]), r["stream"]) == (device, stream)]
        yield from oracle_gpu.by_stream(key, want, mine)


def metadata_of(key: str) -> Callable[[Any, Facts, Sql], Iterator[Check]]:
    def check(value: Any, _facts: Facts, sql: Sql) -> Iterator[Check]:
        found = sql(f"SELECT str_value FROM metadata WHERE name = 'nsys.export.{key}'")
        yield Check(key, value, found[0]["str_value"] if found else None)

    return check


COMPARISONS: dict[str, Callable[[Any, Facts, Sql], Iterator[Check]]] = {
    "rows": rows,
    "schema_version": metadata_of("EXPORT_SCHEMA_VERSION"),
    "product_version": metadata_of("EXPORT_PRODUCT_VERSION"),
    "activities": activities,
    "runtime_top_without_version": runtime_top,
    "runtime_by_event_class": event_classes,
    "kernel_demangled_top": demangled_top,
    "bytes_by_copy_kind": copied_bytes,
    "nvtx_by_type": nvtx_types,
    "samples": samples,
    "sched": sched,
    "devices": devices,
    "pids_with_events": pids,
    "gpu": gpu,
}
EXCUSED = {
    "tables": "shape of the file",
    "meta_table": "how the version spells the name of a table",
    "runtime_class_67_rows": "as runtime_by_event_class",
}


def compare(facts: Facts, sql: Sql) -> list[Check]:
    """Check every fact.

    Raises:
        KeyError: a fact has neither a comparison nor an excuse.
    """
    checks: list[Check] = []
    for key, value in facts.items():
        if key not in EXCUSED:
            checks += COMPARISONS[key](value, facts, sql)
    return checks
