"""Compare a stored trace with the facts of an oracle of AMD's tools."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from oracle_check import Check, Facts, Sql
from oracle_gpu import by_device

Row = dict[str, Any]

SLICES = """
SELECT s.id, s.ts, s.dur, s.name, s.category, s.correlation_id AS correlation, s.args,
  t.device_id AS device, t.stream_id AS stream, t.queue, pid, tid, g.kind, g.bytes,
  g.launch_slice_id AS launch
FROM slice s
JOIN (SELECT id, device_id, stream_id, upid, utid, args ->> '$.queue_id' AS queue FROM track) t
  ON t.id = s.track_id
LEFT JOIN (SELECT upid, pid FROM process) p ON p.upid = t.upid
LEFT JOIN (SELECT utid, tid FROM thread) h ON h.utid = t.utid
LEFT JOIN (SELECT slice_id, kind, bytes, launch_slice_id FROM gpu_op) g ON g.slice_id = s.id
"""
NAMES = ("Direction", "KernelName")
"""Where args keep a name as the file spells it."""
SHAPE = frozenset({"columns", "header", "rows_of_other_width", "kind", "times_in_float_notation"})
"""Facts about the shape of a file, which no trace has."""


def slices(sql: Sql) -> list[Row]:
    """Give all slices with what they belong to; `said` is their args."""
    found = sql(SLICES)
    for row in found:
        row["said"] = {} if row["args"] is None else json.loads(row["args"])
        row["spelled"] = next((row["said"][n] for n in NAMES if n in row["said"]), row["name"])
    return found


def intervals(name: str, want: Facts, found: Sequence[Row]) -> Iterator[Check]:
    """Check what an oracle says of slices: how many, how long, from when to when, called how."""
    durs: dict[str, list[int]] = {}
    for row in found:
        durs.setdefault(row["spelled"], []).append(row["dur"])
    facts = {
        "rows": len(found),
        "sum_dur_ns": sum(row["dur"] for row in found),
        "min_start_ns": min((row["ts"] for row in found), default=None),
        "max_end_ns": max((row["ts"] + row["dur"] for row in found), default=None),
        "rows_end_before_start": 0,
        "rows_zero_dur": sum(row["dur"] == 0 for row in found),
        "distinct_names": len(durs),
        "top_names": [
            {"name": top["name"], "count": len(mine), "total_ns": sum(mine),
             "min_ns": min(mine, default=None), "max_ns": max(mine, default=None)}
            for top in want.get("top_names", ())
            for mine in [durs.get(top["name"], [])]
        ],
        "tids": len({row["tid"] for row in found}),
        "threads": len({row["said"].get("Thread_Id", row["tid"]) for row in found}),
        "queues": len({row["queue"] for row in found}),
        "streams": len({row["stream"] for row in found}),
        "agents": len({row["device"] for row in found}),
    }  # fmt: skip
    for key, value in want.items():
        yield Check(f"{name}.{key}", value, facts[key])


def distinct(row: Row, key: str) -> Any:
    """Give the value of a row that a fact counts the different ones of."""
    said = row["said"]
    if key == "tids":
        return said.get("Thread_Id", said.get("tid", row["tid"]))
    if key == "domains":
        return said.get("Domain", row["category"])
    if key == "dispatch_ids":
        return said.get("Dispatch_Id", said.get("Dispatch_ID"))
    names = {
        "agents": "device", "queues": "queue", "streams": "stream", "pids": "pid",
        "correlation_ids": "correlation",
    }  # fmt: skip
    return row[names[key]]


def exact(value: Decimal, digits: str) -> str:
    """Write a value with as many decimals as an oracle does."""
    _, _, decimals = digits.partition(".")
    return str(value.quantize(Decimal(1).scaleb(-len(decimals))))


def counters(value: Facts, sql: Sql) -> Iterator[Check]:
    """Check the values of each counter, from counter samples or from profile."""
    found = sql(
        "SELECT t.name, c.value FROM counter c JOIN (SELECT id, name FROM track) t "
        "ON t.id = c.track_id"
    ) + sql("SELECT metric AS name, value FROM profile WHERE unit IS NULL OR unit = ''")
    for name, want in value.items():
        values = [Decimal(repr(row["value"])) for row in found if row["name"] == name]
        assert values, name
        facts = {
            "count": len(values), "sum": sum(values), "mean": sum(values) / len(values),
            "min": min(values), "max": max(values),
        }  # fmt: skip
        for key, expected in want.items():
            text = facts[key] if key == "count" else exact(Decimal(facts[key]), expected)
            yield Check(f"counters.{name}.{key}", expected, text)


def samples(facts: Facts, sql: Sql) -> Iterator[Check]:
    """Check samples of program counters."""
    found = sql("SELECT s.ts, f.name FROM sample s JOIN frame f ON f.id = s.frame_id")
    names = Counter(row["name"] for row in found)
    yield Check("rows", facts["rows"], len(found))
    yield Check("first_ts_ns", facts["first_ts_ns"], min(row["ts"] for row in found))
    yield Check("last_ts_ns", facts["last_ts_ns"], max(row["ts"] for row in found))
    for name, count in facts["top_instructions"].items():
        yield Check(f"top_instructions.{name}", count, names[name])


def statistics(facts: Facts, sql: Sql) -> Iterator[Check]:
    """Check a table of totals by name."""
    found = sql("SELECT \"group\" ->> '$.Name' AS name, metric, value FROM profile")
    calls = {row["name"]: int(row["value"]) for row in found if row["metric"] == "Calls"}
    total = {row["name"]: int(row["value"]) for row in found if row["metric"] == "TotalDurationNs"}
    yield Check("rows", facts["rows"], len(calls))
    yield Check("sum_calls", facts["sum_calls"], sum(calls.values()))
    yield Check("sum_total_ns", facts["sum_total_ns"], str(sum(total.values())))
    for top in facts["top"]:
        name = top["name"]
        yield Check(f"top.{name}", (top["count"], top["total_ns"]),
                    (calls.get(name), str(total.get(name))))  # fmt: skip


def allocations(facts: Facts, sql: Sql) -> Iterator[Check]:
    """Check allocations beside the slices that made them."""
    found = sql("SELECT kind, bytes FROM allocation")
    wanted = sum(facts["by_operation"].values())
    yield Check("allocations", wanted, len(found))
    yield Check("sum_bytes", facts["sum_bytes"], sum(row["bytes"] or 0 for row in found))
    names = Counter(row["name"] for row in slices(sql))
    yield Check("by_operation", facts["by_operation"], dict(names))


def system(facts: Facts, sql: Sql) -> Iterator[Check]:
    """Check what a workload tells of its system, or of what its devices can reach."""
    if "ip_blocks" in facts["header"]:
        names = {row["name"] for row in sql("SELECT name FROM metadata")}
        wanted = {f"rocprof_compute.{name}" for name in ("version", "gpu_arch", "cu_per_gpu")}
        yield Check("header", wanted, wanted & names)
        private = {f"rocprof_compute.{name}" for name in ("hostname", "command")}
        yield Check("private", set(), private & names)
        return
    rows = sql("SELECT count(DISTINCT \"group\" ->> '$.device') AS devices, count(*) AS n "
               "FROM profile")  # fmt: skip
    yield Check("rows", facts["rows"], rows[0]["devices"])
    yield Check("columns", facts["rows"] * (facts["columns"] - 1), rows[0]["n"])


def wide(facts: Facts, found: Sequence[Row], sql: Sql) -> Iterator[Check]:
    """Check the sums of counters that have a column each."""
    if not found:
        rows = sql("SELECT DISTINCT \"group\" ->> '$.Dispatch_ID' AS dispatch FROM profile")
        yield Check("rows", facts["rows"], len(rows))
    sums = Counter[str]()
    for row in sql("SELECT t.name, c.value FROM counter c JOIN (SELECT id, name FROM track) t ON "
                   "t.id = c.track_id UNION ALL SELECT metric, value FROM profile"):  # fmt: skip
        sums[row["name"]] += Decimal(row["value"])  # type: ignore[assignment]
    sums.pop("Dispatches", None)
    yield Check("counter_columns", facts["counter_columns"], len(sums))
    for name, total in facts["counter_sums"].items():
        yield Check(f"counter_sums.{name}", Decimal(total), Decimal(sums[name]))


def v1_base(facts: Facts, sql: Sql) -> Iterator[Check]:
    """Check a database of v1; its names have quotes and endings that ours lack."""
    found = slices(sql)
    (table,) = facts["tables"].values()
    yield Check("rows.KERN", facts["rows"]["KERN"], len(found))
    yield from intervals("KERN", table, found)


def v1_json(facts: Facts, sql: Sql) -> Iterator[Check]:
    """Check the JSON of v1 by the exact times that its args tell."""
    found = slices(sql)
    yield Check("slice_count", facts["slice_count"], len(found))
    yield Check("threads", facts["threads"], len({row["said"]["tid"] for row in found}))
    yield from intervals("exact", facts["exact_from_args"], found)


def roctracer(facts: Facts, sql: Sql) -> Iterator[Check]:
    """Check the text of roctracer; of each range there is one slice."""
    found = slices(sql)
    ops = [row for row in found if row["kind"] is not None]
    api = [row for row in found if row["category"] in {"hip_runtime", "hsa_api"}]
    yield from intervals("ops", facts["ops"], ops)
    yield from intervals("api", facts["api"], api)
    yield Check("devices", facts["devices"], len({row["device"] for row in ops}))
    yield Check("linked", len(ops), sum(row["launch"] is not None for row in ops))
    by_kind = facts["roctx"]["by_cid_1_push_2_pop_3_start_4_stop_or_mark"]
    ranges = [row for row in found if row["category"] == "roctx"]
    yield Check("roctx", by_kind.get("1", 0) + by_kind.get("3", 0), len(ranges))
    yield Check("roctx.closed", 0, sum(row["dur"] < 0 for row in ranges))


def csv(facts: Facts, sql: Sql) -> Iterator[Check]:
    """Check a CSV of rocprofv3 or of the tools before it."""
    kind = facts["kind"]
    if kind == "pc samples":
        yield from samples(facts, sql)
        return
    if kind == "statistics":
        yield from statistics(facts, sql)
        return
    found = slices(sql)
    if kind == "table without times":
        yield from system(facts, sql)
        return
    if kind == "dispatches with counter columns":
        yield from wide(facts, found, sql)
    for key, value in facts.items():
        if key == "rows" and found and kind != "counters, one row per value":
            yield Check("rows", value, len(found))
        elif key in {"intervals", "dispatches"} and len(found) == value["rows"]:
            yield from intervals(key, value, found)
        elif key == "counters":
            yield from counters(value, sql)
        elif key in {"agents", "queues", "streams", "pids", "tids", "correlation_ids",
                     "dispatch_ids", "domains"} and found:  # fmt: skip
            values = {distinct(row, key) for row in found}
            yield Check(key, value, len(values))
    if kind == "allocations":
        yield from allocations(facts, sql)


def json_form(facts: Facts, sql: Sql) -> Iterator[Check]:
    """Check the JSON of rocprofv3, which has arrays of records for each process."""
    found = slices(sql)
    (process,) = facts["processes"]
    devices = sql("SELECT kind, name FROM device")
    yield Check("agents", process["agents"], len(devices))
    kinds = [row["kind"] for row in devices]
    yield Check("gpu_agents", process["gpu_agents"], kinds.count("gpu"))
    for name, want in process["records"].items():
        mine = [row for row in found if row["kind"] == "kernel"] if name in KERNELS else []
        yield from intervals(name, want, mine)
    work = sql("SELECT g.kind, s.ts, s.dur, s.name FROM gpu_op g JOIN slice s ON s.id = g.slice_id")
    for device, want in process["by_device"].items():
        yield from by_device(device, want, work)


def rpd(facts: Facts, sql: Sql) -> Iterator[Check]:
    """Check a file of rocmProfileData."""
    found = slices(sql)
    calls = [row for row in found if row["kind"] is None]
    work = [row for row in found if row["kind"] is not None]
    yield from intervals("api", {k: v for k, v in facts["api"].items() if k != "pids"}, calls)
    yield Check("api.pids", facts["api"]["pids"], len({row["pid"] for row in calls}))
    op = dict(facts["op"])
    yield Check("op.gpus", op.pop("gpus"), sorted({row["device"] for row in work}))
    types = Counter(row["said"].get("Direction", row["said"].get("opType")) for row in work)
    yield Check("op.by_op_type", op.pop("by_op_type"), dict(types))
    yield from intervals("op", op, work)
    linked = sum(row["launch"] is not None for row in work)
    yield Check("api_ops_links", facts["api_ops_links"], linked)
    for device, want in facts["by_device"].items():
        yield from by_device(device, want, work)
    values = sql("SELECT t.name, c.ts, c.value, c.args FROM counter c JOIN (SELECT id, name, args "
                 "->> '$.deviceId' AS device FROM track) t ON t.id = c.track_id")  # fmt: skip
    for key, want in facts["monitor"].items():
        name = key.rpartition("/")[2]
        mine = [row for row in values if row["name"] == name]
        yield Check(f"{key}.count", want["count"], len(mine))
        yield Check(f"{key}.sum", Decimal(want["sum"]), sum(Decimal(row["value"]) for row in mine))
        yield Check(f"{key}.min_start_ns", want["min_start_ns"], min(row["ts"] for row in mine))
        ends = [json.loads(row["args"])["end"] for row in mine]
        yield Check(f"{key}.max_end_ns", want["max_end_ns"], max(ends))


KERNELS = frozenset({"kernel_dispatch"})
COMPARISONS: Mapping[str, Callable[[Facts, Sql], Iterator[Check]]] = {
    "rocprof-csv": csv,
    "rocprofv3-json": json_form,
    "rpd": rpd,
    "rocprof-v1-db": v1_base,
    "roctracer-text": roctracer,
    "rocprof-v1-json": v1_json,
}


def compare(oracle: Facts, sql: Sql) -> list[Check]:
    """Check every fact that a trace can hold."""
    return list(COMPARISONS[oracle["kind"]](oracle["facts"], sql))
