"""Law 7 for Nsight Systems: every real export agrees with its oracle, or is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import oracle_check
import pytest
from oracle_nsys import compare

from traceql.engine.ingest import ingest
from traceql.errors import InputError, MissingTool
from traceql.query.session import Session
from traceql.store.catalog import Store

SHARED = Path(__file__).resolve().parents[3] / "shared"
ORACLES = sorted((SHARED / "oracles").glob("nsys__*.json"))
READABLE = [path for path in ORACLES if oracle_check.load(path)["status"] == "ok"]
REFUSED = [path for path in ORACLES if path not in READABLE]


@pytest.fixture(scope="module")
def reported() -> Iterator[dict[str, list[oracle_check.Check]]]:
    """Collects the checks of all files; the table is printed at the end (see it with -s)."""
    checked: dict[str, list[oracle_check.Check]] = {}
    yield checked
    print("\n" + oracle_check.table(checked))


def test_oracles_are_there(shared: Path) -> None:
    assert len(READABLE) >= 6
    assert REFUSED


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.stem)
def test_export_agrees_with_its_oracle(
    path: Path, tmp_path: Path, reported: dict[str, list[oracle_check.Check]]
) -> None:
    oracle = oracle_check.load(path)
    store = Store.open(tmp_path / "store", create=True)
    done = ingest(SHARED / "traces" / oracle["file"], store=store)
    assert done.importer == "nsight"
    with Session([done.trace], store=store) as session:
        checks = compare(oracle["facts"], lambda text: session.sql(text).arrow().to_pylist())
    reported[oracle["file"]] = checks
    assert len(checks) >= 60
    assert not [str(check) for check in checks if not check.holds]


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_a_raw_report_asks_for_the_tool(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    source = SHARED / "traces" / oracle_check.load(path)["file"]
    store = Store.open(tmp_path / "store", create=True)
    with pytest.raises(MissingTool, match="nsys export") as refusal:
        ingest(source, store=store)
    assert isinstance(refusal.value, InputError)
    assert str(source) in str(refusal.value)
    assert not store.traces()
