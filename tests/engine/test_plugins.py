"""Plug-ins are found by their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from traceql.engine import plugins


def test_folders_and_files_are_names(tmp_path: Path) -> None:
    (tmp_path / "gpu").mkdir()
    (tmp_path / "gpu" / "__init__.py").write_text('"""Group."""\n')
    (tmp_path / "gpu" / "breakdown.py").write_text("PLUGIN = int\n")
    (tmp_path / "chrome").mkdir()
    (tmp_path / "chrome" / "__init__.py").write_text("PLUGIN = int\n")
    (tmp_path / "chrome" / "events.py").write_text("")
    (tmp_path / "_shared.py").write_text("")
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "summary.py").write_text("")

    assert plugins._walk(tmp_path, "") == {"gpu.breakdown", "chrome", "summary"}


def test_unknown_names_are_refused() -> None:
    with pytest.raises(KeyError):
        plugins.load("importers", "nope")
