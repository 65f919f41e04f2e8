"""Give docs/analyses/: one page per analysis, from what it declares and what it says of itself."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

GOALS = {
    "anomaly.duration": ("A1", "X4"),
    "anomaly.memory": ("A3",),
    "anomaly.sequence": ("A4",),
    "bottleneck.concurrency": ("W3",),
    "cluster.cost": ("L2",),
    "cluster.operations": ("L1", "L3"),
    "correlation.events": ("C3",),
    "correlation.steps": ("C1", "C2"),
    "iteration": ("PT2",),
    "memory.fragmentation": ("M3",),
    "memory.leak": ("M2",),
    "memory.timeline": ("M1",),
    "pattern.change_points": ("CP1", "CP2", "CP4", "CP5"),
    "pattern.counters": ("PT1", "PT3", "PT4"),
    "pattern.opportunities": ("PT5",),
    "prediction.memory_limit": ("P3",),
    "prediction.scalability": ("P4",),
    "prediction.trend": ("P1",),
}
"""Goals of benchmarks/quality whose figures stand on the page of an analysis."""

MEASURED = Path(__file__).resolve().parent / "analyses" / "quality.json"
"""What `python -m benchmarks.quality --seed 0 --json docs/analyses/quality.json` wrote."""

_NOTHING = {"traceEvents": [{"ph": "M", "name": "process_name", "pid": 1, "tid": 0, "ts": 0}]}
_PARAMETER = re.compile(r"^    (\w+): (.*?)(?=^    \w+: |\Z)", re.MULTILINE | re.DOTALL)


def pages(made: str) -> Iterator[tuple[str, str]]:
    """Give (name of the file, text) of every page, and of the index.

    Args:
        made: the line that says that a page is generated.
    """
    from traceql.engine import plugins

    silent = _on_nothing()
    goals = {row["goal"]: row for row in _measured()}
    index = []
    for name in plugins.names("analyses"):
        analysis = plugins.load("analyses", name)
        index.append(f"| [`{name}`]({name}.md) | `--{analysis.family}` | {analysis.question} |\n")
        yield f"{name}.md", _page(name, analysis, silent[name], goals, made)
    head = "# Analyses\n" + made + "\n| analysis | family | question |\n|---|---|---|\n"
    yield "README.md", head + "".join(index)


def _page(
    name: str, analysis: Any, silent: Any, goals: Mapping[str, dict[str, Any]], made: str
) -> str:
    method, reading, parameters = _parts(inspect.cleandoc(analysis.__doc__))
    needs = ", ".join(f"`{table}`" for table in analysis.needs) or "nothing"
    parts = [
        f"# `{name}`\n{made}\n*{analysis.question}*\n\n",
        f"    traceql analyze --only {name}        # or --{analysis.family}\n\n",
        f"## Method\n\n{method}\n",
        f"\n## How to read it\n\n{reading}\n" if reading else "",
    ]
    fields = dataclasses.fields(analysis)
    if fields:
        parts.append("\n## Parameters\n\n| parameter | default | |\n|---|---|---|\n")
        for field in fields:
            said = parameters.get(field.name, "").replace("|", "\\|")
            default = repr(field.default).replace("|", "\\|")
            parts.append(f"| `{field.name}` | `{default}` | {said} |\n")
    parts.append(
        f"\n## When it cannot look\n\nDerived tables that it needs first: {needs}. "
        f"{_silence(silent)}\n"
    )
    return "".join([*parts, *_quality(name, goals)])


def _parts(text: str) -> tuple[str, str, dict[str, str]]:
    """Split a docstring into method, how to read its findings, and parameters."""
    body, _, tail = text.partition("\nParameters:\n")
    paragraphs = body.strip().split("\n\n")
    at = [i for i, p in enumerate(paragraphs) if re.match(r"(A finding|Findings|`value`)", p)]
    reading = "\n\n".join(paragraphs[i] for i in at)
    method = "\n\n".join(p for i, p in enumerate(paragraphs) if i not in at)
    found = _PARAMETER.findall(tail)
    return method, reading, {name: " ".join(said.split()) for name, said in found}


def _on_nothing() -> dict[str, Any]:
    """Give what every analysis answers for a trace that holds nothing."""
    from traceql.engine.analyze import analyze
    from traceql.engine.ingest import ingest
    from traceql.store.catalog import Store

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "nothing.json"
        path.write_text(json.dumps(_NOTHING))
        store = Store.open(Path(folder) / "store", create=True)
        ingest(path, store=store)
        results = analyze(store, store.traces(), keep=False, jobs=1)
    return {result.analysis: result for result in results}


def _silence(result: Any) -> str:
    if result.status != "abstained":
        return "It can look at any trace."
    reason = result.reason.rstrip(".")
    return f"Of a trace that holds nothing it says: *{reason}*. {result.remedy}"


def _measured() -> list[dict[str, Any]]:
    if not MEASURED.is_file():
        return []
    rows: list[dict[str, Any]] = json.loads(MEASURED.read_text(encoding="utf-8"))
    return rows


def _quality(name: str, goals: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """Give what benchmarks/quality measured, value beside threshold."""
    mine = [goals[goal] for goal in GOALS.get(name, ()) if goal in goals]
    if not mine:
        return
    yield "\n## Measured quality\n\n"
    yield f"`python -m benchmarks.quality --seed {mine[0]['seed']}`; another seed measures anew.\n"
    for goal in mine:
        yield f"\n{goal['goal']}: {goal['title']}\n\n"
        if goal["skipped"]:
            yield f"Not measured: {goal['skipped']}.\n"
            continue
        yield "| figure | value | threshold |\n|---|---|---|\n"
        for figure, value in goal["values"].items():
            yield f"| {figure} | {value:.4g} | {goal['thresholds'].get(figure, '')} |\n"
