"""`correlation.steps`: which operations, counters and memory move together over the steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.analyses._series_sql import OfSteps
from traceql.model.protocols import Scope  # noqa: TC001  (hints are read)

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "correlation.steps"


@dataclass(frozen=True)
class Steps(OfSteps):
    """Correlate every pair of series over the steps.

    Series are those of `prediction.trend`: lengths of steps, times of operations, counters, bytes
    copied, allocated memory; positive ones by their logarithms. p counts only as many values as are
    independent (Bartlett 1946, Bretherton 1999), q is Benjamini-Hochberg's over all pairs, the
    strength is that of the end of the 95 % interval nearer to zero. Two guards: a pair that loses
    its correlation without the straight drift of both (`common drift`) or within quarters of the
    run (`between phases`, Simpson 1951) is shown and makes no finding. The lag is where both
    correlate best after prewhitening; positive: the second follows.

    A finding is a pair that is at least moderate; `effect` is r with its interval, `impact_ratio`
    the share of the step that swings together (|r| times the smaller standard deviation, over the
    mean length of a step), where both are times.

    Parameters:
        q: highest expected share of false pairs.
        least_r: smallest |r|, by its interval, that makes a finding.
        most_findings: pairs that become findings, by impact; the table has all.
        most_ops: operations of each side that are looked at, by time.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "correlations"
    question: ClassVar[str] = "What moves together from step to step?"

    q: float = 0.05
    least_r: float = 0.3
    most_findings: int = 20
    most_ops: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.q < 1:
            raise ValueError("q lies between 0 and 1")

    def conclude(self, measured: pa.Table) -> Result:
        """Correlate all pairs, and control false discoveries."""
        from traceql.analyses.correlation import _pairs

        return _pairs.conclude(NAME, measured, self.q, self.least_r, self.most_findings)


PLUGIN = Steps
