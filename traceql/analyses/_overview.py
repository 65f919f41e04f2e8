"""Facts about a trace as a whole, and when its tracks were busy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.analyses import _calls, _evidence
from traceql.kernels import intervals
from traceql.model.result import Exhibit, Finding, Result, severity
from traceql.model.units import format_count, format_ns

if TYPE_CHECKING:
    from traceql.model.protocols import Tables

_WHOLE = ("fact", "categories", "devices", "processes", "diagnostics")
SCHEMA = pa.schema(
    [
        pa.field("track_id", pa.int64()),
        pa.field("table", pa.string(), nullable=False),  # of _WHOLE, or overview
        pa.field("row", pa.string()),  # JSON, for tables of _WHOLE
        pa.field("track", pa.string()),
        pa.field("ts", pa.int64()),
        pa.field("dur", pa.int64()),
        pa.field("busy_ratio", pa.float64()),
    ]
)


def measure(tables: Tables, bins: int) -> pa.Table:
    """Bin one track.

    Args:
        tables: busy (ts, end_ts of one track's outermost slices, ascending), track, and those of
            _WHOLE, which go along as JSON rows: `conclude` takes those of one partition.
        bins: of the whole time.

    Returns:
        SCHEMA; one row `overview` per run of bins that are equally busy, none for idle ones.
    """
    busy = tables["busy"]
    track = busy["track_id"][0].as_py() if busy.num_rows else None
    rows = [
        {"track_id": track, "table": name, "row": json.dumps(row)}
        for name in _WHOLE
        for row in tables[name].to_pylist()  # facts and small lists, not events
    ]
    whole = pa.Table.from_pylist(rows, SCHEMA)
    if track is None:
        return whole
    return pa.concat_tables([whole, _binned(track, tables, bins)])


def _binned(track: int, tables: Tables, bins: int) -> pa.Table:
    facts = tables["fact"].to_pylist()[0]
    start, end = facts["start_ts"], facts["end_ts"]
    width = max(1, -(-(end - start) // bins))
    busy = tables["busy"]
    covered = intervals.coverage_by_bin(
        busy["ts"].to_numpy(), busy["end_ts"].to_numpy(), start, width, bins
    )
    changes = np.flatnonzero(np.append(True, covered[1:] != covered[:-1]))
    length = np.diff(np.append(changes, bins))
    shown = covered[changes] > 0
    first, length, amount = changes[shown], length[shown], covered[changes][shown]
    row = tables["track"].filter(pc.equal(tables["track"]["track_id"], track)).to_pylist()
    label = _calls.label(row[0]) if row else f"track {track}"
    n = len(first)
    return pa.Table.from_arrays(
        [
            pa.array([track] * n, pa.int64()),
            pa.array(["overview"] * n, pa.string()),
            pa.nulls(n, pa.string()),
            pa.array([label] * n, pa.string()),
            pa.array(start + first * width, pa.int64()),
            pa.array(length * width, pa.int64()),
            pa.array(amount / width, pa.float64()),
        ],
        schema=SCHEMA,
    )


def conclude(name: str, measured: pa.Table) -> Result:
    """Make the Result of `summary`.

    Args:
        name: of the analysis.
        measured: SCHEMA, then trace.
    """
    first = measured.slice(0, 1).to_pylist()[0]
    whole = measured.filter(pc.field("table") != "overview")
    mine = pc.is_null(whole["track_id"])
    if first["track_id"] is not None:
        mine = pc.equal(whole["track_id"], first["track_id"])
    lists: dict[str, list[dict[str, Any]]] = {table: [] for table in _WHOLE}
    for row in whole.filter(mine).to_pylist():
        lists[row["table"]].append(json.loads(row["row"]))
    facts = lists["fact"][0]
    span = max(0, (facts["end_ts"] or 0) - (facts["start_ts"] or 0))
    fact = {"start_ts": facts.pop("start_ts"), "span_dur": span, **facts}
    fact.pop("end_ts")
    found = {"fact": pa.Table.from_pylist([fact], _schema_of(fact))}
    found |= {k: pa.Table.from_pylist(v) for k, v in lists.items() if k != "fact" and v}
    overview = _lanes(measured.filter(pc.field("table") == "overview"))
    if overview.num_rows:
        found["overview"] = overview
    return Result(
        name,
        status="ok" if facts["slice_count"] or span else "empty",
        findings=tuple(_findings(name, first["trace"], lists["diagnostics"], facts)),
        tables=found,
        exhibits=tuple(e for e in _EXHIBITS if e.table in found),
        headline=_headline(facts, span),
    )


_EXHIBITS = (
    Exhibit("fact", "table", "The trace"),
    Exhibit(
        "overview",
        "timeline",
        "When the tracks were busy",
        {"label": "track", "ts": "ts", "dur": "dur", "value": "busy_ratio"},
        note="Share of each bin that outermost slices cover.",
    ),
    Exhibit("categories", "table", "Categories"),
    Exhibit("devices", "table", "Devices"),
    Exhibit("processes", "table", "Processes"),
    Exhibit("diagnostics", "table", "What was odd about the file"),
)


def _schema_of(fact: dict[str, Any]) -> pa.Schema:
    return pa.schema([(key, pa.int64()) for key in fact])


def _lanes(rows: pa.Table) -> pa.Table:
    """Order the overview: the busiest track first; tell tracks of one name apart."""
    labels = dict(zip(rows["track_id"].to_pylist(), rows["track"].to_pylist(), strict=True))
    seen: dict[str, int] = {}
    for track in sorted(labels):  # at most the tracks of the overview
        seen[labels[track]] = seen.get(labels[track], 0) + 1
        if seen[labels[track]] > 1:
            labels[track] = f"{labels[track]} ({seen[labels[track]]})"
    names = [labels[track] for track in rows["track_id"].to_pylist()]
    busy = pc.multiply(rows["busy_ratio"], pc.cast(rows["dur"], pa.float64()))
    table = pa.table(
        {
            "track": pa.array(names, pa.string()),
            "ts": rows["ts"],
            "dur": rows["dur"],
            "busy_ratio": rows["busy_ratio"],
            "busy": busy,
        }
    )
    total = table.group_by("track").aggregate([("busy", "sum")])
    joined = table.join(total, "track")
    order = [("busy_sum", "descending"), ("track", "ascending"), ("ts", "ascending")]
    return joined.sort_by(order).select(["track", "ts", "dur", "busy_ratio"])


def _headline(facts: dict[str, Any], span: int) -> str:
    parts = [f"{format_count(facts['slice_count'])} slices over {format_ns(span)}"]
    for key, what in (
        ("gpu_op_count", "device operations"),
        ("counter_value_count", "counter values"),
        ("sample_count", "samples"),
        ("unclosed_count", "never closed"),
    ):
        if facts[key]:
            parts.append(f"{format_count(facts[key])} {what}")
    return f"{', '.join(parts)}."


def _findings(
    name: str, trace: str, diagnostics: list[dict[str, Any]], facts: dict[str, Any]
) -> list[Finding]:
    """Make a finding of each diagnostic that speaks of loss."""
    found = []
    for row in diagnostics:
        if row["severity"] not in {"data_loss", "error"}:
            continue
        share = row["count"] / max(1, row["count"] + facts["slice_count"])
        known = {"code": row["code"], "message": row["message"], "trace": trace}
        evidence = (
            "SELECT trace, NULL::BIGINT AS id, NULL::BIGINT AS ts, NULL::BIGINT AS dur, "  # noqa: S608
            f"code AS name, count, message FROM diagnostic WHERE {_evidence.where(known)}"
        )
        found.append(
            Finding(
                traces=(trace,),
                analysis=name,
                kind="data_loss",
                severity=severity(share),
                subject_type="trace",
                subject=f"{row['code']}: {row['message']}",
                message=f"The file lost data, {format_count(row['count'])} times: {row['message']}",
                confidence_basis="exact",
                confidence=1.0,
                evidence_sql=evidence,
                n_events=1,
                value=float(row["count"]),
                unit="count",
                impact_ratio=share,
                recommendation="Record again, or read every other number with this in mind.",
            )
        )
    return found
