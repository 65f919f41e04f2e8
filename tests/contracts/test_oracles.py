"""Law 7: every real trace agrees with its oracle, or is refused with its cause."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oracle_check
import pytest
from oracle_facts import compare

from traceql.engine.ingest import ingest
from traceql.errors import InputError
from traceql.query.session import Session
from traceql.store.catalog import Store

SHARED = Path(__file__).resolve().parents[3] / "shared"
ORACLES = sorted(
    path for tool in ("chrome", "kineto") for path in (SHARED / "oracles").glob(f"{tool}__*.json")
)


def facts_of(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def is_trace(oracle: dict[str, Any]) -> bool:
    return oracle["status"] == "ok" and oracle["kind"] == "trace-events"


WE_ARE_RIGHT = {
    # A (B at 0, E at 2) stands before B (X, 0 to 2) in the file, so A is the parent, as in
    # Perfetto; the oracle sorts all X before all B/E where start and length are equal.
    ("bex-interaction.json", "nesting.top_self[A]"),
}

READABLE = [path for path in ORACLES if is_trace(facts_of(path))]
REFUSED = [path for path in ORACLES if path not in READABLE]


@pytest.fixture(scope="module")
def reported() -> Iterator[dict[str, list[oracle_check.Check]]]:
    """Collects the checks of all files; the table is printed at the end (see it with -s)."""
    checked: dict[str, list[oracle_check.Check]] = {}
    yield checked
    print("\n" + oracle_check.table(checked))


def test_oracles_are_there(shared: Path) -> None:
    assert len(READABLE) >= 90
    assert len(REFUSED) >= 4


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.stem)
def test_trace_agrees_with_its_oracle(
    path: Path, tmp_path: Path, reported: dict[str, list[oracle_check.Check]]
) -> None:
    oracle = facts_of(path)
    store = Store.open(tmp_path / "store", create=True)
    done = ingest(SHARED / "traces" / oracle["file"], store=store)
    with Session([done.trace], store=store) as session:
        checks = compare(oracle["facts"], lambda text: session.sql(text).arrow().to_pylist())
    reported[oracle["file"]] = checks
    assert len(checks) >= 20
    name = path.stem.rpartition("__")[2]
    excused = {fact for file, fact in WE_ARE_RIGHT if file == name}
    failed = {check.fact for check in checks if not check.holds}
    assert failed == excused, [str(c) for c in checks if not c.holds and c.fact not in excused]


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_what_is_no_trace_event_file_is_refused_with_its_cause(path: Path, tmp_path: Path) -> None:
    oracle = facts_of(path)
    source = SHARED / "traces" / oracle["file"]
    store = Store.open(tmp_path / "store", create=True)
    with pytest.raises(InputError) as refusal:
        ingest(source, store=store)
    assert refusal.value.exit_code == 2
    assert str(source) in str(refusal.value)
    assert "byte " in str(refusal.value)
    assert not store.traces()
    assert not list((tmp_path / "store" / "traces").glob("*/*"))


def test_a_fact_that_nobody_compares_fails() -> None:
    with pytest.raises(KeyError):
        compare({"a_new_fact": 1}, lambda _text: [])
    with pytest.raises(KeyError, match="a_new_part"):
        compare({"instants": {"a_new_part": 1}}, lambda _text: [])
