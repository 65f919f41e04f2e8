"""workload.profile: kinds by name, short work, steadiness of steps."""

from __future__ import annotations

import pytest
from made_traces import US, device, host, results_of, store_with

NAME = "workload.profile"


def test_kinds_of_work(tmp_path):
    events = [
        device("ampere_sgemm_128x64_tn", 0, 60),
        device("void at::native::vectorized_elementwise_kernel<4>", 100, 5),
        device("void at::native::vectorized_elementwise_kernel<4>", 110, 15),
        device("ncclDevKernel_AllReduce_Sum_f32_RING_LL", 200, 10),
        device("fmha_fwd_kernel", 300, 5),
        device("Memcpy HtoD (Pinned -> Device)", 400, 5, cat="gpu_memcpy", bytes=1000),
    ]
    result = results_of(store_with(tmp_path, events), NAME)[NAME]
    rows = {row["kind"]: row for row in result.tables["kind"].to_pylist()}

    assert {k: row["total_dur"] / US for k, row in rows.items()} == {
        "matrix product": 60, "elementwise": 20, "communication": 10, "attention": 5, "copies": 5,
    }  # fmt: skip
    assert sum(row["time_ratio"] for row in rows.values()) == pytest.approx(1)
    assert rows["elementwise"]["short_ratio"] == 0.5
    assert rows["copies"]["moved_bytes"] == 1000
    assert result.headline.startswith("Device time is matrix product 60.0 %")


def test_steps_are_told_to_vary(tmp_path):
    events, ts = [], 0.0
    for i in range(20):
        dur = 100 if i % 2 else 110
        events += [host(f"ProfilerStep#{i}", ts, dur, "user_annotation"), device("k", ts + 5, 50)]
        ts += dur
    result = results_of(store_with(tmp_path, events), NAME)[NAME]
    assert "20 steps of 105 µs vary by 7.06 %" in result.headline


def test_without_devices_it_abstains(tmp_path):
    result = results_of(store_with(tmp_path, [host("f", 0, 1)]), NAME)[NAME]
    assert result.status == "abstained"
