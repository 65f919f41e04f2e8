"""`bottleneck.concurrency`: how much ran at once, and how evenly it was spread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "bottleneck.concurrency"
# A device is 2 x its number, a process 2 x its number + 1; a missing number is -1.
_WORK = """
SELECT 2 * coalesce(g.device_id, -1)::BIGINT AS group_id, g.stream_id AS lane_id,
       s.ts, s.ts + s.dur AS end_ts, c.id IS NOT NULL AS is_comm
FROM gpu_op g JOIN slice s ON s.id = g.slice_id
LEFT JOIN (SELECT id FROM dim_name WHERE regexp_matches(text, $comm_pattern, 'i')) c
  ON c.id = s.name_id
WHERE s.dur > 0 AND s.ts >= $window_start AND s.ts < $window_end
UNION ALL
SELECT 2 * coalesce(h.upid, -1)::BIGINT + 1, t.utid, s.ts, s.ts + s.dur, false
FROM slice s JOIN track t ON t.id = s.track_id LEFT JOIN thread h ON h.utid = t.utid
LEFT JOIN dim_name n ON n.id = s.name_id AND regexp_full_match(n.text, $marker_pattern, 'i')
WHERE t.type = 'thread' AND t.utid IS NOT NULL AND s.dur > 0
  AND n.id IS NULL AND s.category IS DISTINCT FROM 'Trace'
  AND (s.parent_id IS NULL OR s.parent_id IN (
    SELECT s.id FROM slice s JOIN dim_name n ON n.id = s.name_id
    WHERE regexp_full_match(n.text, $marker_pattern, 'i')
    UNION ALL SELECT id FROM slice WHERE category = 'Trace'))
  AND s.ts >= $window_start AND s.ts < $window_end
"""


@dataclass(frozen=True)
class Concurrency:
    """Sweep over the starts and ends of work, and sum how long how much of it was open.

    On a device every operation counts, and each stream has its busy time; in a process a thread
    counts once while it has a slice open, other than a step marker or the profiler's own span. The
    time is from the first start to the last end. Mean concurrency is the integral of the count
    over the time, divided by the time; the serial share is the time with at most one. Load balance
    is mean over largest busy time; imbalance is (largest - mean) / largest x n / (n - 1), 0 when
    even and 1 when one does all (DeRose et al., Detecting application load imbalance, 2007).

    A finding is an imbalance between devices: the busiest works longer than the mean, and that
    excess, as a share of the time, is what an even spread could save at most. Communication is
    left out of it, as in it devices wait for each other. Streams and threads
    are rarely meant to be even, so they are only listed.

    Parameters:
        least_ratio: an imbalance that costs a smaller share of the time makes no finding.
        comm_pattern: regular expression, any case, for names of communication kernels.
        marker_pattern: regular expression, any case, for the whole name of a step marker.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "bottlenecks"
    question: ClassVar[str] = "How much ran at once, and was the work spread evenly?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {
        "work": Input(_WORK, order_by=("lane_id", "ts", "end_ts"), partition_by="group_id"),
    }

    least_ratio: float = 0.05
    comm_pattern: str = "nccl|rccl"
    marker_pattern: str = (
        r"ProfilerStep[*#]?\d*|(global |train |training )?(iteration|iter|step|batch|frame)"
        r"[ _#:\-]*\d+"
    )

    def measure(self, tables: Tables) -> pa.Table:
        """Sweep over one device, or over the threads of one process."""
        from traceql.analyses.bottleneck import _sweep

        return _sweep.measure(tables["work"])

    def conclude(self, measured: pa.Table) -> Result:
        """Give the profile of each device and process, and compare the devices."""
        from traceql.analyses.bottleneck import _sweep

        return _sweep.conclude(NAME, measured, self.least_ratio, self.comm_pattern)


PLUGIN = Concurrency
