"""Inputs of series over the steps: one for every operation, counter, copy and memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Tables

if TYPE_CHECKING:
    import pyarrow as pa

HOST, DEVICE, COUNTER, COPIES, MEMORY, STEP = range(6)
"""Kinds of series: self time of a name on the host, time of one on devices, values of a counter,
bytes copied, allocated bytes of a device, lengths of the steps."""

LEAST_STEPS = 8
SHIFT = 33
"""A series is kind * 2^33 + key + 1."""

_LEVELS = f"""SELECT {MEMORY} AS kind, coalesce(device_id, -1) AS key, ts, ts AS issued_ts,
    coalesce(total_bytes, sum(CASE kind WHEN 'alloc' THEN bytes ELSE -bytes END)
      OVER (PARTITION BY device_id ORDER BY ts, id)) AS value
  FROM allocation WHERE bytes IS NOT NULL"""  # noqa: S608
_NUMBERED = f"""
SELECT (kind::BIGINT << {SHIFT}) + key + 1 AS series, ts, issued_ts, value::DOUBLE AS value
FROM event WHERE ts >= $window_start AND ts < $window_end
"""  # noqa: S608
_EVENTS = f"""
WITH device_op AS (
  SELECT s.name_id, s.ts, coalesce(l.ts, s.ts) AS issued_ts, s.dur, g.kind, g.bytes
  FROM gpu_op g JOIN slice s ON s.id = g.slice_id LEFT JOIN slice l ON l.id = g.launch_slice_id
  WHERE s.dur > 0),
host_op AS (
  SELECT s.name_id, s.ts, s.self_dur
  FROM slice s JOIN track t ON t.id = s.track_id
  WHERE t.device_id IS NULL AND s.self_dur > 0 AND s.category IS DISTINCT FROM 'Trace'
    AND s.id NOT IN (SELECT slice_id FROM gpu_op)),
many AS (
  SELECT {HOST} AS kind, name_id FROM host_op WHERE name_id IS NOT NULL
  GROUP BY name_id HAVING count(*) >= {LEAST_STEPS}
  QUALIFY row_number() OVER (ORDER BY sum(self_dur) DESC, name_id) <= $most_ops
  UNION ALL
  SELECT {DEVICE}, name_id FROM device_op WHERE name_id IS NOT NULL
  GROUP BY name_id HAVING count(*) >= {LEAST_STEPS}
  QUALIFY row_number() OVER (ORDER BY sum(dur) DESC, name_id) <= $most_ops),
event AS (
  SELECT {HOST} AS kind, name_id AS key, ts, ts AS issued_ts, self_dur::DOUBLE AS value
  FROM host_op SEMI JOIN (SELECT name_id FROM many WHERE kind = {HOST}) USING (name_id)
  UNION ALL
  SELECT {DEVICE}, name_id, ts, issued_ts, dur
  FROM device_op SEMI JOIN (SELECT name_id FROM many WHERE kind = {DEVICE}) USING (name_id)
  UNION ALL
  SELECT {COUNTER}, track_id, ts, ts, value FROM counter
  WHERE value IS NOT NULL AND isfinite(value)
  UNION ALL
  SELECT {COPIES}, 0, ts, issued_ts, bytes FROM device_op
  WHERE kind = 'memcpy' AND bytes IS NOT NULL
  UNION ALL
  {_LEVELS})
{_NUMBERED}
"""  # noqa: S608
_COUNTERS = "SELECT id, name, unit FROM track WHERE id IN (SELECT DISTINCT track_id FROM counter)"
INPUTS: Mapping[str, Input] = {
    "name": Input("SELECT id, text FROM dim_name"),
    "counter": Input(_COUNTERS),
    "event": Input(_EVENTS, order_by=("ts",), partition_by="series"),
}
"""What `_series.measure` reads, beside the table `iteration`; takes the parameter `most_ops`."""


class OfSteps:
    """What analyses of series over the steps share: inputs, and one pass over the events.

    Their parameter `most_ops` says how many operations of each side are looked at, by time.
    """

    needs: ClassVar[tuple[str, ...]] = ("iteration",)
    inputs: ClassVar[Mapping[str, Input]] = INPUTS

    def measure(self, tables: Tables) -> pa.Table:
        """Reduce one series to one value a step: over all steps, and without warm-up."""
        from traceql.analyses import _series

        return _series.both(tables)


LEVELS = Input(f"WITH event AS ({_LEVELS}) {_NUMBERED}", order_by=("ts",), partition_by="series")
"""The allocated bytes of every device only: what `_series.measure` reads as `event`."""
