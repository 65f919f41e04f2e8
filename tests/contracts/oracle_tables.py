"""Facts about processes, threads, metadata, counters, flows, memory and samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from oracle_check import ASYNC, PHASE, Check, Facts, Sql, excuse, one, unknown_parts


def metadata(value: Facts, _facts: Facts, sql: Sql) -> list[Check]:
    unknown_parts("metadata", value, ("by_name", "process_names", "process_name_count",
                                      "thread_names", "thread_name_count"))  # fmt: skip
    processes = {
        row["pid"]: row["name"]
        for row in sql("SELECT coalesce(pid_text, CAST(pid AS VARCHAR)) AS pid, name FROM process")
    }
    threads = {
        f"{row['pid']}/{row['tid']}": row["name"]
        for row in sql(
            "SELECT coalesce(p.pid_text, CAST(p.pid AS VARCHAR)) AS pid, "
            "coalesce(t.tid_text, CAST(t.tid AS VARCHAR)) AS tid, t.name "
            "FROM thread t LEFT JOIN process p USING (upid)"
        )
    }
    checks = [
        Check(f"process_names[{pid}]", name, processes.get(pid))
        for pid, name in value["process_names"].items()
    ]
    checks += [
        Check(f"thread_names[{key}]", name, threads.get(key))
        for key, name in value["thread_names"].items()
    ]
    return checks


def processes(value: int, facts: Facts, sql: Sql) -> list[Check]:
    found = one(
        sql,
        "SELECT count(DISTINCT coalesce(t.upid, h.upid)) FROM track t LEFT JOIN thread h "
        "ON h.utid = t.utid WHERE t.id IN (SELECT track_id FROM slice UNION SELECT track_id FROM "
        "counter)",
    )
    return [Check("pids", True, found <= value)]


def processes_in_all(value: int, _facts: Facts, sql: Sql) -> list[Check]:
    return [Check("pids_in_metadata_too", value, one(sql, "SELECT count(*) FROM process"))]


def threads(value: int, facts: Facts, sql: Sql) -> list[Check]:
    found = one(sql, f"SELECT count(*) FROM ({_LANES.format(where='s.dur > 0')}) lanes")
    return [Check("threads", True, found <= value)]


_COMPLETE = f"s.dur >= 0 AND {PHASE} = ''"
_LANES = (
    "SELECT DISTINCT t.upid, t.utid, t.device_id, t.stream_id, "
    "CASE WHEN t.type LIKE '%overflow%' THEN t.parent_id ELSE t.id END AS main FROM slice s "
    f"JOIN track t ON t.id = s.track_id WHERE NOT {ASYNC} AND {{where}}"
)


def threads_with_x(value: int, facts: Facts, sql: Sql) -> list[Check]:
    if facts["phases"].get("B"):
        return excuse("threads_with_x", "B/E lie on the same tracks")
    found = one(sql, f"SELECT count(*) FROM ({_LANES.format(where=_COMPLETE)}) lanes")
    return [Check("threads_with_x", value, found)]


def distributed(value: Facts, _facts: Facts, sql: Sql) -> list[Check]:
    unknown_parts("distributedInfo", value, ("rank", "world_size", "backend"))
    ranks = {row["rank"] for row in sql("SELECT DISTINCT rank FROM process WHERE rank IS NOT NULL")}
    checks = []
    if value["rank"] is not None:
        checks.append(Check("distributedInfo.rank", {int(value["rank"])}, ranks))
    for key in ("world_size", "backend"):
        rows = sql(
            "SELECT str_value, int_value FROM metadata WHERE name = 'distributedInfo." + key + "'"
        )
        found = {str(r["str_value"] if r["int_value"] is None else r["int_value"]) for r in rows}
        if value[key] is not None:
            checks.append(Check(f"distributedInfo.{key}", {str(value[key])}, found))
    return checks


def top_level_keys(value: Sequence[str], _facts: Facts, sql: Sql) -> list[Check]:
    """Every key of the file beside the events is kept somewhere."""
    kept = {row["name"].split(".")[0] for row in sql("SELECT name FROM metadata")}
    elsewhere = {"traceEvents", "stackFrames", "samples", "deviceProperties"}
    return [Check("top_level_keys", set(), set(value) - kept - elsewhere)]


def metadata_value(name: str) -> Callable[[Any, Facts, Sql], list[Check]]:
    """Check that a value at the top of the file is kept as metadata."""

    def check(value: Any, _facts: Facts, sql: Sql) -> list[Check]:
        rows = sql(f"SELECT str_value, int_value FROM metadata WHERE name = '{name}'")
        found = [r["str_value"] if r["int_value"] is None else r["int_value"] for r in rows]
        return [Check(name, [str(value)], [str(v).strip('"') for v in found])]

    return check


def devices(value: Sequence[Facts], _facts: Facts, sql: Sql) -> list[Check]:
    rows = sql("SELECT device_id AS id, name FROM device")
    return [Check(f"deviceProperties[{d['id']}]", True, dict(d) in rows) for d in value]


def note(value: str, _facts: Facts, sql: Sql) -> list[Check]:
    """A file that had to be salvaged says so."""
    if not value:
        return [Check("note", "", value)]
    found = one(sql, "SELECT count(*) FROM diagnostic WHERE severity <> 'info'")
    return [Check("note", True, found > 0)]


def counters(value: Facts, _facts: Facts, sql: Sql) -> list[Check]:
    unknown_parts("counters", value, ("events", "samples", "series", "non_numeric",
                                      "sum_of_values", "by_series"))  # fmt: skip
    rows = sql(
        "SELECT t.name, count(*) AS count, sum(c.value) AS sum, min(c.value) AS min, "
        "max(c.value) AS max, arg_max(c.value, (c.ts, c.id)) AS last FROM counter c "
        "JOIN track t ON t.id = c.track_id GROUP BY c.track_id, t.name"
    )
    checks = [
        Check("counters.samples", value["samples"], sum(row["count"] for row in rows)),
        Check("counters.series", value["series"], len(rows)),
    ]
    wanted = Counter(_series(row) for row in value["by_series"])
    if len(value["by_series"]) == value["series"]:
        checks.append(Check("counters.by_series", wanted, Counter(_series(row) for row in rows)))
    else:
        rest = wanted - Counter(_series(row) for row in rows)
        checks.append(Check("counters.by_series (those given)", Counter(), rest))
    return checks


def _series(row: Mapping[str, Any]) -> tuple[int, float, float, float, float]:
    total, low, high, last = (float(Decimal(str(row[k]))) for k in ("sum", "min", "max", "last"))
    return row["count"], round(total, 6), low, high, last


def flows(value: Facts, _facts: Facts, sql: Sql) -> list[Check]:
    unknown_parts("flows", value, ("arrows", "arrows_bound", "bind_id_events",
                                   "ends_without_start"))  # fmt: skip
    found = one(sql, "SELECT count(*) FROM flow")
    lost = one(
        sql,
        "SELECT coalesce(sum(count), 0) FROM diagnostic "
        "WHERE code IN ('flow_end_without_start', 'flow_step_without_start')",
    )
    if value.get("bind_id_events"):
        return [Check("flows.arrows", True, found >= value["arrows_bound"])]
    return [
        Check("flows.arrows_bound", value.get("arrows_bound", value["arrows"]), found),
        Check("flows.ends_without_start", value.get("ends_without_start", 0), int(lost)),
    ]


def memory(value: Facts, _facts: Facts, sql: Sql) -> list[Check]:
    unknown_parts("memory_events", value, ("count", "without_bytes", "sum_bytes", "allocs",
                  "frees", "sum_alloc_bytes", "sum_free_bytes",
                  "last_total_allocated"))  # fmt: skip
    if not value:
        return [Check("memory_events", 0, one(sql, "SELECT count(*) FROM allocation"))]
    (row,) = sql(
        "SELECT count(*) AS count, count(*) FILTER (kind = 'alloc') AS allocs, "
        "count(*) FILTER (kind = 'free') AS frees, "
        "CAST(coalesce(sum(bytes) FILTER (kind = 'alloc'), 0) AS BIGINT) AS alloc, "
        "CAST(coalesce(sum(bytes) FILTER (kind = 'free'), 0) AS BIGINT) AS free FROM allocation"
    )
    checks = [
        Check("memory_events.count", value["count"] - value.get("without_bytes", 0), row["count"]),
        Check("memory_events.allocs", value["allocs"], row["allocs"]),
        Check("memory_events.frees", value["frees"], row["frees"]),
        Check("memory_events.sum_bytes", int(value["sum_bytes"]), row["alloc"] - row["free"]),
    ]
    if "sum_alloc_bytes" in value:
        checks.append(
            Check("memory_events.sum_alloc_bytes", int(value["sum_alloc_bytes"]), row["alloc"])
        )
        checks.append(
            Check("memory_events.sum_free_bytes", int(value["sum_free_bytes"]), -row["free"])
        )
    last = {
        -1 if r["device_id"] is None else r["device_id"]: r["total"]
        for r in sql("SELECT device_id, arg_max(total_bytes, (ts, id)) AS total FROM allocation "
                     "GROUP BY 1")
    }  # fmt: skip
    for key, total in value.get("last_total_allocated", {}).items():
        device = int(key.partition("/")[2])
        if total is not None:
            checks.append(Check(f"last_total_allocated[{key}]", int(total), last.get(device)))
    return checks


def cpu_profile(value: Facts, facts: Facts, sql: Sql) -> list[Check]:
    unknown_parts("cpu_profile", value, ("samples", "sum_time_deltas_ns", "nodes"))
    (row,) = sql("SELECT count(*) AS n, coalesce(sum(weight), 0) AS weight FROM sample")
    if not value:
        if facts["phases"].get("P") or facts["global_samples"]:
            return excuse("cpu_profile", "the samples are of another kind")
        return [Check("cpu_profile", 0, row["n"])]
    return [
        Check("cpu_profile.samples", value["samples"], row["n"]),
        Check("cpu_profile.sum_time_deltas_ns", value["sum_time_deltas_ns"], row["weight"]),
        Check("cpu_profile.nodes", value["nodes"], one(sql, "SELECT count(*) FROM frame")),
    ]


def global_samples(value: int, facts: Facts, sql: Sql) -> list[Check]:
    if facts["cpu_profile"] or facts["phases"].get("P"):
        return excuse("global_samples", "the samples are of another kind")
    return [Check("global_samples", value, one(sql, "SELECT count(*) FROM sample"))]
