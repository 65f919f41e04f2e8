"""prediction.scalability: laws recovered, sizes read from names, and what is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_traces import evidence, host, results_of, store_with

from traceql.analyses.prediction import _scaling, _sizes

if TYPE_CHECKING:
    from pathlib import Path

    from traceql.store.catalog import Store

NAME = "prediction.scalability"
SIZES = np.array([1, 2, 4, 8, 16, 32], np.float64)


@given(
    st.floats(0.1, 1e4), st.floats(0.001, 0.3), st.floats(1e-5, 5e-3),
)  # fmt: skip
def test_a_law_without_noise_is_recovered(rate: float, sigma: float, kappa: float) -> None:
    true = _scaling.Law("usl", rate, sigma, kappa, 0.0, np.zeros((0, 0)))
    found = _scaling.fit("usl", SIZES, true.throughput(SIZES))
    assert found.sigma == pytest.approx(sigma, abs=1e-6)
    assert found.kappa == pytest.approx(kappa, abs=1e-6)
    assert found.rate == pytest.approx(rate, rel=1e-6)
    assert found.best_size == pytest.approx(np.sqrt((1 - sigma) / kappa), rel=1e-3)


@pytest.mark.parametrize("name", ["linear", "amdahl", "gustafson", "usl"])
def test_the_law_that_made_it_is_chosen(name: str) -> None:
    sigma = 0.0 if name == "linear" else 0.1
    kappa = 0.003 if name == "usl" else 0.0
    true = _scaling.Law(name, 5.0, sigma, kappa, 0.0, np.zeros((0, 0)))
    noise = np.exp(0.005 * np.random.default_rng(1).normal(size=len(SIZES)))
    assert _scaling.choose(SIZES, true.throughput(SIZES) * noise)[0].name == name


def test_intervals_cover_beyond_what_was_measured() -> None:
    chance = np.random.default_rng(2)
    true = _scaling.Law("usl", 10.0, 0.05, 0.001, 0.0, np.zeros((0, 0)))
    sizes = np.array([1, 2, 4, 8, 12, 16, 24, 32], np.float64)
    inside = []
    for _ in range(100):
        made = true.throughput(sizes) * np.exp(0.02 * chance.normal(size=len(sizes)))
        low, high = _scaling.interval(_scaling.fit("usl", sizes, made), 64.0)
        inside.append(low <= true.throughput(np.array([64.0]))[0] <= high)
    assert 0.75 <= np.mean(inside) <= 0.98


def test_karp_and_flatt() -> None:
    serial = 0.1
    speedup = 1 / (serial + (1 - serial) / SIZES)
    found = _scaling.karp_flatt(SIZES, speedup)
    assert np.isnan(found[0])
    assert found[1:] == pytest.approx(np.full(5, serial))


@pytest.mark.parametrize(
    ("names", "sizes"),
    [
        (["run_1", "run_2", "run_16"], [1, 2, 16]),
        (["a100-n2-v3", "a100-n4-v3"], [2, 4]),
        (["rank0_n2", "rank1_n4"], [None, None]),
        (["run_1", "other_2"], [None, None]),
        (["same", "same"], [None, None]),
        (["08", "16"], [8, 16]),
    ],
)
def test_sizes_are_the_number_in_which_names_differ(
    names: list[str], sizes: list[int | None]
) -> None:
    assert _sizes.sizes_of(names) == sizes


def throughput(size: int) -> float:
    return size / (1 + 0.05 * (size - 1) + 0.002 * size * (size - 1))


def program(folder: Path, sizes: tuple[int, ...], *, name: str = "run_{}") -> Store:
    """One trace for each size: twenty steps of 1 ms over the throughput; times in µs."""
    chance = np.random.default_rng(5)
    for size in sizes:
        events, at = [], 0.0
        for step in range(20):
            length = 1000 / throughput(size) * float(np.exp(0.01 * chance.normal()))
            events += [host(f"ProfilerStep#{step}", at, length), host("op", at + 1, length - 2)]
            at += length + 1
        store = store_with(folder, events, name.format(size))
    return store


def test_what_is_lost_is_found(tmp_path: Path) -> None:
    store = program(tmp_path, (1, 2, 4, 8, 16, 32))
    result = results_of(store, NAME)[NAME]
    law = result.tables["law"].to_pylist()[0]
    assert law["law"] == "usl"
    assert law["sigma"] == pytest.approx(0.05, abs=0.01)
    assert law["kappa"] == pytest.approx(0.002, abs=0.0005)
    points = result.tables["scalability"].to_pylist()
    assert [p["size"] for p in points] == [1, 2, 4, 8, 16, 32]
    assert points[-1]["efficiency"] == pytest.approx(throughput(32) / 32, rel=0.03)
    (finding,) = result.findings
    assert finding.traces == ("run_32",)
    assert finding.impact_ratio == pytest.approx(1 - throughput(32) / 32, abs=0.01)
    assert [len(rows) for rows in evidence(store, result)] == [finding.n_events]
    per_worker = results_of(store, NAME, parameters={"work": "per_worker"})[NAME]
    assert per_worker.tables["scalability"]["throughput_per_s"][1].as_py() == pytest.approx(
        2 * points[1]["throughput_per_s"]
    )


def test_too_few_sizes_are_not_enough(tmp_path: Path) -> None:
    result = results_of(program(tmp_path, (1, 2, 4)), NAME)[NAME]
    assert result.status == "abstained"
    assert result.reason == "3 sizes in 3 traces, of at least four"
