"""Small Kineto traces for the tests of analyses, ingested into a store of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traceql.engine.analyze import analyze
from traceql.engine.ingest import ingest
from traceql.query.session import Session
from traceql.store.catalog import Store

if TYPE_CHECKING:
    from traceql.model.result import Result

US = 1000


def host(name: str, ts: float, dur: float, cat: str = "cpu_op", tid: int = 1, **args: Any):
    """A slice of a thread; times in µs."""
    return {"ph": "X", "name": name, "cat": cat, "pid": 10, "tid": tid, "ts": ts, "dur": dur,
            "args": args}  # fmt: skip


def device(name: str, ts: float, dur: float, cat: str = "kernel", stream: int = 7, **args: Any):
    """An operation of device 0; times in µs."""
    return {"ph": "X", "name": name, "cat": cat, "pid": 0, "tid": stream, "ts": ts, "dur": dur,
            "args": {"device": 0, "stream": stream, **args}}  # fmt: skip


def store_with(folder: Path, events: list[dict[str, Any]], name: str = "made") -> Store:
    """Write the events as a trace and ingest it."""
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"schemaVersion": 1, "traceEvents": events}))
    store = Store.open(folder / "store", create=True)
    ingest(path, store=store)
    return store


def results_of(store: Store, *only: str, **options: Any) -> dict[str, Result]:
    """Run analyses over all traces; the results by name."""
    found = analyze(store, store.traces(), only=only, **options)
    return {result.analysis: result for result in found}


def evidence(store: Store, result: Result) -> list[list[tuple[Any, ...]]]:
    """Run the evidence of every finding."""
    with Session(store.traces(), store=store) as session:
        return [session.sql(f.evidence_sql).fetchall() for f in result.findings]
