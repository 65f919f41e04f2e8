"""Law 7 for AMD's tools: every real file agrees with its oracle, or is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import oracle_check
import pytest
from oracle_rocprof import compare

from traceql.engine.ingest import ingest
from traceql.query.session import Session
from traceql.store.catalog import Store

SHARED = Path(__file__).resolve().parents[3] / "shared"
ORACLES = sorted((SHARED / "oracles").glob("rocprof__*.json"))
IMPORTERS = {
    "rocprofiler-sdk/source/docs/data": "rocprofv3",
    "rocprof-unified-viewer": "rocprofv3",
    "TraceLens": "rocprofv3",
    "matmul_result.rpd": "rpd",
    "results.csv": "rocprof",
    "results.db": "rocprof",
    "build-debug/results.json": "rocprof",
    "results.stats.csv": "rocprof",
    "tests/workloads": "rocprof",
    "golden_traces": "rocprof",
}
"""Part of a file's path to the importer that reads it."""


def importer_of(path: Path) -> str | None:
    oracle = oracle_check.load(path)
    if oracle["status"] != "ok":
        return None
    return next((name for part, name in IMPORTERS.items() if part in oracle["file"]), None)


READABLE = [path for path in ORACLES if importer_of(path)]


@pytest.fixture(scope="module")
def reported() -> Iterator[dict[str, list[oracle_check.Check]]]:
    """Collects the checks of all files; the table is printed at the end (see it with -s)."""
    checked: dict[str, list[oracle_check.Check]] = {}
    yield checked
    print("\n" + oracle_check.table(checked))


def test_oracles_are_there(shared: Path) -> None:
    assert len(READABLE) >= 50


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.stem)
def test_file_agrees_with_its_oracle(
    path: Path, tmp_path: Path, reported: dict[str, list[oracle_check.Check]]
) -> None:
    oracle = oracle_check.load(path)
    store = Store.open(tmp_path / "store", create=True)
    done = ingest(SHARED / "traces" / oracle["file"], store=store)
    assert done.importer == importer_of(path)
    with Session([done.trace], store=store) as session:
        checks = compare(oracle, lambda text: session.sql(text).arrow().to_pylist())
    reported[oracle["file"]] = checks
    assert len(checks) >= 1
    assert not [str(check) for check in checks if not check.holds]
