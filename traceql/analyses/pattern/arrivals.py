"""`pattern.arrivals`: when operations come: on a beat, in bursts, with the steps, or at random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "pattern.arrivals"
_EVENTS = """
WITH op AS (
  SELECT 1 AS is_device, s.name_id, s.id, s.ts, coalesce(l.ts, s.ts) AS issued_ts, s.dur AS cost
  FROM gpu_op g JOIN slice s ON s.id = g.slice_id LEFT JOIN slice l ON l.id = g.launch_slice_id
  WHERE s.dur >= 0 AND s.name_id IS NOT NULL AND s.ts >= $window_start AND s.ts < $window_end
  UNION ALL
  SELECT 0, s.name_id, s.id, s.ts, s.ts, s.self_dur
  FROM slice s JOIN track t ON t.id = s.track_id
  WHERE s.dur >= 0 AND s.name_id IS NOT NULL AND t.device_id IS NULL
    AND coalesce(s.category, '') NOT IN ('Trace', 'python_function')
    AND s.id NOT IN (SELECT slice_id FROM gpu_op)
    AND s.ts >= $window_start AND s.ts < $window_end),
summed AS (
  SELECT is_device, name_id, count(*) AS events, sum(cost)::BIGINT AS total_dur,
    sum(sum(cost)) OVER (PARTITION BY is_device)::BIGINT AS side_dur
  FROM op GROUP BY is_device, name_id),
chosen AS (
  SELECT * FROM summed WHERE events BETWEEN $least_events AND $most_events
  QUALIFY row_number() OVER (PARTITION BY is_device ORDER BY total_dur DESC, name_id) <= $most_ops)
SELECT name_id::BIGINT * 2 + is_device AS series, name_id, is_device, id, ts, issued_ts, total_dur,
  side_dur
FROM op JOIN chosen USING (is_device, name_id)
"""


@dataclass(frozen=True)
class Arrivals:
    """Tell by the gaps between its events how an operation comes.

    `every step`: in four fifths of the steady steps its number is within a fifth of the median.
    `periodic`: nine tenths of the gaps are within a tenth of the median gap or of a multiple of it,
    its 1.4826 MAD is below a twentieth of it, and few beats are missed: something that a clock
    drives. `bursty`: gaps vary much more than at random (burstiness of Goh and Barabási 2008,
    corrected for few events as by Kim and Jo 2016, of 0.3 or more), and half of the events lie in
    bursts that take at most a fifth of the time: runs of three gaps and more in the quick state of
    Kleinberg's (2002) automaton with two states, the quick one four times as fast as the mean. Else
    `irregular`; or `steady` where the burstiness is below -0.3. `memory_ratio` is the correlation
    of each gap with the next.

    A finding is an operation that is periodic or bursty, apart from the steps, and takes
    `least_ratio` of the time of its side; where no steps are known a beat or more than ten bursts
    are those of a loop, and make none. `value` is the period, or the median gap within bursts,
    `baseline` the mean gap; `impact_ratio` the time of the operation as a share of that of its
    side. Evidence gives the events, of a bursty operation those within its bursts (of the hundred
    largest). Confidence is argued, not tested.

    Parameters:
        least_ratio: an operation that takes a smaller share of the time of its side is only shown.
        least_events: rarer operations are not looked at.
        most_events: nor more frequent ones.
        most_ops: operations of each side that are looked at, by time.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "patterns"
    question: ClassVar[str] = "Which operations come on a beat of their own, or in bursts?"
    needs: ClassVar[tuple[str, ...]] = ("iteration",)
    inputs: ClassVar[Mapping[str, Input]] = {
        "name": Input("SELECT id, text FROM dim_name ORDER BY id"),
        "event": Input(_EVENTS, order_by=("ts", "id"), partition_by="series"),
    }

    least_ratio: float = 0.005
    least_events: int = 16
    most_events: int = 20_000
    most_ops: int = 40

    def measure(self, tables: Tables) -> pa.Table:
        """Judge the gaps of one operation."""
        from traceql.analyses.pattern import _gaps

        return _gaps.measure(tables)

    def conclude(self, measured: pa.Table) -> Result:
        """Write a finding for each beat and for what comes in bursts."""
        from traceql.analyses.pattern import _gaps

        return _gaps.conclude(NAME, measured, self.least_ratio)


PLUGIN = Arrivals
