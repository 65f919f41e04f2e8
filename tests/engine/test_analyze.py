"""engine.analyze: choosing, parameters, windows, partitions, derived tables, what is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.engine import feed, plugins, settings, window
from traceql.engine.analyze import analyze, choose, members
from traceql.engine.ingest import ingest
from traceql.errors import BadParameter, LimitReached, StoreError, UnknownAnalysis
from traceql.model.protocols import Input
from traceql.model.result import Result
from traceql.query.session import Session
from traceql.store import results
from traceql.store.catalog import Store


@pytest.fixture
def store(tmp_path) -> Store:
    """Two traces with markers, and slices on two threads."""
    made = Store.open(tmp_path / "store", create=True)
    for number in (1, 2):
        events = [
            {"ph": "X", "name": f"ProfilerStep#{k}", "cat": "user_annotation", "pid": 1, "tid": 1,
             "ts": 100 * k, "dur": 90} for k in range(4)
        ] + [
            {"ph": "X", "name": f"op{k % 3}", "cat": "cpu_op", "pid": 1, "tid": 1 + k % 2,
             "ts": 100 * k + 1, "dur": 10 * number} for k in range(4)
        ]  # fmt: skip
        path = tmp_path / f"run{number}.json"
        path.write_text(json.dumps({"traceEvents": events}))
        ingest(path, store=made)
    return made


@dataclass(frozen=True)
class Counting:
    """Counts rows per track; stands in for a plug-in."""

    scope: ClassVar[str] = "trace"
    family: ClassVar[str] = "made"
    question: ClassVar[str] = "How many?"
    needs: ClassVar[tuple[str, ...]] = ("iteration",)
    inputs: ClassVar[Mapping[str, Input]] = {
        "rows": Input("SELECT track_id, ts, dur FROM slice WHERE dur >= $least AND "
                      "ts >= $window_start AND ts < $window_end",
                      order_by=("ts",), partition_by="track_id"),
        "named": Input("trace_bounds"),
    }  # fmt: skip
    least: int = 0

    def measure(self, tables):
        rows = tables["rows"]
        assert rows["ts"].to_pylist() == sorted(rows["ts"].to_pylist())
        track = rows["track_id"][0].as_py() if rows.num_rows else -1
        assert set(rows["track_id"].to_pylist()) <= {track}
        steps = tables["iteration"].num_rows
        bounds = tables["named"].num_rows
        return pa.table({"track": [track], "n": [rows.num_rows], "steps": [steps], "b": [bounds]})

    def conclude(self, measured):
        return Result("made", tables={"rows": measured})


@dataclass(frozen=True)
class Across(Counting):
    """Looks at all traces at once."""

    scope: ClassVar[str] = "traces"
    needs: ClassVar[tuple[str, ...]] = ()

    def measure(self, tables):
        return pa.table({"n": [tables["rows"].num_rows]})


@pytest.fixture
def counting(monkeypatch):
    """Make `counting` and `across` known beside the real analyses."""
    extra = {"counting": Counting, "across": Across}
    real_names, real_load = plugins.names, plugins.load
    monkeypatch.setattr(plugins, "names", lambda kind: (*real_names(kind), *extra))
    monkeypatch.setattr(
        plugins, "load", lambda kind, name: extra.get(name) or real_load(kind, name)
    )


def test_partitions_come_whole_and_in_order(store, counting):
    found = analyze(store, store.traces(), only=["counting"], keep=False)
    assert [r.traces for r in found] == [("run1",), ("run2",)]
    for result in found:
        rows = result.tables["rows"].to_pylist()
        assert sorted(r["n"] for r in rows) == [2, 6]
        assert {r["steps"] for r in rows} == {4}
        assert {r["b"] for r in rows} == {1}
        assert {r["trace"] for r in rows} == set(result.traces)


def test_an_analysis_of_all_traces_concludes_once(store, counting):
    (result,) = analyze(store, store.traces(), only=["across"], keep=False)
    assert result.traces == ("run1", "run2")
    assert result.tables["rows"].to_pylist() == [
        {"n": n, "trace": t} for t in ("run1", "run2") for n in (6, 2)
    ]


def test_parameters_and_window_reach_the_sql(store, counting):
    one = store.traces()[:1]
    (result,) = analyze(store, one, only=["counting"], keep=False, parameters={"least": "50000"})
    assert sum(result.tables["rows"]["n"].to_pylist()) == 4
    assert result.parameters == {"least": 50_000}
    (result,) = analyze(store, one, only=["counting"], keep=False, window="100us..201us")
    assert sum(result.tables["rows"]["n"].to_pylist()) == 3
    assert result.parameters["window"] == "100000ns..201000ns"


def test_an_empty_partitioned_input_is_measured_once(store, counting):
    (result,) = analyze(
        store, store.traces()[:1], only=["counting"], keep=False, parameters={"least": 10**9}
    )
    assert result.tables["rows"]["n"].to_pylist() == [0]


def test_a_large_aggregate_is_refused(store, monkeypatch):
    monkeypatch.setattr(feed, "AGGREGATE_ROWS", 3)
    with pytest.raises(LimitReached, match="more than"):
        analyze(store, store.traces(), only=["hotspots"], keep=False)


def test_unknown_names_are_refused_with_close_ones():
    with pytest.raises(UnknownAnalysis, match=r"gpu\.breakdown"):
        choose(["gpu.breakdwn"])
    with pytest.raises(UnknownAnalysis, match="no analysis"):
        choose(families=["nothing"])


def test_families_are_those_of_the_registry():
    assert choose() == plugins.names("analyses")
    assert "anomaly.duration" in members()["anomalies"]
    assert choose(families=["anomalies"]) == members()["anomalies"]
    assert choose(["summary"], ["gpu"]) == tuple(sorted(("summary", *members()["gpu"])))
    assert sum(map(len, members().values())) == len(plugins.names("analyses"))


def test_results_are_kept_and_read_back(store):
    found = analyze(store, store.traces())
    kept = results.load(store)

    key = lambda r: (r.analysis, r.traces)  # noqa: E731
    assert [key(r) for r in sorted(kept, key=key)] == [key(r) for r in sorted(found, key=key)]
    for old, new in zip(sorted(found, key=key), sorted(kept, key=key), strict=True):
        assert new.findings == tuple(old.findings)
        assert new.tables == dict(old.tables)
        assert tuple(new.exhibits) == tuple(old.exhibits)
        assert (new.status, new.headline, new.sql) == (old.status, old.headline, dict(old.sql))
        assert new.parameters == dict(old.parameters)


def test_the_same_analysis_gives_the_same_bytes(store):
    def digest():
        return {
            str(p.relative_to(store.path)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted((store.path / "results").rglob("*"))
            if p.is_file()
        }

    analyze(store, store.traces())
    first = digest()
    analyze(store, store.traces())
    assert digest() == first
    assert not list((store.path / "tmp").iterdir())


def test_sql_sees_findings_of_kept_results(store):
    found = analyze(store, store.traces())
    with Session(store.traces(), store=store) as session:
        rows = session.sql("SELECT finding_id FROM finding").fetchall()
    assert sorted(r[0] for r in rows) == sorted(f.finding_id for r in found for f in r.findings)


def test_a_store_that_cannot_be_written_is_told_of(store, monkeypatch):
    said = []

    def refuse(*_args, **_more):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(results.tempfile, "mkdtemp", refuse)
    found = analyze(store, store.traces(), only=["summary"], progress=said.append)
    assert len(found) == 2
    assert [line for line in said if "not kept" in line] == [
        "summary: not kept, the store cannot be written (Read-only file system)"
    ] * 2
    assert not (store.path / "results" / "summary").exists() or not list(
        (store.path / "results" / "summary").iterdir()
    )


def test_a_failure_while_saving_leaves_the_old_result(store, monkeypatch):
    one = store.traces()[:1]
    analyze(store, one, only=["summary"])
    before = results.load(store)

    def fail(*_args):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(results, "_parquet", fail)
    analyze(store, one, only=["summary"])
    assert [r.headline for r in results.load(store)] == [r.headline for r in before]
    assert not list((store.path / "tmp").iterdir())


def damage(store: Store, number: int) -> str:
    trace = store.traces()[number]
    (trace.path / "slice.parquet").write_bytes(b"PAR1 no more")
    return trace.name


def test_processes_find_the_same(store):
    def plain(results):
        return [(r.analysis, r.traces, r.status, r.headline, tuple(r.findings), dict(r.tables))
                for r in results]  # fmt: skip

    said = []
    alone = analyze(store, store.traces(), jobs=1, keep=False)
    shared = analyze(store, store.traces(), jobs=2, progress=said.append)
    assert plain(shared) == plain(alone)
    assert {f"summary: {t.name}" for t in store.traces()} <= set(said)
    assert len(results.load(store)) == len(alone)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_trace_that_fails_stops_no_other(store, jobs):
    name = damage(store, 0)
    failed = []
    found = analyze(store, store.traces(), only=["summary"], jobs=jobs,
                    failed=lambda *what: failed.append(what))  # fmt: skip
    assert [r.traces for r in found] == [("run2",)]
    assert [(n, type(e)) for n, e in failed] == [(name, StoreError)]
    with pytest.raises(StoreError):
        analyze(store, store.traces(), only=["summary"], jobs=jobs)


def test_what_looks_at_all_traces_concludes_over_those_that_can_be_read(store, counting):
    name = damage(store, 1)
    failed = []
    (found,) = analyze(store, store.traces(), only=["across"], keep=False,
                       failed=lambda *what: failed.append(what))  # fmt: skip
    assert found.traces == ("run1",)
    assert [n for n, _ in failed] == [name]
    assert analyze(store, store.traces()[1:], only=["across"], keep=False,
                   failed=lambda *_: None) == []  # fmt: skip


def test_producers_run_once_and_before(store, counting, monkeypatch):
    said = []
    analyze(store, store.traces()[:1], only=["counting", "iteration"], keep=False,
            progress=said.append)  # fmt: skip
    assert said == ["counting: run1", "iteration: run1"]
    ran = []
    real = feed.measure

    def spy(analysis, *args, **more):
        ran.append(type(analysis).__name__)
        return real(analysis, *args, **more)

    monkeypatch.setattr(feed, "measure", spy)
    analyze(store, store.traces()[:1], only=["counting", "iteration"], keep=False)
    assert ran == ["Iteration", "Counting"]


@given(st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=30).map(
    lambda v: sorted(v, key=lambda x: (x is None, x))), st.integers(1, 7))  # fmt: skip
def test_partitions_cut_where_the_key_changes(keys, size):
    schema = pa.schema([("k", pa.int64()), ("v", pa.int64())])
    table = pa.table({"k": keys, "v": list(range(len(keys)))}, schema=schema)
    parts = list(feed.partitions(table.to_batches(max_chunksize=size), "k"))

    assert [row for part in parts for row in part.to_pylist()] == table.to_pylist()
    firsts = [part["k"][0].as_py() for part in parts]
    assert len(firsts) == len(set(firsts))
    assert all(len(set(part["k"].to_pylist())) == 1 for part in parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10ms..20ms", (10_000_007, 20_000_007)),
        ("1.5us..", (1507, window.ALWAYS[1])),
        ("..3s", (window.ALWAYS[0], 3_000_000_007)),
        ("1700..1800", (1700, 1800)),
        ("-5..2 ns", (-5, 9)),
        ("..", window.ALWAYS),
    ],
)
def test_windows_are_read(text, expected):
    assert window.parse(text).on_clock(7) == expected
    assert window.parse(window.parse(text).text()) == window.parse(text)


@pytest.mark.parametrize("text", ["", "10ms", "a..b", "5ms..1ms", "9..9", "1m..2m"])
def test_bad_windows_are_refused(text):
    with pytest.raises(BadParameter):
        window.parse(text)


@dataclass(frozen=True)
class Knobs:
    """Every kind of parameter."""

    whole: int = 1
    part: float = 0.5
    on: bool = True
    text: str = "a"
    maybe: int | None = None

    def __post_init__(self) -> None:
        if self.whole < 0:
            raise ValueError("whole is at least 0")


def test_parameters_are_read_as_their_types():
    given_ = {"whole": "3", "part": "1e-3", "x.on": "no", "text": "b=c", "maybe": "none"}
    built = settings.build({"x": Knobs}, given_)
    assert built == {"x": Knobs(3, 0.001, False, "b=c", None)}
    assert settings.build({"x": Knobs}, {"maybe": "4", "on": False})["x"].maybe == 4
    assert settings.parse(["text=b=c", " a = 1"]) == {"text": "b=c", "a": "1"}
    assert settings.fields(Knobs)["part"] == 0.5


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"whole": "x"}, "not an integer"),
        ({"part": "x"}, "not a number"),
        ({"on": "maybe"}, "true or false"),
        ({"wholly": "1"}, "did you mean whole"),
        ({"y.whole": "1"}, "no such parameter"),
        ({"whole": "-1"}, "at least 0"),
    ],
)
def test_bad_parameters_are_refused(given_, said):
    with pytest.raises(BadParameter, match=said):
        settings.build({"x": Knobs}, given_)


def test_choices_are_checked():
    classes = {"anomaly.duration": plugins.load("analyses", "anomaly.duration")}
    assert settings.build(classes, {"method": "z3"})["anomaly.duration"].method == "z3"
    with pytest.raises(BadParameter, match="modes, z3"):
        settings.build(classes, {"method": "zzz"})
    with pytest.raises(BadParameter, match="name=value"):
        settings.parse(["nothing"])
