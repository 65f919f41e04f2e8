"""gpu.bandwidth: planted slow copies, and what HTA counts."""

from __future__ import annotations

import pytest
from made_traces import US, device, evidence, host, results_of, store_with

SIZE = 1 << 22
PINNED = "Memcpy HtoD (Pinned -> Device)"


def copies(count, dur, start=0, name=PINNED, size=SIZE):
    return [
        device(name, start + 1000 * i, dur, "gpu_memcpy", bytes=size) for i in range(count)
    ]  # fmt: skip


def test_copies_far_below_what_their_kind_reaches_are_found(tmp_path):
    events = [
        *copies(40, 200),
        *copies(3, 500, start=50_000),
        *copies(9, 300, start=60_000, name="Memcpy DtoH (Device -> Pageable)"),
        *copies(9, 500, start=80_000, size=1000),
    ]
    store = store_with(tmp_path, events)
    (result,) = results_of(store, "gpu.bandwidth").values()

    (finding,) = result.findings
    assert finding.n_events == 3
    assert finding.value == pytest.approx(3 * 300 * US)
    assert finding.baseline == pytest.approx(SIZE / 200e-6)
    assert [len(rows) for rows in evidence(store, result)] == [3]
    kinds = {row["copy_kind"]: row for row in result.tables["kind"].to_pylist()}
    assert kinds["dtoh"]["mean_bytes_per_s"] == pytest.approx(SIZE / 300e-6)
    assert kinds["htod"]["sum_bytes"] == 43 * SIZE + 9 * 1000


def test_even_copies_and_few_copies_are_no_finding(tmp_path):
    for number, events in enumerate((copies(40, 200), [*copies(4, 200), *copies(2, 900, 9000)])):
        store = store_with(tmp_path, events, f"made{number}")
        assert not any(r.findings for r in results_of(store, "gpu.bandwidth").values())


def test_without_copies_or_sizes_it_cannot_be_looked_at(tmp_path):
    for number, events in enumerate(
        ([host("a", 0, 5)], [device(PINNED, 0, 5, "gpu_memcpy")], [device("k", 0, 5)])
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        (result,) = results_of(store_with(folder, events), "gpu.bandwidth").values()
        assert result.status == "abstained"
