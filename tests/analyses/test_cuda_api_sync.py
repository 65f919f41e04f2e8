"""gpu.rule.cuda_api_sync: waits in which a device ran dry."""

from __future__ import annotations

from made_traces import US, device, host, store_with
from rule_traces import checked, steps


def test_waits_cost_the_idle_time_that_began_in_them(tmp_path):
    events = [
        *steps(5),
        host("cudaStreamSynchronize", 300, 200, "cuda_runtime"),  # the last kernel ends at 490
        device("gemm", 600, 90),
        host("hipDeviceSynchronize", 605, 20, "cuda_runtime"),  # a kernel runs all the time
        device("gemm", 800, 90),
    ]
    result = checked(store_with(tmp_path, events), "gpu.rule.cuda_api_sync")

    (finding,) = result.findings
    assert (finding.subject, finding.value) == ("cudaStreamSynchronize", 110 * US)
    assert [r["gap_count"] for r in result.tables["call"].to_pylist()] == [1, 0]
