from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceql.model.result import Exhibit
from traceql.reports._charts import Bounds, chart

START = 1_700_000_000_123_456_789


def made(table: pa.Table, form: str, roles: dict[str, str] | None = None, **bounds: int):
    return chart(table, Exhibit("t", form, "T", roles or {}), Bounds(**bounds))


def test_a_table_or_an_empty_table_is_no_chart() -> None:
    table = pa.table({"label": ["a"], "value": [1]})
    assert made(table, "table") is None
    assert made(table.slice(0, 0), "bars") is None
    assert made(table, "timeline") is None


def test_bars_keep_the_first_rows_and_count_the_rest() -> None:
    table = pa.table({"name": ["a", "b", "c", None], "self_dur": [5, None, 3, 2]})
    got = made(table, "bars", {"label": "name", "value": "self_dur"}, bars=3)
    assert got["labels"] == ["a", "b", "c"]
    assert got["values"] == [5, None, 3]
    assert (got["unit"], got["left_out"]) == ("ns", 1)


def test_a_role_that_names_a_missing_column_is_not_guessed() -> None:
    table = pa.table({"label": ["a"], "value": [1]})
    assert made(table, "bars", {"label": "name"}) is None


def test_histogram_series_in_order_and_log_where_wide() -> None:
    table = pa.table(
        {
            "low": [1, 10, 1, 10],
            "high": [10, 100, 10, 100],
            "count": [3, 4, 5, 6],
            "series": ["b", "b", "a", "a"],
        }
    )
    got = made(table, "histogram")
    assert [s["name"] for s in got["series"]] == ["b", "a"]
    assert got["series"][1]["bins"] == [[1, 10, 5], [10, 100, 6]]
    assert got["log"]
    assert not made(table.slice(0, 1), "histogram")["log"]
    assert made(table, "histogram", series=1)["left_out"] == 1


def test_histogram_of_negatives_is_linear() -> None:
    table = pa.table({"low": [-5, 1], "high": [1, 1000], "count": [1, 1]})
    assert not made(table, "histogram")["log"]


def test_lines_keep_time_exact_and_extremes() -> None:
    n = 50_000
    y = np.zeros(n)
    y[33_333], y[44_444] = 9.0, -9.0
    table = pa.table({"ts": START + np.arange(n) * 3, "power_w": y})
    got = made(table, "line", {"x": "ts", "y": "power_w"}, points=100)
    points = got["series"][0]["points"]
    assert len(points) <= 100
    assert [99_999, 9] in points
    assert [133_332, -9] in points
    assert points == sorted(points)
    assert (got["x_unit"], got["unit"]) == ("ns", "w")


def test_line_with_nulls_has_gaps() -> None:
    got = made(pa.table({"x": [1, 2, 3], "y": [1.5, None, 2.5]}), "line")
    assert got["series"][0]["points"] == [[1, 1.5], [2, None], [3, 2.5]]


def flame(ids, parents, values, **bounds):
    table = pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "parent_id": pa.array(parents, pa.int64()),
            "name": [f"n{i}" for i in ids],
            "value": pa.array(values, pa.int64()),
        }
    )
    return made(table, "flame", **bounds)


def test_flame_is_in_preorder_with_the_largest_child_first() -> None:
    got = flame([7, 8, 9, 10], [None, 7, 7, 9], [100, 20, 70, 60])
    assert [(got["names"][n], parent, value) for parent, n, value in got["nodes"]] == [
        ("n7", -1, 100),
        ("n9", 0, 70),
        ("n10", 1, 60),
        ("n8", 0, 20),
    ]


def test_flame_leaves_out_the_smallest_and_survives_rings_and_orphans() -> None:
    got = flame([1, 2, 3, 4, 5, 6], [None, 1, 1, 99, 6, 5], [50, 30, 1, 20, 9, 9], nodes=5)
    assert [got["names"][n] for _, n, _ in got["nodes"]] == ["n1", "n2"]
    assert got["left_out"] == 4


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_flame_nodes_follow_their_parents(values: list[int], random) -> None:
    parents = [
        None if not i or random.random() < 0.2 else random.randrange(i) for i in range(len(values))
    ]
    got = flame(range(len(values)), parents, values)
    assert got["left_out"] == 0
    assert sorted(value for _, _, value in got["nodes"]) == sorted(values)
    for place, (parent, name, _) in enumerate(got["nodes"]):
        assert -1 <= parent < place
        original = parents[int(got["names"][name][1:])]
        assert (parent == -1) == (original is None)
        if original is not None:
            assert got["names"][got["nodes"][parent][1]] == f"n{original}"


def timeline(labels, ts, dur, **bounds):
    table = pa.table(
        {"label": labels, "ts": pa.array(ts, pa.int64()), "dur": pa.array(dur, pa.int64())}
    )
    return made(table, "timeline", **bounds)


def test_timeline_subtracts_the_start_exactly() -> None:
    got = timeline(["a", "b", "a"], [START, START + 1, START + 2**53 + 1], [1, 2, 3])
    assert got["lanes"] == ["a", "b"]
    assert got["origin"] == str(START)
    assert [c[:3] for c in got["cells"][:2]] == [[0, 0, 1], [1, 1, 2]]
    assert not got["shares"]


def test_timeline_leaves_out_open_slices_and_far_lanes() -> None:
    got = timeline(["a", "b", "c", "d", "e"], [0, 1, 2, 3, 4], [1, -1, 1, 1, 1], lanes=3)
    assert got["lanes"] == ["a", "c", "d"]
    assert len(got["cells"]) == 3
    assert got["left_out"] == 1
    assert timeline(["a"], [0], [-1]) is None


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 5000), st.integers(0, 900)),
        min_size=41,
        max_size=120,
    ),
)
def test_many_spans_are_binned_and_their_time_is_kept(spans: list[tuple[int, int, int]]) -> None:
    """Oracle: the share of every bin that spans cover, summed nanosecond by nanosecond."""
    spans.append((0, 5000, 1000))
    lanes, ts, dur = (list(column) for column in zip(*spans, strict=True))
    got = timeline([f"l{n}" for n in lanes], ts, dur, cells=40)
    origin = min(ts)
    end = max(t + d for t, d in zip(ts, dur, strict=True)) - origin
    bins = min(480, 40 // len(set(lanes)))
    width = end / bins
    share = {}
    for lane, t, d in spans:
        for b in range(bins):
            covered = min(t - origin + d, (b + 1) * width) - max(t - origin, b * width)
            if covered > 0:
                share[f"l{lane}", b] = share.get((f"l{lane}", b), 0.0) + covered / width
    found = {
        (got["lanes"][lane], round(start / width)): value for lane, start, _, value in got["cells"]
    }
    for key, value in share.items():
        if value > 1e-3:
            assert found[key] == pytest.approx(min(1.0, value), abs=1e-3)
    assert all(share.get(key, 0.0) > 0 for key in found)


def test_bounds_never_reach_nothing() -> None:
    bounds = Bounds()
    for _ in range(10):
        bounds = bounds.scaled(0.1)
    assert all(value >= 4 for value in vars(bounds).values())
