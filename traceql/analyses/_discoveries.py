"""False discoveries: what each p-value is worth among all that were looked at."""

from __future__ import annotations

from collections.abc import Sequence


def q_values(p_values: Sequence[float]) -> list[float]:
    """Give the least rate of false discoveries at which each would be one.

    Benjamini & Hochberg 1995, by scipy.

    Args:
        p_values: of all tests, also of those that found nothing; may be empty.
    """
    from scipy import stats

    if not p_values:
        return []
    found: list[float] = stats.false_discovery_control(list(p_values)).tolist()
    return found
