"""Count, sums and extremes per group."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traceql.kernels.decorator import as_input, kernel

Int64 = NDArray[np.int64]

_COUNT, _SUM, _SUM_SELF, _MIN, _MAX = range(5)


class TotalsRows(NamedTuple):
    """One row per group with at least one value, ordered by group."""

    group: Int64
    counted: Int64
    total: Int64
    total_self: Int64
    smallest: Int64
    largest: Int64


class Totals:
    """Adds up durations and self times by group, over any number of batches."""

    def __init__(self) -> None:
        self._sums = np.zeros((0, 5), np.int64)

    def add(self, group: ArrayLike, values: ArrayLike, own: ArrayLike) -> None:
        """Add values.

        Args:
            group: int64 [n], at least 0; memory grows with the largest.
            values: int64 [n]; rows with a negative value are left out.
            own: int64 [n], summed apart.

        Raises:
            ValueError: lengths differ.
        """
        groups, durations = as_input(group, np.int64), as_input(values, np.int64)
        selves = as_input(own, np.int64)
        if not len(groups) == len(durations) == len(selves):
            raise ValueError("columns differ in length")
        needed = int(groups.max()) + 1 if len(groups) else 0
        if needed > len(self._sums):
            grown = np.zeros((max(needed, 2 * len(self._sums)), 5), np.int64)
            grown[: len(self._sums)] = self._sums
            self._sums = grown
        _add(groups, durations, selves, self._sums)

    def result(self) -> TotalsRows:
        """Give all sums so far."""
        group = np.flatnonzero(self._sums[:, _COUNT])
        return TotalsRows(group, *(self._sums[group, k] for k in range(5)))


@kernel
def _add(group: Int64, values: Int64, own: Int64, sums: Int64) -> None:
    for i in range(group.shape[0]):
        value = values[i]
        if value < 0:
            continue
        at = group[i]
        if sums[at, _COUNT] == 0 or value < sums[at, _MIN]:
            sums[at, _MIN] = value
        if sums[at, _COUNT] == 0 or value > sums[at, _MAX]:
            sums[at, _MAX] = value
        sums[at, _COUNT] += 1
        sums[at, _SUM] += value
        sums[at, _SUM_SELF] += own[i]
