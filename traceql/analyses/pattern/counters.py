"""`pattern.counters`: how every counter, memory and device behaves over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "pattern.counters"
_NAMES = """
SELECT id, name, unit FROM track WHERE id IN (SELECT DISTINCT track_id FROM counter)
"""
_EVENTS = """
WITH event AS (
  SELECT 0 AS kind, track_id AS key, ts, ts AS end_ts, value FROM counter
  WHERE value IS NOT NULL AND isfinite(value)
  UNION ALL
  SELECT 1, coalesce(device_id, -1), ts, ts,
    coalesce(total_bytes, sum(CASE kind WHEN 'alloc' THEN bytes ELSE -bytes END)
      OVER (PARTITION BY device_id ORDER BY ts, id))
  FROM allocation WHERE bytes IS NOT NULL
  UNION ALL
  SELECT 2, coalesce(g.device_id, -1), s.ts, s.ts + s.dur, 0
  FROM gpu_op g JOIN slice s ON s.id = g.slice_id WHERE s.dur >= 0)
SELECT (kind::BIGINT << 33) + key + 1 AS series, ts, end_ts, value::DOUBLE AS value
FROM event WHERE ts >= $window_start AND ts < $window_end
"""


@dataclass(frozen=True)
class Counters:
    """Name how every counter, the allocated memory and the work of every device behave over time.

    A series is cut into even bins, at most `bins` and half its samples: a counter's or memory's
    mean over time (a value holds until the next), and the share in which a device is busy.
    Its shape is that of the simplest model which explains most of its variance: a cycle whose phase
    recurs (F-test of single cycles), bursts (two states, Kleinberg 2002), a line (prewhitened
    Mann-Kendall) or levels (modified BIC under autocorrelated noise); else steady below a variation
    of .1, wandering where its autocorrelation is high, irregular otherwise. Waves that change their
    form are cut into phases (ClaSP: Ermshaus, Schäfer & Leser 2023), in windows of one cycle, or of
    a fortieth of the series.

    A finding is a series that is neither steady nor irregular nor wandering, the clearest first, at
    most `most`; it is information: whether it is good is for the reader to judge. Confidence is
    that of the test, q Benjamini-Hochberg's over all series; bursts are a heuristic.

    How to read it: `share` is how much of the variance the shape explains, `period` the length of
    what recurs. Abstains without a counter, memory or device of forty-eight samples.

    Parameters:
        bins: most bins of a series.
        most: most findings.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "patterns"
    question: ClassVar[str] = "How does every resource behave: steady, growing, cyclical, bursty?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {
        "counter": Input(_NAMES),
        "event": Input(_EVENTS, order_by=("ts", "end_ts"), partition_by="series"),
    }

    bins: int = 512
    most: int = 20

    def __post_init__(self) -> None:
        if self.bins < 24:
            raise ValueError("bins is at least 24")

    def measure(self, tables: Tables) -> pa.Table:
        """Name the shape of one series."""
        from traceql.analyses.pattern import _resources

        return _resources.measure(tables, self.bins)

    def conclude(self, measured: pa.Table) -> Result:
        """Compare the series, and write findings for what is neither steady nor irregular."""
        from traceql.analyses.pattern import _resources

        return _resources.conclude(NAME, measured, self.most)


PLUGIN = Counters
