"""gpu.rule.gpu_gaps: gaps long for the trace."""

from __future__ import annotations

from made_traces import US, device, host, results_of, store_with
from rule_traces import checked, steps


def test_gaps_are_long_relative_to_the_trace_or_to_the_parameter(tmp_path):
    events = [*steps(), device("gemm", 2500, 90)]
    store = store_with(tmp_path, events)
    result = checked(store, "gpu.rule.gpu_gaps")

    (finding,) = result.findings
    assert (finding.n_events, finding.value) == (1, 510 * US)
    all_gaps = results_of(store, "gpu.rule.gpu_gaps", parameters={"gap_ns": "5000"})
    assert all_gaps["gpu.rule.gpu_gaps"].findings[0].n_events == 20
    peer = results_of(store, "gpu.rule.gpu_gaps", parameters={"gap_ns": "500000000"})
    assert not peer["gpu.rule.gpu_gaps"].findings


def test_even_work_has_no_long_gaps(tmp_path):
    assert not checked(store_with(tmp_path, steps()), "gpu.rule.gpu_gaps").findings


def test_what_the_profiler_cost_is_no_gap(tmp_path):
    events = [
        *steps(),
        host("CUPTI Buffer flush", 2000, 400, "overhead"),
        host("Command Buffer Full", 2450, 900, "overhead"),
        device("gemm", 3500, 90),
    ]
    (finding,) = checked(store_with(tmp_path, events), "gpu.rule.gpu_gaps").findings
    assert (finding.n_events, finding.value) == (1, 1100 * US)
