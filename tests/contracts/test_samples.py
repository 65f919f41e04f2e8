"""The samples are what SOURCES.md says, and the generated ones hold what was generated."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from oracle_facts import compare

from traceql.engine.ingest import Ingested, ingest
from traceql.query.session import Session
from traceql.store.catalog import Store

ROOT = Path(__file__).resolve().parents[2] / "sample_traces"
GENERATED = sorted((ROOT / "synthetic").glob("*.facts.json"))
GENERATOR = ROOT / "synthetic" / "generate_kineto.py"


def samples() -> list[Path]:
    kinds = {".json", ".gz", ".sqlite", ".csv", ".db", ".rpd", ".atp", ".txt", ".pftrace"}
    return sorted(
        p for p in ROOT.glob("**/*") if p.suffix in kinds and not p.name.endswith(".facts.json")
    )


def test_sources_lists_every_sample_and_no_other() -> None:
    listed = set(re.findall(r"^\| `([^`]+)`", (ROOT / "SOURCES.md").read_text(), re.MULTILINE))
    assert listed == {str(p.relative_to(ROOT)) for p in samples()}


def test_samples_are_small() -> None:
    assert sum(p.stat().st_size for p in ROOT.glob("**/*") if p.is_file()) < 3 << 20


@pytest.mark.parametrize("path", samples(), ids=lambda p: p.name)
def test_synthetic_samples_say_so(path: Path) -> None:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if path.suffix == ".csv":  # has no place for metadata: the folder says it
        assert "synthetic" in path.parts
        return
    mark = b'"synthetic"' if path.suffix in {".json", ".gz"} else b"synthetic"
    assert (mark in text) == ("synthetic" in path.parts)


def run_generator(out: Path, arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-B", str(GENERATOR), *arguments.split(), "--out", str(out)],
        check=True,
        capture_output=True,
    )


def test_generator_gives_the_same_bytes_again(tmp_path: Path) -> None:
    sources = (ROOT / "SOURCES.md").read_text()
    rows = re.findall(r"^\| `synthetic/(kineto\S+)` .*?synthetic: `([^`]+)`", sources, re.MULTILINE)
    assert len(rows) == len(GENERATED)
    for name, arguments in rows:
        run_generator(tmp_path / name, arguments)
        for file in (name, f"{name}.facts.json"):
            ours, kept = (folder / file for folder in (tmp_path, ROOT / "synthetic"))
            if name.endswith(".gz") and file == name:  # zlib versions pack differently
                assert gzip.decompress(ours.read_bytes()) == gzip.decompress(kept.read_bytes())
            else:
                assert ours.read_bytes() == kept.read_bytes()


def recount(path: Path) -> dict[str, Any]:
    """Totals of a trace by json and Decimal only."""
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    events = json.loads(text, parse_float=str)["traceEvents"]

    def ns(value: Any) -> int:
        whole, _, part = str(value).partition(".")
        return int(whole) * 1000 + int((part + "000")[:3])

    slices = [e for e in events if e["ph"] == "X"]
    return {
        "events": len(events),
        "slice_count": len(slices),
        "slice_sum_dur_ns": sum(ns(e["dur"]) for e in slices),
        "first": min(ns(e["ts"]) for e in slices),
        "last": max(ns(e["ts"]) + ns(e["dur"]) for e in slices),
        "arrows": sum(e["ph"] == "s" for e in events),
        "memory": sum(e["args"]["Bytes"] for e in events if e["name"] == "[memory]"),
    }


@pytest.mark.parametrize("path", GENERATED, ids=lambda p: p.name)
def test_facts_of_generated_traces_are_true(path: Path) -> None:
    facts = json.loads(path.read_text())
    assert recount(path.with_name(path.name.removesuffix(".facts.json"))) == {
        "events": facts["events"],
        "slice_count": facts["slice_count"],
        "slice_sum_dur_ns": facts["slice_sum_dur_ns"],
        "first": facts["bounds_positive"]["min_ts_ns"],
        "last": facts["bounds_positive"]["max_end_ns"],
        "arrows": facts["flows"]["arrows"],
        "memory": int(facts["memory_events"]["sum_bytes"]),
    }


def ingested(path: Path, tmp_path: Path) -> tuple[Ingested, Store]:
    store = Store.open(tmp_path / "store", create=True)
    return ingest(path, store=store), store


@pytest.mark.parametrize("path", GENERATED, ids=lambda p: p.name)
def test_generated_traces_hold_their_facts(path: Path, tmp_path: Path) -> None:
    facts = json.loads(path.read_text())
    for key in ("steps", "vendor", "era", "planted"):
        del facts[key]
    done, store = ingested(path.with_name(path.name.removesuffix(".facts.json")), tmp_path)
    with Session([done.trace], store=store) as session:
        checks = compare(facts, lambda text: session.sql(text).arrow().to_pylist())
    assert len(checks) >= 40
    assert not [str(check) for check in checks if not check.holds]


def test_planted_oddities_are_in_the_trace(tmp_path: Path) -> None:
    path = ROOT / "synthetic" / "kineto_nvidia_planted.json.gz"
    planted = json.loads((path.parent / f"{path.name}.facts.json").read_text())["planted"]
    done, store = ingested(path, tmp_path)
    with Session([done.trace], store=store) as session:

        def rows(text: str) -> list[dict[str, Any]]:
            return list(session.sql(text).arrow().to_pylist())

        (slow,) = [p for p in planted if p["what"] == "slow"]
        longest = rows(f"SELECT ts, dur FROM slice WHERE name = '{slow['name']}' ORDER BY dur DESC")
        assert longest[0] == {"ts": slow["ts_ns"], "dur": slow["dur_ns"]}
        assert longest[0]["dur"] > 8 * longest[1]["dur"]
        (gap,) = [p for p in planted if p["what"] == "gap"]
        start, end = gap["ts_ns"], gap["ts_ns"] + gap["at_least_ns"]
        assert not rows(
            "SELECT 1 FROM gpu_op g JOIN slice s ON s.id = g.slice_id "
            f"WHERE s.ts < {end} AND s.ts + s.dur > {start}"
        )
        overflow = rows("SELECT count(*) AS n FROM track WHERE type = 'gpu_stream_overflow'")
        assert overflow[0]["n"] == 1
        assert not rows("SELECT 1 FROM gpu_op WHERE launch_slice_id IS NULL")


@pytest.mark.parametrize("path", samples(), ids=lambda p: p.name)
def test_every_sample_is_ingested_whole(path: Path, tmp_path: Path) -> None:
    done, store = ingested(path, tmp_path)
    assert done.status == "new"
    with Session([done.trace], store=store) as session:
        (row,) = (
            session.sql("SELECT count(*) AS n, max(depth) AS depth FROM slice").arrow().to_pylist()
        )
        severities = session.sql("SELECT DISTINCT severity FROM diagnostic").arrow().to_pylist()
        paths = session.sql("SELECT count(DISTINCT frame_id) FROM profile").fetchall()[0][0]
    if paths:  # totals by call path, without a timeline
        assert paths > 10
        return
    assert row["n"] > 30
    assert row["depth"] >= 1 or path.suffix == ".csv"  # one table of a run
    if "synthetic" not in path.parts:
        assert {"severity": "error"} not in severities


def test_odd_events_are_read_as_the_rules_say(tmp_path: Path) -> None:
    done, store = ingested(ROOT / "synthetic" / "odd_events.json", tmp_path)
    with Session([done.trace], store=store) as session:

        def rows(text: str) -> list[tuple[Any, ...]]:
            return [tuple(row.values()) for row in session.sql(text).arrow().to_pylist()]

        def slice_(name: str, columns: str) -> tuple[Any, ...]:
            (row,) = rows(f"SELECT {columns} FROM slice WHERE name = '{name}'")
            return row

        # By hand: 14 whole X, 2 without usable dur, 3 B, 3 marks, 3 b, n, S, T and p steps,
        # N O D, V v, c, ( ) =; events without phase or time make no slice, nor does P with a stack.
        assert rows("SELECT count(*) FROM slice") == [(38,)]
        assert slice_("complete", "ts, dur") == (1_712_195_495_519_703_772, 1)
        assert slice_("text times", "ts, dur") == (1_300_125, 2_500)
        assert slice_("exponent", "ts, dur") == (2_000_000, 1)
        assert slice_("never closed", "dur, self_dur") == (-1, None)
        assert slice_("under it", "depth") == (1,)
        assert slice_("outer", "ts, dur, thread_dur") == (1_000_000, 100_000, 50_000)
        assert slice_("inner", "dur, depth") == (9_750, 1)
        assert slice_("legacy", "count(*), max(dur)") == (3, 10_000)
        assert rows(
            "SELECT s.name FROM slice s JOIN track t ON t.id = s.track_id "
            "WHERE t.type = 'thread_overflow'"
        ) == [("overlaps b",)]
        assert rows(
            "SELECT o.name, i.name AS into_name FROM flow f JOIN slice o ON o.id = f.slice_out "
            "JOIN slice i ON i.id = f.slice_in ORDER BY o.ts, i.ts"
        ) == [
            ("producer", "consumer"),
            ("consumer", "consumer"),
            ("second kind out", "second kind in"),
        ]
        assert rows("SELECT value FROM counter ORDER BY ts, value") == [
            (1.5,), (2.0,), (3.25,), (4096.0,)
        ]  # fmt: skip
        assert rows("SELECT state, dur FROM thread_state ORDER BY ts") == [
            ("Running", 10_000), ("S", 10_000)
        ]  # fmt: skip
        (args,) = slice_("complete", "args")
        assert args == '{"big":123456789012345678901234567890,"f":1.50,"e":1E3}'
        codes = {code for (code,) in rows("SELECT code FROM diagnostic")}
    assert codes >= {
        "misplaced_end_event",
        "slice_unclosed",
        "slice_without_duration",
        "slice_negative_duration",
        "slice_spill_overlapping_complete_event",
        "flow_end_without_start",
        "json_parser_failure",
    }
