"""`gpu.bandwidth`: how fast copies were, and which were slow for their kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "gpu.bandwidth"
_KINDS = """
WITH
  timed AS (
    SELECT *, bytes >= $least_bytes AND bandwidth_bytes_per_s IS NOT NULL AS is_large
    FROM gpu_memcpy_rate WHERE dur <> -1 AND ts >= $window_start AND ts < $window_end
  ),
  reached AS (
    SELECT device_id, copy_kind, src_memory, dst_memory,
      quantile_cont(bandwidth_bytes_per_s, 0.95) AS reached_bytes_per_s,
      $slow_ratio * quantile_cont(bandwidth_bytes_per_s, 0.95) AS limit_bytes_per_s
    FROM timed WHERE is_large GROUP BY ALL
  )
SELECT t.device_id, t.copy_kind, t.src_memory, t.dst_memory, count(*) AS count,
  sum(t.bytes)::BIGINT AS sum_bytes, sum(t.dur)::BIGINT AS sum_dur,
  1e9 * sum(t.bytes) FILTER (WHERE t.dur > 0)
    / sum(t.dur) FILTER (WHERE t.dur > 0 AND t.bytes IS NOT NULL) AS mean_bytes_per_s,
  any_value(r.reached_bytes_per_s) AS reached_bytes_per_s,
  any_value(r.limit_bytes_per_s) AS limit_bytes_per_s,
  count(*) FILTER (WHERE t.is_large) AS large_count,
  count(*) FILTER (WHERE is_large AND bandwidth_bytes_per_s < limit_bytes_per_s) AS slow_count,
  sum(t.dur - 1e9 * t.bytes / r.reached_bytes_per_s)
    FILTER (WHERE is_large AND bandwidth_bytes_per_s < limit_bytes_per_s) AS lost_dur,
  min(t.ts) FILTER (WHERE is_large AND bandwidth_bytes_per_s < limit_bytes_per_s) AS ts,
  max(t.ts) FILTER (WHERE is_large AND bandwidth_bytes_per_s < limit_bytes_per_s) AS last_ts
FROM timed t
LEFT JOIN reached r ON r.device_id IS NOT DISTINCT FROM t.device_id
  AND r.copy_kind IS NOT DISTINCT FROM t.copy_kind
  AND r.src_memory IS NOT DISTINCT FROM t.src_memory
  AND r.dst_memory IS NOT DISTINCT FROM t.dst_memory
GROUP BY t.device_id, t.copy_kind, t.src_memory, t.dst_memory
"""
_SPANS = """
SELECT g.device_id, max(s.ts + s.dur) - min(s.ts) AS span_dur
FROM gpu_op g JOIN slice s ON s.id = g.slice_id
WHERE s.dur <> -1 AND s.ts >= $window_start AND s.ts < $window_end GROUP BY g.device_id
"""


@dataclass(frozen=True)
class Bandwidth:
    """Give the bandwidth of copies by direction and kinds of memory; find those slow for them.

    What a link can do is the 95th percentile of its large copies: those of a device, a direction
    and kinds of memory. A large copy below `slow_ratio` of that is slow, and has lost the time that
    it took beyond what it would have taken at that bandwidth. Small copies are bound by latency,
    and left out.

    Parameters:
        least_bytes: copies of at least this size are large.
        slow_ratio: share of the bandwidth reached below which a copy is slow.
        least_count: of fewer large copies none is called slow.
        least_ratio: what is lost below this share of the device's span makes no finding.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "gpu"
    question: ClassVar[str] = "How fast were copies, and which were slow for their kind?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {"kinds": Input(_KINDS), "spans": Input(_SPANS)}

    least_bytes: int = 1 << 20
    slow_ratio: float = 0.6
    least_count: int = 8
    least_ratio: float = 0.001

    def measure(self, tables: Tables) -> pa.Table:
        """Put each kind of copy beside the span of its device."""
        from traceql.analyses.gpu import _rates

        return _rates.measure(tables["kinds"], tables["spans"])

    def conclude(self, measured: pa.Table) -> Result:
        """Give the kinds of copies; a finding for each with slow ones."""
        from traceql.analyses.gpu import _rates

        return _rates.conclude(NAME, measured, self.least_bytes, self.least_count, self.least_ratio)


PLUGIN = Bandwidth
