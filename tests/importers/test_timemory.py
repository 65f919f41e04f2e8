"""timemory: text and JSON of one call graph say the same; damage is counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import timemory_files
from timemory_files import Node, graph

from traceql.engine.ingest import ingest
from traceql.errors import CorruptTrace
from traceql.query.session import Session
from traceql.store.catalog import Store


def opened(path: Path, folder: Path) -> Session:
    store = Store.open(folder / "store", create=True)
    done = ingest(path, store=store)
    assert done.importer == "timemory"
    return Session([done.trace], store=store)


@pytest.fixture(params=["wall_clock.txt", "wall_clock.json"])
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with opened(timemory_files.SAMPLES / request.param, tmp_path) as made:
        yield made


def test_the_samples_are_what_the_generator_writes() -> None:
    assert (timemory_files.SAMPLES / "wall_clock.txt").read_text() == timemory_files.text()
    assert (timemory_files.SAMPLES / "wall_clock.json").read_text() == timemory_files.json_text()


def paths() -> list[tuple[str, str | None, Node]]:
    """Give thread, caller and path."""
    found: list[tuple[str, str | None, Node]] = []
    stack: list[Node] = []
    for node in graph():
        del stack[node.depth :]
        found.append((node.thread, stack[-1].name if stack else None, node))
        stack.append(node)
    return found


@pytest.mark.parametrize(
    ("metric", "unit"), [("wall_clock.sum", "ns"), ("wall_clock.count", "count")]
)
def test_each_path_has_its_totals_below_its_caller(session: Any, metric: str, unit: str) -> None:
    found = session.sql(
        "SELECT \"group\" ->> '$.thread', q.name, f.name, p.value, p.unit FROM profile p "
        "JOIN (SELECT id, name FROM frame) f ON f.id = p.frame_id "
        "LEFT JOIN (SELECT p2.id, f2.name FROM (SELECT id, frame_id FROM profile) p2 JOIN "
        "(SELECT id, name FROM frame) f2 ON f2.id = p2.frame_id) q ON q.id = p.parent_id "
        f"WHERE metric = '{metric}' ORDER BY p.id"
    ).fetchall()
    wanted = [
        (thread, caller, node.name, node.total * 1e9 if unit == "ns" else node.calls, unit)
        for thread, caller, node in paths()
    ]
    assert found == wanted


def test_shares_are_marked_as_own(tmp_path: Path) -> None:
    with opened(timemory_files.SAMPLES / "wall_clock.txt", tmp_path) as made:
        found = made.sql(
            "SELECT DISTINCT unit, self, sum(value) OVER () FROM profile "
            "WHERE metric = 'wall_clock.self'"
        ).fetchall()
    assert found == [("%", True, sum(node.own for node in graph()))]


def test_a_cut_row_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    lines = timemory_files.text().splitlines()
    path = tmp_path / "x.txt"
    path.write_text("\n".join([*lines[:12], lines[12][:40]]), encoding="utf-8")
    with opened(path, tmp_path) as made:
        count = made.sql("SELECT count(DISTINCT frame_id) FROM profile").fetchall()[0][0]
        said = dict(made.sql("SELECT code, count FROM diagnostic").fetchall())
    assert count == 7
    assert said == {"record_unread": 1}


def test_json_that_ends_early_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path, text = tmp_path / "x.json", timemory_files.json_text()
    path.write_text(text[: len(text) // 2], encoding="utf-8")
    with opened(path, tmp_path) as made:
        sums = made.sql("SELECT value FROM profile WHERE metric = 'wall_clock.sum' ORDER BY id")
        found = [row[0] for row in sums.fetchall()]
        said = {row[0] for row in made.sql("SELECT code FROM diagnostic").fetchall()}
    assert 10 < len(found) < len(graph())
    assert found == [node.total * 1e9 for node in graph()][: len(found)]
    assert "json_incomplete" in said


def test_json_without_a_whole_row_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(timemory_files.json_text()[:60], encoding="utf-8")
    with pytest.raises(CorruptTrace, match="no whole row"):
        ingest(path, store=Store.open(tmp_path / "store", create=True))
