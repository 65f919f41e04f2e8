"""Histograms with 32 buckets to an octave: small, mergeable, quantiles within 2.2 %.

Bucket b holds the durations d with 2^(b/32) <= d < 2^((b+1)/32); 0 ns falls in bucket -1. Borders
are compared as integers, so that a bucket does not depend on the machine's logarithm.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel
from traceql.kernels.vector import last_bit

Int64 = NDArray[np.int64]

PER_OCTAVE = 32
ZERO = -1
"""Bucket of the duration 0."""

_CELLS = 64
_BUCKETS = 2018
_FEW_GROUPS = 1024
"""Groups below this have a row of a table each, of which untouched pages cost nothing."""
_KEY = 4096
"""Buckets are kept as (group * _KEY + bucket + 1); 63 octaves of 32 need 2018."""


def _borders() -> Int64:
    """Give ceil(2^(61 + k/32)) for k = 0..32, from exact roots; and the buckets of cells."""
    from math import isqrt

    borders = []
    for k in range(PER_OCTAVE):
        root = 1 << (61 * PER_OCTAVE + k)
        for _ in range(5):  # 2^5 = 32: five exact integer square roots are a 32nd root
            root = isqrt(root - 1) + 1 if root > 1 else root
        borders.append(root)
    # An octave in 64 cells: none is wider than a bucket, so each has one border at most.
    cells = [(1 << 61) + (cell << 55) for cell in range(_CELLS)]
    guesses = [sum(border <= cell for border in borders) - 1 for cell in cells]
    return np.array([*borders, 1 << 62, *guesses], np.int64)


_BORDERS = as_input(_borders(), np.int64)


class Histograms(NamedTuple):
    """One row per non-empty bucket, ordered by (group, bucket)."""

    group: Int64
    bucket: Int64
    counted: Int64


class Accumulator:
    """Counts values by (group, bucket) over any number of batches; memory is one row a bucket."""

    def __init__(self) -> None:
        self._few = np.zeros((_FEW_GROUPS, _BUCKETS), np.int64)
        self._keys = np.full(1024, -1, np.int64)
        self._counts = np.zeros(1024, np.int64)
        self._used = 0

    def add(self, group: ArrayLike, values: ArrayLike) -> None:
        """Count the values.

        Args:
            group: int64 [n], at least 0 and below 2^50.
            values: int64 [n]; a negative value is not counted.

        Raises:
            ValueError: lengths differ.
        """
        groups, durations = as_input(group, np.int64), as_input(values, np.int64)
        if len(groups) != len(durations):
            raise ValueError(f"{len(groups)} groups and {len(durations)} values")
        at = 0
        while at < len(groups):
            at, self._used = _accumulate(
                groups, durations, at, _BORDERS, self._few, self._keys, self._counts, self._used
            )
            if at < len(groups):
                self._grow()

    def result(self) -> Histograms:
        """Give all counts so far."""
        full = self._keys >= 0
        group, place = np.nonzero(self._few)
        keys = np.concatenate([group * _KEY + place, self._keys[full]])
        counts = np.concatenate([self._few[group, place], self._counts[full]])
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        return Histograms(keys // _KEY, keys % _KEY - 1, counts[order])

    def _grow(self) -> None:
        keys = np.full(2 * len(self._keys), -1, np.int64)
        counts = np.zeros(len(keys), np.int64)
        _rehash(self._keys, self._counts, keys, counts)
        self._keys, self._counts = keys, counts


def bucket_of(values: ArrayLike) -> Int64:
    """Find the bucket of each value.

    Args:
        values: int64 [n], each at least 0.

    Returns:
        int64 [n], from -1 (the value 0) to 2016.
    """
    durations = as_input(values, np.int64)
    out = np.empty(len(durations), np.int64)
    _buckets(durations, _BORDERS, out)
    return out


def lower_bound(bucket: ArrayLike) -> NDArray[np.float64]:
    """Give the smallest value of each bucket as float64: 2^(bucket/32), and 0 for bucket -1."""
    buckets = np.asarray(bucket, np.float64)
    return np.where(buckets < 0, 0.0, np.exp2(buckets / PER_OCTAVE))


def quantile(bucket: ArrayLike, count: ArrayLike, share: float) -> float:
    """Estimate a quantile: the middle, by ratio, of the bucket in which it falls.

    Args:
        bucket: int64 [n], ascending.
        count: int64 [n], positive.
        share: from 0 to 1.

    Returns:
        A value within 1.1 % of one between the two neighbours of the exact rank; NaN if empty.

    Raises:
        ValueError: share is not from 0 to 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share {share} is not from 0 to 1")
    buckets, counts = np.asarray(bucket, np.int64), np.asarray(count, np.int64)
    if len(buckets) == 0:
        return float("nan")
    rank = max(1, int(np.ceil(share * counts.sum())))
    place = int(np.searchsorted(np.cumsum(counts), rank))
    found = int(buckets[place])
    return 0.0 if found < 0 else float(np.exp2((found + 0.5) / PER_OCTAVE))


@kernel
def _bucket(value: int, borders: Int64) -> int:
    if value <= 0:
        return ZERO
    octave = last_bit(np.uint64(value))
    mantissa = value << (61 - octave) if octave <= 61 else value >> (octave - 61)
    low = borders[33 + ((mantissa >> 55) & 63)]
    if mantissa >= borders[low + 1]:
        low += 1
    return int(octave * 32 + low)


@kernel
def _buckets(values: Int64, borders: Int64, out: Int64) -> None:
    for i in range(values.shape[0]):
        out[i] = _bucket(values[i], borders)


@kernel
def _slot(key: int, keys: Int64) -> int:
    mask = keys.shape[0] - 1
    at = (key * 0x9E3779B97F4A7C1 >> 20) & mask
    while keys[at] != key and keys[at] != -1:
        at = (at + 1) & mask
    return int(at)


@kernel
def _accumulate(
    group: Int64,
    values: Int64,
    start: int,
    borders: Int64,
    few: Int64,
    keys: Int64,
    counts: Int64,
    used: int,
) -> tuple[int, int]:
    """Count from row `start` on until the table is half full; give the next row and the fill."""
    for i in range(start, group.shape[0]):
        if values[i] < 0:
            continue
        if 0 <= group[i] < few.shape[0]:
            few[group[i], _bucket(values[i], borders) + 1] += 1
            continue
        at = _slot(group[i] * _KEY + _bucket(values[i], borders) + 1, keys)
        if keys[at] == -1:
            if 2 * used >= keys.shape[0]:
                return i, used
            keys[at] = group[i] * _KEY + _bucket(values[i], borders) + 1
            used += 1
        counts[at] += 1
    return group.shape[0], used


@kernel
def _rehash(keys: Int64, counts: Int64, new_keys: Int64, new_counts: Int64) -> None:
    for i in range(keys.shape[0]):
        if keys[i] >= 0:
            at = _slot(keys[i], new_keys)
            new_keys[at] = keys[i]
            new_counts[at] = counts[i]
