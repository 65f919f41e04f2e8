"""Every real trace-event file: what chunks tell, against facts computed without this program."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from traceql.engine.detect import detect
from traceql.engine.source import open_source
from traceql.errors import InputError
from traceql.importers.chrome import Chrome
from traceql.model import tables

SHARED = Path(__file__).resolve().parents[3] / "shared"
ORACLES = [
    path
    for prefix in ("chrome__", "kineto__", "ftrace__")
    for path in sorted((SHARED / "oracles").glob(f"{prefix}*.json"))
]


def load(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


READABLE = [p for p in ORACLES if load(p)["status"] == "ok" and load(p)["kind"] == "trace-events"]
REFUSED = [p for p in ORACLES if p not in READABLE]


def read(path: Path) -> dict[str, pa.Table]:
    found: dict[str, list[pa.RecordBatch]] = {}
    with open_source(path) as source:
        _, importer = detect(source.head())
        if isinstance(importer, Chrome):  # the fast path is held to the slow one elsewhere
            importer = replace(importer, path="slow")
        for chunk in importer.read(source):
            tables.validate(chunk.table, chunk.rows)
            found.setdefault(chunk.table, []).append(chunk.rows)
    empty = {name: t.arrow_schema.empty_table() for name, t in tables.staging().items()}
    return empty | {name: pa.Table.from_batches(batches) for name, batches in found.items()}


def test_the_oracles_are_there(shared: Path) -> None:
    assert len(READABLE) >= 90
    assert len(REFUSED) >= 4


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_other_files_are_refused_with_their_cause(path: Path) -> None:
    oracle = load(path)
    with pytest.raises(InputError, match=r"byte \d+") as refusal:
        read(SHARED / "traces" / oracle["file"])
    causes = ("ftrace", "tar archive", "execution graph", "no phase")
    assert any(cause in str(refusal.value) for cause in causes) or "text of" in str(refusal.value)


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.stem)
def test_chunks_hold_the_facts(path: Path) -> None:
    oracle = load(path)
    facts, found = oracle["facts"], read(SHARED / "traces" / oracle["file"])
    expected, got = compared(facts, found)
    assert got == expected


def compared(facts: dict[str, Any], found: dict[str, pa.Table]) -> tuple[Any, Any]:
    """Facts that chunks can tell, as expected and as found."""
    dur, flows = found["span"]["dur"], facts["flows"]
    phases, missing = facts["phases"], facts["without_ts"]
    points = sum(phases.get(p, 0) - missing.get(p, 0) for p in "stf") + flows["bind_id_events"]
    expected = {
        "x.valid_positive": facts["x"]["valid_positive"],
        "x.sum_dur_ns": facts["x"]["sum_dur_ns"],
        "zero": facts["x"]["zero_dur"],
        "edges": sum(phases.get(p, 0) - missing.get(p, 0) for p in "BEbeSF"),
        "flow_points": points,
        "counters.samples": facts["counters"]["samples"],
        "counters.series": facts["counters"]["series"],
        "thread_states": facts["thread_state_T_with_dur"],
        "processes": facts["pids_in_metadata_too"],
        "names": facts["metadata"]["process_names"],
    }
    counters = found["counter_sample"]["track_id"]
    names = {
        process["pid_text"] if process["pid"] is None else str(process["pid"]): process["name"]
        for process in found["process"].to_pylist()
    }
    got = {
        "x.valid_positive": pc.sum(pc.greater(dur, 0)).as_py() or 0,
        "x.sum_dur_ns": pc.sum(dur).as_py() or 0,
        "zero": zero_length(found["span"]),
        "edges": found["edge"].num_rows,
        "flow_points": found["flow_point"].num_rows,
        "counters.samples": len(counters),
        "counters.series": len(counters.unique()),
        "thread_states": found["thread_state_span"].num_rows,
        "processes": found["process"].num_rows,
        "names": {pid: names.get(pid) for pid in expected["names"]},
    }
    if facts["gpu"]:
        expected["launches"] = facts["gpu"]["launch_events_with_correlation"]
        got["launches"] = found["link"]["role"].to_pylist().count("host")
    return with_work(facts["gpu"], found["gpu_span"], expected, got)


def zero_length(span: pa.Table) -> int:
    """Spans of length 0 that are complete events as written, not other phases."""
    extra = span.filter(pc.equal(span["dur"], 0))["extra"].to_pylist()
    return sum(text is None or '"ph"' not in text for text in extra)


def with_work(
    gpu: dict[str, Any], spans: pa.Table, expected: dict[str, Any], got: dict[str, Any]
) -> tuple[Any, Any]:
    rows = spans.to_pylist()
    for kind, facts in gpu.get("kinds", {}).items():
        mine = [row for row in rows if row["kind"] == kind]
        expected[kind] = (
            facts["rows"], int(facts["sum_bytes"]), facts["distinct_correlations"]
        )  # fmt: skip
        correlations = {row["correlation_id"] for row in mine} - {None}
        got[kind] = (len(mine), sum(row["bytes"] or 0 for row in mine), len(correlations))
    streams = Counter(f"{row['device_id']}/{row['stream_id']}" for row in rows)
    for stream, facts in gpu.get("by_stream", {}).items():
        expected[stream], got[stream] = facts["ops"], streams[stream]
    return expected, got
