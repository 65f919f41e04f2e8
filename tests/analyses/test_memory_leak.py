"""memory.leak: planted leaks with known rates; caches, layers and sawtooth that do not leak."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from made_memory import event, rows
from made_traces import evidence, host, results_of, store_with

from traceql.analyses.memory import _leaking
from traceql.analyses.memory.leak import Leak
from traceql.model import tables

NAME = "memory.leak"
KIB = 1024


def run(steps: int, leak_bytes: int, cache_steps: int = 2):
    """Steps of 100 µs: activations up and down; a cache at first; `leak_bytes` left in each."""
    events, total, block = [], 50 * KIB, 0
    for step in range(steps):
        start = 100.0 * step
        events.append(host(f"ProfilerStep#{step}", start, 100, "user_annotation"))
        events += [host("aten::mm", start + 1, 20), host("aten::cat", start + 40, 20)]
        script = [(2, 9000 + step % 5, 64 * KIB), (41, 5000 + step % 3, 16 * KIB)]
        if step < cache_steps:
            script.append((45, 100 + step, 32 * KIB))
        if leak_bytes:
            block += 1
            script.append((50, 20_000 + block, leak_bytes))
        for late, address, size in (
            *script, (80, 9000 + step % 5, -64 * KIB), (90, 5000 + step % 3, -16 * KIB),
        ):  # fmt: skip
            total += size
            events.append(event(start + late, address, size, total))
    return events


def test_a_block_left_in_each_step_is_found(tmp_path):
    store = store_with(tmp_path, run(20, 4 * KIB))
    result = results_of(store, NAME)[NAME]
    (finding,) = result.findings

    assert finding.kind == "leak"
    assert finding.subject == "aten::cat · 4096 B · device 0"
    assert finding.value == pytest.approx(4 * KIB)
    assert len(evidence(store, result)[0]) == finding.n_events
    assert finding.n_events in range(14, 18)  # steady steps, less those of the last three


def test_a_sawtooth_with_a_cache_leaves_nothing(tmp_path):
    result = results_of(store_with(tmp_path, run(20, 0)), NAME)[NAME]
    assert (result.status, list(result.findings)) == ("empty", [])


def test_few_steps_abstain(tmp_path):
    result = results_of(store_with(tmp_path, run(5, 4 * KIB)), NAME)[NAME]
    assert result.status == "abstained"
    assert "eight" in result.reason


def of_script(script, *, addresses=True, steps=None):
    analysis = Leak()
    given = {
        "allocation": rows(script, addresses=addresses),
        "device": pa.table({"device_id": [0], "memory_bytes": [1 << 30]}),
        "iteration": steps or tables.table("iteration").arrow_schema.empty_table(),
    }
    measured = analysis.measure(given)
    names = pa.array(["made"] * measured.num_rows, pa.string())
    return analysis.conclude(measured.append_column("trace", names))


def cycles(count: int, left: int):
    script = []
    for i in range(count):
        script += [(1, 500, "a"), (2, 300, "b"), (1000 + i, left, "c"), (2, -300, "b"),
                   (1, -500, "a")]  # fmt: skip
    return script


def test_without_steps_the_cycle_of_allocations_is_found():
    (finding,) = of_script(cycles(20, 10)).findings
    assert (finding.kind, finding.subject, finding.value) == ("leak", "c · 10 B · device 0", 10)


def test_blocks_of_many_sizes_leak_together():
    script = [
        e for i in range(20) for e in [(1, 500, "a"), (1000 + i, 10 + i, "c"), (1, -500, "a")]
    ]
    steps = [{"track_id": 0, "iteration_index": i, "ts": 3000 * i, "dur": 3000, "name": "step",
              "source": "marker", "confidence": 1.0} for i in range(20)]  # fmt: skip
    schema = tables.table("iteration").arrow_schema
    result = of_script(script, steps=pa.Table.from_pylist(steps, schema))
    (finding,) = result.findings
    assert finding.subject == "c · device 0"
    assert finding.value == pytest.approx(np.mean(10 + np.arange(17)))


def test_without_addresses_the_floor_tells():
    (finding,) = of_script(cycles(20, 10), addresses=False).findings
    assert finding.kind == "floor_growth"
    assert finding.value == pytest.approx(10)
    assert finding.q_value < 0.01


def test_what_is_freed_at_last_did_not_leak():
    script = cycles(20, 10)
    script += [(1000 + i, -10, "c") for i in range(20)]
    assert not of_script(script).findings
    assert not of_script(script, addresses=False).findings


@pytest.mark.parametrize(
    "floors",
    [
        np.full(20, 7.0),
        np.repeat([0.0, 100.0], 10),  # grew once
        np.append(np.arange(5) * 50.0, np.full(20, 250.0)),  # stopped growing
        np.arange(20.0)[::-1],
    ],
)
def test_floors_that_do_not_leak(floors):
    rule = _leaking.Rule(0.01, 0.001, "")
    assert not _leaking.growth(floors, 1000, rule).leaks
