"""gpu.rule.cuda_memcpy_sync: copies that the host waits for."""

from __future__ import annotations

from made_traces import US, results_of, store_with
from rule_traces import PAGEABLE, checked, copy, steps


def test_synchronous_copies_within_a_device_and_small_ones_are_none(tmp_path):
    events = [
        *steps(),
        *copy(1, "cudaMemcpy", PAGEABLE, 2000, 300),
        *copy(2, "cudaMemcpy", "Memcpy DtoD (Device -> Device)", 2500, 300),
        *copy(3, "cudaMemcpy", PAGEABLE, 3000, 300, size=65_536),
        *copy(4, "hipMemcpyWithStream", "Memcpy DtoH (Device -> Pageable)", 3500, 200),
        *copy(5, "cudaMemcpyAsync", PAGEABLE, 4000, 300),
    ]
    store = store_with(tmp_path, events)
    result = checked(store, "gpu.rule.cuda_memcpy_sync")

    assert [(f.n_events, f.value) for f in result.findings] == [(1, 300 * US), (1, 200 * US)]
    more = results_of(store, "gpu.rule.cuda_memcpy_sync", parameters={"small_bytes": "0"})
    assert sum(f.n_events for f in more["gpu.rule.cuda_memcpy_sync"].findings) == 3
