"""cluster.operations: clouds that are there, clouds that are not, and points far from the bulk."""

from __future__ import annotations

import numpy as np
import pytest
from made_traces import host, results_of, store_with

from traceql.analyses.cluster import _distance, _groups

NAME = "cluster.operations"


@pytest.mark.parametrize("k", [2, 4])
def test_clouds_are_found(k):
    rng = np.random.default_rng(k)
    label = rng.integers(0, k, 300)
    points = 9.0 * np.eye(4)[label] + rng.normal(size=(300, 4))
    found = _groups.groups(points, 0)
    assert found is not None
    assert len(found.center) == k
    assert found.stability > 0.95
    same = (found.label[:, None] == found.label) == (label[:, None] == label)
    assert same.mean() > 0.99


@pytest.mark.parametrize("kind", ["normal", "uniform", "skewed"])
def test_one_cloud_is_no_structure(kind):
    rng = np.random.default_rng(5)
    points = {
        "normal": rng.normal(size=(200, 3)),
        "uniform": rng.uniform(size=(200, 3)),
        "skewed": rng.gamma(3, size=(200, 3)),
    }[kind]
    assert _groups.groups(_groups.scaled(points), 0) is None


def test_the_scale_of_a_column_does_not_matter():
    points = np.random.default_rng(1).normal(size=(50, 3))
    assert np.allclose(_groups.scaled(points), _groups.scaled(points * [1, 1000, 1e-6] + 7))


def test_a_clump_of_outliers_cannot_hide():
    rng = np.random.default_rng(2)
    points = rng.normal(size=(400, 3))
    points[:20] = 8 + 0.2 * rng.normal(size=(20, 3))
    found = _distance.mahalanobis(points, 0)
    assert found is not None
    flagged = found.squared > found.cut
    assert flagged[:20].all()
    assert flagged[20:].mean() < 0.01


def test_a_flat_column_has_no_distance():
    points = np.column_stack([np.arange(50.0), np.ones(50)])
    assert _distance.mahalanobis(points, 0) is None


def test_operations_of_two_kinds(tmp_path):
    rng, events, ts = np.random.default_rng(3), [], 0.0
    for op in range(60):
        long = op % 2
        for _ in range(40 if long else 4):
            dur = float(np.exp(rng.normal(np.log(2000 if long else 5), 0.1)))
            events.append(host(f"{'long' if long else 'short'} {op}", ts, round(dur, 3)))
            ts += dur + 1
    result = results_of(store_with(tmp_path, events), NAME)[NAME]
    groups = {}
    for row in result.tables["op"].to_pylist():
        groups.setdefault(row["name"].split()[0], set()).add(row["group"])

    assert result.headline.startswith("60 host operations fall into 2 groups")
    assert len(groups["long"]) == len(groups["short"]) == 1
    assert groups["long"] != groups["short"]


def test_few_operations_abstain(tmp_path):
    result = results_of(store_with(tmp_path, [host("f", 0, 1)]), NAME)[NAME]
    assert result.status == "abstained"
    assert "20 are needed" in result.reason


def test_a_mixture_sees_what_lies_between_groups():
    chance = np.random.default_rng(11)
    centers = np.array([[0, 0, 0], [14, 0, 0], [0, 14, 0]])
    points = centers[chance.integers(0, 3, 300)] + chance.normal(size=(300, 3))
    points[:5] = [7.0, 7.0, 7.0] + 0.3 * chance.normal(size=(5, 3))
    found = _distance.mixture(points, 0)
    assert found is not None
    flagged = found.squared > found.cut
    assert flagged[:5].all()
    assert flagged[5:].mean() <= 0.01
    assert _distance.mixture(points[:9], 0) is None
