"""gpu.rule.gpu_time_util: stretches of little use."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_traces import US, device, store_with
from rule_traces import checked, steps

from traceql.analyses.gpu.rule import _use


def test_low_use_is_found_where_it_is(tmp_path):
    events = [*steps(10), *(device("tiny", 1000 + 100 * i, 10) for i in range(10)),
              *(device("gemm", 2000 + 100 * i, 90) for i in range(10))]  # fmt: skip
    result = checked(store_with(tmp_path, events), "gpu.rule.gpu_time_util")

    (finding,) = result.findings
    (stretch,) = result.tables["stretch"].to_pylist()
    assert stretch["in_use_ratio"] == pytest.approx(0.1, abs=0.05)
    assert stretch["ts"] == pytest.approx(1000 * US, abs=110 * US)
    assert finding.value == stretch["idle_dur"] <= 1000 * US


def test_low_use_without_any_operation_has_those_beside_it_as_evidence(tmp_path):
    events = [device("gemm", 0, 90), device("gemm", 9900, 90)]
    result = checked(store_with(tmp_path, events), "gpu.rule.gpu_time_util")
    assert [f.n_events for f in result.findings] == [2]


def test_even_work_is_no_finding(tmp_path):
    assert not checked(store_with(tmp_path, steps()), "gpu.rule.gpu_time_util").findings


intervals_ = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30)), min_size=1, max_size=8)


@given(intervals_, st.integers(1, 7))
def test_lengths_in_chunks_are_counted_one_by_one(spans, chunks):
    rows = sorted((ts, ts + dur) for ts, dur in spans)
    start, stop = rows[0][0], max(end for _, end in rows)
    edges = np.unique(np.append(np.arange(start, stop, max((stop - start) // chunks, 1)), stop))
    found = _use._lengths_in(np.array([r[0] for r in rows]), np.array([r[1] for r in rows]), edges)

    expected = [
        sum(max(min(end, high) - max(ts, low), 0) for ts, end in rows)
        for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]
    assert found.tolist() == expected
