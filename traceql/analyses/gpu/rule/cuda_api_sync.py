"""`gpu.rule.cuda_api_sync`: calls by which the host waits for a device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "gpu.rule.cuda_api_sync"
_CALLS = """
SELECT name_id, any_value(name) AS name, count(*) AS count, sum(dur)::BIGINT AS sum_dur,
  max(dur) AS max_dur, min(ts) AS ts, max(ts) AS last_ts
FROM gpu_sync_call WHERE ts >= $window_start AND ts < $window_end GROUP BY name_id
"""
_GAPS = """
SELECT device_id, sync_name_id AS name_id, sum(dur)::BIGINT AS gap_dur, count(*) AS gap_count
FROM gpu_sync_gap WHERE ts >= $window_start AND ts < $window_end GROUP BY ALL
"""
_SPANS = """
SELECT g.device_id, max(s.ts + s.dur) - min(s.ts) AS span_dur
FROM gpu_op g JOIN slice s ON s.id = g.slice_id
WHERE s.dur <> -1 AND s.ts >= $window_start AND s.ts < $window_end GROUP BY g.device_id
"""


@dataclass(frozen=True)
class ApiSync:
    """Find calls that wait for all work of a stream or device, after which devices ran dry.

    As `nsys analyze` defines the rule, for HIP too. While the host waits it launches nothing, so
    the device falls idle when its queue is done: the idle times of a device that began within such
    a call and outlast it are the most that could be saved; of several devices the largest sum
    counts.

    Parameters:
        least_ratio: calls that could save a smaller share of the device's span make no finding.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "gpu"
    question: ClassVar[str] = "Which waits of the host let devices run dry?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {
        "calls": Input(_CALLS), "gaps": Input(_GAPS), "spans": Input(_SPANS)
    }  # fmt: skip

    least_ratio: float = 0.001

    def measure(self, tables: Tables) -> pa.Table:
        """Join calls and idle times."""
        from traceql.analyses.gpu.rule import _calls

        return _calls.measure(tables["calls"], tables["gaps"], tables["spans"])

    def conclude(self, measured: pa.Table) -> Result:
        """Give the calls; a finding for each kind that could save enough."""
        from traceql.analyses.gpu.rule import _calls

        return _calls.conclude(NAME, measured, self.least_ratio)


PLUGIN = ApiSync
