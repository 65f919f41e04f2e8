"""Choosing an importer, and naming what a file is instead."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from traceql.engine import detect as detection
from traceql.engine.detect import detect
from traceql.errors import AmbiguousFormat, InputError, UnknownFormat
from traceql.model.protocols import Head, Match


def head(prefix: bytes) -> Head:
    return Head(Path("some.file"), prefix)


def archive() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a.json"), io.BytesIO(b""))
    return out.getvalue()


def test_finds_trace_events() -> None:
    name, importer = detect(head(b'[{"ph":"X","ts":1}'))
    assert name == "chrome"
    assert importer.sniff(head(b'{"traceEvents": [')) is Match.SURE


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "empty"),
        (archive(), "tar archive"),
        (b'{"schema": "1.0", "nodes": [{"id": 1}]}', "execution graph"),
        (b'[[1, "create", 5]]', "no phase"),
        (b'{"a": 1}', "without an array of trace events"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"<?xml version='1.0'?>", "XML"),
        (b"# tracer: nop\n#\n", "ftrace"),
        (b"          <idle>-0     [001] d..2  1234.000001: sched_switch: x\n", "ftrace"),
        (b"     foo-269   (-----) [006] ....    10.2: sched_switch: x\n", "ftrace"),
        (b"SQLite format 3\0", "SQLite"),
        (b"PK\x03\x04", "zip"),
        (b"\x01\x02\0\0", "binary"),
        (b"just text", "text"),
    ],
)
def test_says_what_it_is_instead(data: bytes, what: str) -> None:
    with pytest.raises(UnknownFormat, match=what) as refusal:
        detect(head(data))
    assert "some.file" in str(refusal.value)
    assert "chrome" in str(refusal.value)


def test_a_forced_format_is_taken_or_unknown() -> None:
    assert detect(head(b""), "chrome")[0] == "chrome"
    with pytest.raises(InputError, match="Did you mean chrome"):
        detect(head(b""), "crome")


def test_two_sure_importers_are_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sure:
        def sniff(self, _head: Head) -> Match:
            return Match.SURE

    monkeypatch.setattr(detection.plugins, "names", lambda _kind: ("a", "b"))
    monkeypatch.setattr(detection.plugins, "load", lambda _kind, _name: Sure)
    with pytest.raises(AmbiguousFormat, match="a or b"):
        detect(head(b"x"))
