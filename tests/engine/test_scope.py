"""A trace is named by its name, its id, its group or its path."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from traceql.engine import database
from traceql.engine.scope import traces_in_scope
from traceql.errors import TraceNotFound


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with database.open(tmp_path / "store", create=True) as db:
        for number, group in enumerate(("night", "night", None)):
            event = {"ph": "X", "ts": number, "dur": 1, "pid": 1, "tid": 1, "name": "a"}
            (tmp_path / f"run{number}.json").write_text(json.dumps([event]))
            db.ingest(tmp_path / f"run{number}.json", group=group)
    return tmp_path / "store"


def names(store: Path, *given: str) -> list[str]:
    return [trace.name for trace in traces_in_scope(store, given)[1]]


def test_a_group_means_its_traces(store: Path) -> None:
    assert names(store, "night") == ["run0", "run1"]
    assert names(store, "run2", "night", "run0") == ["run2", "run0", "run1"]
    with database.open(store) as db:
        assert db.sql("SELECT count(*) FROM slice", trace="night").fetchall() == [(2,)]


def test_neither_trace_nor_group(store: Path) -> None:
    with pytest.raises(TraceNotFound, match="day"):
        names(store, "day")


def test_without_a_name_all_or_the_last(store: Path) -> None:
    assert names(store) == ["run0", "run1", "run2"]
    assert [t.name for t in traces_in_scope(store, last=True)[1]] == ["run2"]
