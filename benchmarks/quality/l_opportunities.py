"""PT5: habits that are planted, and what rules claim on recorded traces."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.quality import goal, shared
from benchmarks.quality._programs import HABITS, OWNERS, Program
from traceql.engine.analyze import analyze
from traceql.engine.ingest import ingest
from traceql.store.catalog import Store

if TYPE_CHECKING:
    from traceql.model.result import Result

NAME = "pattern.opportunities"
_LARGEST_BYTES = 8_000_000


def _results(paths: Sequence[Path], folder: Path) -> dict[tuple[str, str], Result]:
    store = Store.open(folder / "store", create=True)
    for path in paths:
        ingest(path, store=store)
    names = [NAME, *(name for name, _ in OWNERS.values())]
    found = analyze(store, store.traces(), only=names, keep=False)
    return {(r.traces[0], r.analysis): r for r in found}


@goal("PT5", ">= 1 planted_found", "== 0 claims_beyond", "== 0 recorded_claims_beyond")
def opportunities(_rng: np.random.Generator) -> dict[str, float]:
    """A program for each rule; and Kineto traces: claims of more than is idle or exposed."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for rule, habit in HABITS.items():
            program = Program()
            habit(program)
            text = json.dumps({"schemaVersion": 1, "traceEvents": program.events})
            (folder / f"{rule}.json").write_text(text)
        results = _results(sorted(folder.glob("*.json")), folder)
        owners = {rule: OWNERS.get(rule, (NAME, rule)) for rule in HABITS}
        found = [
            kind in {f.kind for f in results[rule, name].findings}
            for rule, (name, kind) in owners.items()
        ]
        beyond = sum(map(_beyond, results.values()))
    traces = sorted(
        path for path in shared("traces", "kineto").rglob("*trace*.json.gz")
        if path.stat().st_size < _LARGEST_BYTES and "execution_trace" not in path.parts
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as made:
        recorded = _results(traces, Path(made))
    return {
        "planted_found": float(np.mean(found)),
        "claims_beyond": beyond,
        "recorded_claims_beyond": sum(map(_beyond, recorded.values())),
        "recorded_traces": len({trace for trace, _ in recorded}),
        "recorded_findings": sum(len(result.findings) for result in recorded.values()),
    }


def _beyond(result: Result) -> int:
    """Count devices of which habits together claim more than is idle or exposed."""
    if "opportunity" not in result.tables:
        return 0
    claimed: dict[tuple[int | None, bool], int] = {}
    limit: dict[tuple[int | None, bool], int] = {}
    for row in result.tables["opportunity"].to_pylist():
        key = row["device_id"], row["rule"] == "small_copies"
        claimed[key] = claimed.get(key, 0) + row["gain_dur"]
        limit[key] = row["exposed_dur" if key[1] else "idle_dur"]
    return sum(claimed[key] > limit[key] for key in claimed)
