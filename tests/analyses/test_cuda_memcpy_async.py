"""gpu.rule.cuda_memcpy_async: pageable copies, against hand counts."""

from __future__ import annotations

import pytest
from made_traces import US, store_with
from rule_traces import PAGEABLE, PINNED, checked, copy, steps


def test_pageable_asynchronous_copies_cost_what_no_kernel_hides(tmp_path):
    events = [
        *steps(),
        *copy(1, "cudaMemcpyAsync", PAGEABLE, 2000, 300),
        *copy(2, "cudaMemcpyAsync", PAGEABLE, 55, 100),  # beside a kernel, but for 10 µs
        *copy(3, "cudaMemcpyAsync", PINNED, 3000, 300),
    ]
    result = checked(store_with(tmp_path, events), "gpu.rule.cuda_memcpy_async")

    (finding,) = result.findings
    assert (finding.n_events, finding.value) == (2, 310 * US)
    assert finding.subject_id == 0
    assert finding.impact_ratio == pytest.approx(310 / 3305)
