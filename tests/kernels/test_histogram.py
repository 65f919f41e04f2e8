"""Histograms against exact powers of whole numbers and exact quantiles."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from traceql.kernels import histogram

durations = st.integers(0, 2**63 - 1) | st.integers(0, 5000)
borders = st.integers(0, 62).flatmap(
    lambda octave: st.sampled_from([max(0, 2**octave + d) for d in (-1, 0, 1)])
)


@given(st.lists(durations | borders, min_size=1))
def test_bucket_is_exact(values):
    assert histogram.bucket_of(values).tolist() == [reference.bucket(v) for v in values]


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.integers(-1, 2**40)), max_size=200),
    st.integers(1, 9),
)
def test_counts_do_not_depend_on_batches(rows, step):
    counted = histogram.Accumulator()
    for at in range(0, len(rows), step):
        part = rows[at : at + step]
        counted.add([g for g, _ in part], [v for _, v in part])
    found = counted.result()
    expected = Counter((g, reference.bucket(v)) for g, v in rows if v >= 0)

    assert list(zip(found.group.tolist(), found.bucket.tolist(), strict=True)) == sorted(expected)
    assert found.counted.tolist() == [expected[key] for key in sorted(expected)]


def test_the_table_grows():
    counted = histogram.Accumulator()
    counted.add(np.arange(5000), np.arange(5000))

    assert counted.result().counted.sum() == 5000
    assert counted.result().group.tolist() == list(range(5000))


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=60), st.floats(0, 1))
def test_quantile_is_within_half_a_bucket(values, share):
    found = Counter(histogram.bucket_of(values).tolist())
    buckets = sorted(found)
    estimate = histogram.quantile(buckets, [found[b] for b in buckets], share)
    exact = sorted(values)[max(1, int(np.ceil(share * len(values)))) - 1]

    assert estimate == pytest.approx(exact, rel=0.011)
    assert histogram.lower_bound([-1, 0, 32]).tolist() == [0.0, 1.0, 2.0]


def test_bad_input_is_refused():
    assert np.isnan(histogram.quantile([], [], 0.5))
    with pytest.raises(ValueError, match="not from 0 to 1"):
        histogram.quantile([1], [1], 2)
    with pytest.raises(ValueError, match="groups"):
        histogram.Accumulator().add([1], [])
