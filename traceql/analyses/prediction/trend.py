"""`prediction.trend`: whether steps, operations, counters and memory rise, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.analyses._series_sql import OfSteps
from traceql.model.protocols import Scope  # noqa: TC001  (hints are read)

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "prediction.trend"


@dataclass(frozen=True)
class Trend(OfSteps):
    """Tell the direction of every series over the steps, and forecast it.

    Series are the length of the steps, the time of each operation a step (host: self time by name,
    by when it was issued), the mean of every counter, bytes copied, and the peak of allocated
    memory. Warm-up is left out. Significance is Mann-Kendall's of the prewhitened series, the slope
    Theil-Sen's, q Benjamini-Hochberg's over all series; `stable` is proven (two one-sided tests
    within ±`margin` over the trace), `unclear` is neither. The forecast is that of the plain method
    which forecast the second half best, the interval its own errors there. Fewer than eight steps
    are not enough data for a trend, fewer than sixteen for a forecast.

    A finding is a rising length, time or memory whose change over the steps is at least
    `least_change`; `impact_ratio` is the time beyond that of the first step as a share of all steps
    (of memory: the growth as a share of the end).

    Parameters:
        q: highest expected share of false trends.
        least_change: smallest change from the first step to the last that matters, as a ratio.
        margin: change that still counts as stable, as a ratio.
        horizon: steps to forecast; at most a quarter of those recorded.
        most_ops: operations of each side that are looked at, by time.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "predict"
    question: ClassVar[str] = "What rises or falls over the steps, and what comes next?"

    q: float = 0.01
    least_change: float = 0.05
    margin: float = 0.02
    horizon: int = 20
    most_ops: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.q < 1:
            raise ValueError("q lies between 0 and 1")

    def conclude(self, measured: pa.Table) -> Result:
        """Test every series, and forecast it."""
        from traceql.analyses.prediction import _directions

        rule = _directions.Rule(self.q, self.least_change, self.margin, self.horizon)
        return _directions.conclude(NAME, measured, rule)


PLUGIN = Trend
