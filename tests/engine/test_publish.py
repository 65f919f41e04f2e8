from __future__ import annotations

import errno
from pathlib import Path

import made_results
import pytest

from traceql.engine import publish
from traceql.errors import InputError, StoreFull


def test_the_suffix_chooses(tmp_path: Path) -> None:
    starts = {
        "a.html": "<!doctype html>",
        "a.HTML": "<!doctype html>",
        "b.md": "# ",
        "c.json": "{",
        "d.txt": "5 find",
    }
    for name, start in starts.items():
        path = publish.publish(made_results.usual(), tmp_path / name)
        assert path.read_text().startswith(start)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(starts)


def test_a_name_overrules_the_suffix(tmp_path: Path) -> None:
    path = publish.publish([], tmp_path / "x.out", report="markdown")
    assert path.read_text().startswith("# TraceQL report")


@pytest.mark.parametrize("name", ["x.pdf", "x", "x.tar.gz", ".html"])
def test_an_unknown_suffix_names_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"html \(\.html\), json \(\.json\), markdown \(\.md\)"):
        publish.publish([], tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_an_unknown_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no report named 'pdf'"):
        publish.publish([], tmp_path / "x.html", report="pdf")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "r.md"
    path.write_text("old")

    def fail(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(StoreFull):
        publish.publish([], path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        publish.writable(tmp_path / "no" / "r.html")
    with pytest.raises(InputError, match="is a folder"):
        publish.writable(tmp_path)
    with pytest.raises(InputError, match="cannot be written"):
        publish.publish([], tmp_path / "no" / "r.html")
    publish.writable(tmp_path / "r.html")


def test_the_verdict_is_the_reports() -> None:
    assert publish.verdict(made_results.usual()).startswith("5 findings: 1 critical")
    assert publish.verdict([]) == "No analysis has run, so nothing can be said."
