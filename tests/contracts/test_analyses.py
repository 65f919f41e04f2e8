"""What every analysis must do: parametrised over the registry."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import pytest

from traceql.engine import plugins
from traceql.engine.analyze import analyze
from traceql.engine.ingest import ingest
from traceql.model import tables
from traceql.model.protocols import Analysis
from traceql.query.session import Session
from traceql.store.catalog import Store

if TYPE_CHECKING:
    from traceql.model.result import Finding, Result

ANALYSES = plugins.names("analyses")
SAMPLES = (
    "synthetic/kineto_nvidia_planted.json.gz",
    "synthetic/kineto_amd.json",
    "synthetic/odd_events.json",
    "pytorch/2.13.0/train_cpu.pt.trace.json.gz",
    "viztracer/1.1.1/threads_async.json",
    "node/20.20.2/async_cpu_profile.json",
    "clang/14.0.6/compile.json",
)
FORM_ROLES = {
    "table": set(),
    "bars": {"label", "value"},
    "histogram": {"low", "high", "count"},
    "flame": {"id", "parent_id", "name", "value"},
    "timeline": {"label", "ts", "dur"},
    "line": {"x", "y"},
}


@pytest.fixture(scope="module")
def store(root, tmp_path_factory) -> Store:
    """All samples, and one trace that holds nothing."""
    folder = tmp_path_factory.mktemp("analyses")
    made = Store.open(folder / "store", create=True)
    for sample in SAMPLES:
        ingest(root / "sample_traces" / sample, store=made)
    empty = folder / "nothing.json"
    empty.write_text('{"traceEvents":[{"ph":"M","name":"process_name","pid":1,"tid":0,"ts":0,'
                     '"args":{"name":"p"}}]}')  # fmt: skip
    ingest(empty, store=made)
    return made


@pytest.fixture(scope="module")
def found(store) -> dict[str, list[Result]]:
    """Results of every analysis over every trace."""
    by_name: dict[str, list[Result]] = {name: [] for name in ANALYSES}
    for result in analyze(store, store.traces(), keep=False):
        by_name[result.analysis].append(result)
    return by_name


@pytest.fixture(scope="module")
def again(store) -> dict[str, list[Result]]:
    """The same once more, but each without its neighbours: every other one at a time."""
    by_name: dict[str, list[Result]] = {name: [] for name in ANALYSES}
    for half in (ANALYSES[1::2], ANALYSES[::2]):
        for result in analyze(store, store.traces(), only=half, keep=False):
            by_name[result.analysis].append(result)
    return by_name


@pytest.mark.parametrize("name", ANALYSES)
def test_it_follows_the_protocol(name):
    plugin = plugins.load("analyses", name)
    made = plugin()
    assert isinstance(made, Analysis)
    assert dataclasses.is_dataclass(plugin)
    assert plugin.__dataclass_params__.frozen
    assert plugin.scope in {"trace", "group", "traces"}
    assert re.fullmatch(r"[a-z]+", plugin.family)
    assert all(tables.table(need).derived_by for need in plugin.needs)
    for field in dataclasses.fields(plugin):
        assert f"{field.name}:" in plugin.__doc__, f"parameter {field.name} is not documented"
    assert sum(i.partition_by is not None for i in plugin.inputs.values()) <= 1


@pytest.mark.parametrize("name", ANALYSES)
def test_every_result_is_well_formed(name, found):
    for result in found[name]:
        assert result.status in {"ok", "empty", "abstained"}
        if result.status == "abstained":
            assert result.reason
            assert result.remedy
            assert not result.findings
        else:
            assert result.headline.endswith(".")
        for exhibit in result.exhibits:
            columns = result.tables[exhibit.table].schema.names
            assert set(exhibit.roles.values()) <= set(columns), exhibit
            assert FORM_ROLES[exhibit.form] <= set(exhibit.roles) or exhibit.form == "table"
        for table, rows in result.tables.items():
            if table in tables.canonical():
                tables.validate(table, rows)
        assert len({f.finding_id for f in result.findings}) == len(result.findings)


@pytest.mark.parametrize("name", ANALYSES)
def test_every_finding_has_evidence_that_runs(name, found, store):
    with Session(store.traces(), store=store) as session:
        for result in found[name]:
            for finding in result.findings:
                check(finding, session)


def check(finding: Finding, session: Session) -> None:
    answer = session.sql(finding.evidence_sql)
    assert answer.columns[:5] == ("trace", "id", "ts", "dur", "name")
    rows = answer.fetchall()
    assert len(rows) == finding.n_events > 0
    assert {row[0] for row in rows} == set(finding.traces)
    assert finding.confidence is None or 0 <= finding.confidence <= 1
    assert finding.impact_ratio is None or 0 <= finding.impact_ratio <= 1
    if finding.confidence_basis == "test":
        assert finding.q_value is not None


@pytest.mark.parametrize("name", ANALYSES)
def test_the_same_answer_twice(name, found, again):
    assert found[name]
    for first, second in zip(found[name], again[name], strict=True):
        assert list(first.findings) == list(second.findings)
        assert dict(first.tables) == dict(second.tables)
        assert first == dataclasses.replace(second, tables=first.tables)


@pytest.mark.parametrize("name", ANALYSES)
def test_a_trace_with_nothing_gives_no_finding(name, found):
    (result,) = [r for r in found[name] if "nothing" in r.traces]
    assert not [f for f in result.findings if "nothing" in f.traces]
    if len(result.traces) == 1:
        assert result.status in {"empty", "abstained"}


@pytest.mark.parametrize("name", ANALYSES)
def test_a_window_with_nothing_gives_no_finding(name, store):
    found = analyze(store, store.traces()[:1], only=[name], window="5..6", keep=False)
    assert [f for r in found for f in r.findings if f.kind != "data_loss"] == []
