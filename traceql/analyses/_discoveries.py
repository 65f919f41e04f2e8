"""False discoveries: what each p-value is worth among all that were looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def q_values(p_values: Sequence[float] | NDArray[np.float64]) -> list[float]:
    """Give the least rate of false discoveries at which each would be one.

    Benjamini & Hochberg 1995: p times the number of tests over its rank, and none above that of a
    greater p.

    Args:
        p_values: of all tests, also of those that found nothing; may be empty.
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * (len(p) / np.arange(1, len(p) + 1))
    found = np.empty(len(p))
    found[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    values: list[float] = found.tolist()
    return values
