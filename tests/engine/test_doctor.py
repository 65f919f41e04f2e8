"""The doctor walks the whole way and says what is missing."""

from __future__ import annotations

from pathlib import Path

from traceql.engine import doctor


def test_this_installation_works(tmp_path: Path) -> None:
    checks = {check.name: check for check in doctor.examine(tmp_path / "none")}

    assert not [c for c in checks.values() if c.state == "broken"]
    assert "analyses" in checks["whole way"].detail
    assert checks["store"].state == "missing"
    assert "traceql ingest" in checks["store"].detail


def test_a_folder_that_is_no_store_is_broken(tmp_path: Path) -> None:
    (tmp_path / "traceql-store.json").write_text("{")

    assert doctor._store(tmp_path).state == "broken"
