"""What rules about copies and fills look for: conditions over columns of `gpu_copy_call`.

Input and evidence of a rule are made of the same text, so that they speak of the same events.
"""

from __future__ import annotations

PAGEABLE_ASYNC = (
    "kind = 'memcpy' AND is_async AND api_name ILIKE '%memcpy%' "
    "AND (src_memory IS NOT DISTINCT FROM 'pageable' OR dst_memory IS NOT DISTINCT FROM 'pageable')"
)
SYNC_COPY = (
    "kind = 'memcpy' AND NOT is_async AND api_name ILIKE '%memcpy%' "
    "AND copy_kind IS DISTINCT FROM 'dtod' "
    "AND NOT (copy_kind IS NOT DISTINCT FROM 'htod' AND coalesce(bytes <= {small_bytes}, false))"
)
SYNC_FILL = (
    "kind = 'memset' AND NOT is_async AND api_name ILIKE '%memset%' "
    "AND dst_memory IN ('pinned', 'managed')"
)


def ops_sql(condition: str) -> str:
    """Write the input of a rule: kernels, and the copies and fills, of which some are hit.

    Args:
        condition: one of the above; may name parameters.
    """
    return f"""
SELECT ts, ts + dur AS end_ts, device_id, kind, copy_kind, src_memory, dst_memory, bytes, api_dur,
  api_name IS NOT NULL AS has_call, coalesce({condition}, false) AS is_hit
FROM gpu_copy_call WHERE ts >= $window_start AND ts < $window_end
UNION ALL
SELECT s.ts, s.ts + s.dur, g.device_id, g.kind, NULL, NULL, NULL, NULL, NULL, false, false
FROM gpu_op g JOIN slice s ON s.id = g.slice_id
WHERE g.kind NOT IN ('memcpy', 'memset') AND s.dur <> -1
  AND s.ts >= $window_start AND s.ts < $window_end
"""  # noqa: S608  (conditions are constants of the rules)


OPS = """
SELECT s.ts, s.ts + s.dur AS end_ts, g.device_id
FROM gpu_op g JOIN slice s ON s.id = g.slice_id
WHERE s.dur <> -1 AND s.ts >= $window_start AND s.ts < $window_end
"""
"""Every operation of every device."""

WORK_AND_OVERHEAD = """
WITH works AS (
  SELECT s.ts, s.ts + s.dur AS end_ts, g.device_id
  FROM gpu_op g JOIN slice s ON s.id = g.slice_id
  WHERE s.dur <> -1 AND s.ts >= $window_start AND s.ts < $window_end
)
SELECT ts, end_ts, device_id FROM works
UNION ALL
SELECT o.ts, o.ts + o.dur, d.device_id
FROM gpu_profiler_overhead o
JOIN (SELECT device_id, min(ts) AS first_ts, max(end_ts) AS last_ts FROM works GROUP BY device_id) d
  ON o.ts >= d.first_ts AND o.ts + o.dur <= d.last_ts
WHERE o.ts >= $window_start AND o.ts < $window_end
"""
"""Every operation of every device, and beside them what recording cost meanwhile."""
