"""A3: steps that hold more memory than the others, planted in simulated runs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from benchmarks.quality import goal
from traceql.analyses.anomaly.memory import Memory
from traceql.model import tables

RUNS = 100
STEP_NS = 1_000_000


def run(rng: np.random.Generator, bump_ratio: float) -> tuple[dict[str, pa.Table], int]:
    """Simulate a program that allocates and frees in each step; give its input and the bump."""
    steps = int(rng.integers(20, 120))
    blocks = int(rng.integers(5, 30))
    sizes = np.exp(rng.normal(np.log(64e6), 1, blocks))
    base = sizes.sum() * rng.uniform(0.2, 2)
    noise = rng.choice([0.0, 0.005, 0.01])
    leak = rng.choice([0.0, 0.0, 0.001]) * base
    warm = int(rng.integers(0, 4))
    bump = int(rng.integers(warm + 1, steps))  # beside warm-up it would pass for warm-up
    peak = base + sizes.sum()
    ts, level = [], []
    for step in range(steps):
        mine = sizes * np.exp(rng.normal(0, noise, blocks)) * (1.3 if step < warm else 1)
        up = np.cumsum(mine)
        down = up[-1] - np.cumsum(mine[::-1])
        if bump_ratio and step == bump:
            place = int(rng.integers(blocks // 2, blocks))
            up[place:] += bump_ratio * (peak + leak * step)
            down += bump_ratio * (peak + leak * step)
            down[-1] = 0.0
        curve = base + leak * step + np.concatenate((up, down))
        at = np.sort(rng.choice(STEP_NS, len(curve), replace=False)) if noise else (
            np.linspace(10, STEP_NS - 10, len(curve)).astype(int)
        )  # fmt: skip
        ts.append(step * STEP_NS + at)
        level.append(curve)
    times = np.concatenate(ts)
    times[0] = 0
    iteration = pa.table(
        {
            "track_id": np.zeros(steps, np.int32),
            "iteration_index": np.arange(steps, dtype=np.int32),
            "ts": np.arange(steps) * STEP_NS,
            "dur": np.full(steps, STEP_NS),
            "name": pa.nulls(steps, pa.string()),
            "source": ["marker"] * steps,
            "confidence": np.ones(steps),
        },
        schema=tables.table("iteration").arrow_schema,
    )
    device = pa.array(np.zeros(len(times)), pa.int32())
    rows = {"device_id": device, "ts": times, "level": np.concatenate(level)}
    return {"level": pa.table(rows), "iteration": iteration}, bump


@goal("A3", ">= 0.95 recall", "== 0 clean_runs_flagged", cheap=True)
def a3(rng: np.random.Generator) -> dict[str, float]:
    """Memory: one step of 20 to 120 at +10 % in 100 simulated runs, and 100 clean runs."""
    found, beside = 0, 0
    for _ in range(RUNS):
        given, bump = run(rng, 0.10)
        steps = flagged(given)
        found += bump in steps
        beside += len(steps - {bump})
    clean = sum(bool(flagged(run(rng, 0.0)[0])) for _ in range(RUNS))
    return {
        "recall": found / RUNS,
        "clean_runs_flagged": clean,
        "other_steps_flagged": beside,
    }


def flagged(given: dict[str, pa.Table]) -> set[int]:
    """Run `anomaly.memory`; give the steps that it tells of."""
    analysis = Memory()
    measured = analysis.measure(given)
    result = analysis.conclude(measured.append_column("trace", pa.array(["t"] * measured.num_rows)))
    if not result.findings:
        return set()
    table = result.tables["step_memory"]
    told = table.filter(table["is_flagged"])["ts"].to_numpy() // STEP_NS
    return set(told.tolist())
