"""`pattern.change_points`: where steps, operations, counters and memory change their level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from traceql.analyses._series_sql import OfSteps
from traceql.model.protocols import Scope  # noqa: TC001  (hints are read)

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "pattern.change_points"


@dataclass(frozen=True)
class ChangePoints(OfSteps):
    """Find the steps at which a series changes its level, and say what the change costs.

    Series are the length of the steps, the time of each operation a step (host: self time by name,
    by when it was issued), the mean of every counter, bytes copied, and the peak of allocated
    memory; times and bytes are compared by their logarithms. A first level of at most five steps,
    or a tenth of them, is warm-up and no change.

    Method `levels`: the best partitions by least squares; as many levels as the modified BIC allows
    (Zhang & Siegmund 2007) under noise of first order, so that a series which wanders is not cut;
    a straight line competes, and a change stays only where two levels fit better than a line.
    Isolated outliers do not count. Method `divisive`: as Apache Otava (Hunter, Fleming et al. 2023)
    with windows of fifty steps and p < 1e-5, for comparison; it takes noise that remembers for
    changes.

    A finding is a series of times or memory that stays at another level by at least `least_change`;
    its q is Benjamini-Hochberg's over the series. `impact_ratio` is the time above the lowest level
    as a share of all steps (of memory: the rise as a share of the highest level). Counters and
    copies stand in the table alone: whether more is better is not known.

    How to read it: `index` is the first step of the new level, counted from 0. Abstains without ten
    steps.

    Parameters:
        method: levels, or divisive for comparison.
        q: highest expected share of series with false changes.
        least_change: smallest change between two levels that matters, as a ratio.
        least_ratio: what costs a smaller share makes no finding.
        most_ops: operations of each side that are looked at, by time.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "patterns"
    question: ClassVar[str] = "When did the level of something change, and for how long?"

    method: Literal["levels", "divisive"] = "levels"
    q: float = 0.02
    least_change: float = 0.05
    least_ratio: float = 0.001
    most_ops: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.q < 1:
            raise ValueError("q lies between 0 and 1")

    def conclude(self, measured: pa.Table) -> Result:
        """Find the changes of every series, and what they cost."""
        from traceql.analyses.pattern import _levels

        rule = _levels.Rule(self.method, self.q, self.least_change, self.least_ratio)
        return _levels.conclude(NAME, measured, rule)


PLUGIN = ChangePoints
