"""What every report must do, over the registry."""

from __future__ import annotations

import dataclasses
import io
import subprocess
import sys

import made_results
import pytest

from traceql.engine import plugins
from traceql.model.protocols import Report
from traceql.model.result import Result

NAMES = plugins.names("reports")


def written(name: str, results: list[Result]) -> bytes:
    sink = io.BytesIO()
    plugins.load("reports", name)().write(results, sink)
    return sink.getvalue()


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_frozen_dataclass_that_keeps_the_protocol(name: str) -> None:
    plugin = plugins.load("reports", name)
    assert dataclasses.is_dataclass(plugin)
    assert plugin.__dataclass_params__.frozen
    assert isinstance(plugin(), Report)
    assert plugin.suffix.startswith(".")


def test_suffixes_differ() -> None:
    suffixes = [plugins.load("reports", name).suffix for name in NAMES]
    assert len(set(suffixes)) == len(suffixes)


@pytest.mark.parametrize("name", NAMES)
def test_importing_it_loads_nothing_heavy(name: str) -> None:
    code = (
        f"import sys; from traceql.engine import plugins; plugins.load('reports', {name!r});"
        "print([m for m in ('pyarrow', 'numpy', 'jinja2', 'rich', 'duckdb') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "results",
    [
        [],
        [made_results.blind()],
        [Result("summary", ("t",), "empty")],
        [made_results.blind(), made_results.blind()],
    ],
    ids=["nothing", "only abstained", "only empty", "two abstained"],
)
def test_it_writes_when_there_is_nothing_to_show(name: str, results: list[Result]) -> None:
    text = written(name, results).decode()
    assert text.endswith("\n")
    for result in results:
        assert result.analysis in text


@pytest.mark.parametrize("name", NAMES)
def test_what_could_not_be_looked_at_is_never_healthy(name: str) -> None:
    text = written(name, [made_results.blind()]).decode()
    assert "the trace has no allocations" in text
    assert "profile_memory=True" in text.replace("\\", "")
    assert "found nothing" not in text.lower()
    assert "No findings" not in text


@pytest.mark.parametrize("name", NAMES)
def test_the_same_results_give_the_same_bytes(name: str) -> None:
    first = written(name, made_results.usual())
    assert first == written(name, made_results.usual())


@pytest.mark.parametrize("name", NAMES)
def test_every_finding_is_said_with_its_evidence_or_its_place(name: str) -> None:
    text = written(name, [made_results.breakdown()]).decode()
    for finding in made_results.findings():
        assert finding.severity.name in text.lower()
    assert "is idle for 43 % of the trace" in text


@pytest.mark.parametrize("name", [name for name in NAMES if name != "json"])
def test_hostile_names_reach_no_terminal_or_page_as_commands(name: str) -> None:
    """JSON escapes these by its own grammar and keeps them; people's reports must not obey them."""
    text = written(name, made_results.hostile()).decode()
    hidden = {"\x00", "\x1b", "\x9b", "\r"}
    if name in {"markdown", "html"}:
        # Evidence is code to be copied: it stands as it is, in a block.
        text = text.replace("\x1b", "").replace("\x9b", "").replace("\r", "").replace("\u202e", "")
        text = text.replace("\x00", "")
    assert not {c for c in text if c in hidden}
    assert "\u202e" not in text
