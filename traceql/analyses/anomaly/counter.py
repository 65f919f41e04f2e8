"""`anomaly.counter`: values of counters far from the values around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "anomaly.counter"
_VALUES = """
SELECT track_id, ts, id, value FROM counter
WHERE value IS NOT NULL AND isfinite(value) AND ts >= $window_start AND ts < $window_end
"""
_TRACKS = "SELECT id, name, unit FROM track WHERE id IN (SELECT DISTINCT track_id FROM counter)"


@dataclass(frozen=True)
class Counter:
    """Find values of a counter that stand far from the median of the values around them.

    For power, temperature, clocks, utilisation, memory, throughput, FLOPS: any counter. Its
    baseline is a centred running median of `window` values, so that slow changes and lasting steps
    are no anomaly (see `pattern.change_points`). The rest is divided by its robust spread (1.4826
    MAD; where most values equal their baseline, 1.2533 times the mean deviation of 99.5 %; where
    all of these do, a tenth of the least deviation); p is two-sided normal, q
    Benjamini-Hochberg's over all values of all counters. Tails of real counters are heavier than a
    normal's: a value must also be `least_tail` times as far off as 99.5 of 100 values of its
    counter are. A counter with more than one such value in a hundred does that habitually: it
    stands in the table and makes no finding.

    A finding is a counter. `value` is the farthest of its values, `baseline` the median around it,
    `effect` their ratio, `impact_ratio` the share of the recorded time during which these values
    held.

    Parameters:
        q: highest expected share of false values among those told of.
        least_tail: how many times farther off than 99.5 % of the values.
        window: values of the running median.
        least_values: shorter series are not judged.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "anomalies"
    question: ClassVar[str] = "Which values of counters stand far from those around them?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {
        "track": Input(_TRACKS),
        "value": Input(_VALUES, order_by=("ts", "id"), partition_by="track_id"),
    }

    q: float = 0.01
    least_tail: float = 2.0
    window: int = 31
    least_values: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.q < 1:
            raise ValueError("q lies between 0 and 1")
        if self.window < 3 or self.window % 2 == 0:
            raise ValueError("window is an odd number from 3 on")

    def measure(self, tables: Tables) -> pa.Table:
        """Judge every value of one counter."""
        from traceql.analyses.anomaly import _excursions

        return _excursions.measure(tables, self.window, self.least_tail, self.least_values)

    def conclude(self, measured: pa.Table) -> Result:
        """Control false discoveries over all counters."""
        from traceql.analyses.anomaly import _excursions

        return _excursions.conclude(NAME, measured, self.q, self.window)


PLUGIN = Counter
