"""`pattern.opportunities`: what could be done better on devices, and what that can gain at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "pattern.opportunities"
_OPS = """
SELECT s.id, s.ts, s.ts + s.dur AS end_ts, g.device_id, g.stream_id,
  CASE g.kind WHEN 'memcpy' THEN 1 WHEN 'memset' THEN 2 ELSE 0 END AS kind,
  coalesce(s.name_id, -1) AS name_id, coalesce(g.bytes, -1) AS bytes,
  coalesce(contains(coalesce(g.src_memory, '') || coalesce(g.dst_memory, ''), 'pageable'), false)
    AS is_pageable,
  coalesce(g.copy_kind IN ('htod', 'dtod'), false) AS is_passed,
  coalesce(g.grid_x::BIGINT * g.grid_y * g.grid_z, -1) AS blocks,
  l.ts AS launch_ts, l.dur AS launch_dur, coalesce(l.name_id, -1) AS launch_name_id, h.upid
FROM gpu_op g
JOIN slice s ON s.id = g.slice_id
LEFT JOIN slice l ON l.id = g.launch_slice_id AND l.dur >= 0
LEFT JOIN track t ON t.id = l.track_id
LEFT JOIN thread h ON h.utid = t.utid
WHERE s.dur >= 0 AND s.ts >= $window_start AND s.ts < $window_end
"""
_NAMES = """
SELECT id, text,
  regexp_matches(text, $elementwise_pattern, 'i') AS is_elementwise,
  text ILIKE '%memcpy%' AND text ILIKE '%async%' AS is_async_copy,
  text ILIKE '%memcpy%' AND text NOT ILIKE '%async%' AS is_sync_copy
FROM dim_name
"""
_CALLS = """
SELECT s.ts, s.ts + s.dur AS end_ts, h.upid, n.is_sync, n.is_allocation
FROM slice s
JOIN (SELECT id, regexp_matches(text, $sync_pattern) AS is_sync,
             regexp_matches(text, $allocation_pattern) AS is_allocation
      FROM dim_name) n ON n.id = s.name_id AND (n.is_sync OR n.is_allocation)
JOIN track t ON t.id = s.track_id
JOIN thread h ON h.utid = t.utid
WHERE s.dur >= 0 AND s.ts >= $window_start AND s.ts < $window_end
ORDER BY s.ts, s.id LIMIT 900000
"""


@dataclass(frozen=True)
class Opportunities:
    """Match rules against what each device did, and bound what following them can gain.

    Each rule looks for one habit and sums the time in which the device was idle, or a copy ran that
    no kernel hid, because of it; that sum is the most that following the rule can gain, and no rule
    claims more than is idle or exposed. Each ns of idle time is claimed by one rule, in this order:

    pooling: memory allocated or freed by the driver in steady steps. fusion: elementwise kernels
    one after the other, with idle time between. launch_bound: kernels shorter than the usual launch
    call, waiting for their launch. Beside them small_copies: fifty or more copies below 64 KiB.
    superlinear: a kernel whose time grows faster than its grid (slope above 1.2 in logarithms, by
    the lower end of its interval); it bounds no gain.

    Long gaps, waits of the host, and copies and fills that block or are pageable have their own
    analyses: `gpu.rule.gpu_gaps`, `cuda_api_sync`, `cuda_memcpy_async`, `cuda_memcpy_sync`,
    `cuda_memset_sync`. What a habit shares with a claim of theirs stands in `shared_dur`:
    `impact_ratio`, by which findings are ranked, counts only what is beyond it. `effect` is the
    speed-up if all of the habit's gain were had (Amdahl: 1 / (1 - share)).

    How to read it: operations of a device are seen, not what they compute: that copies could stay
    away, or kernels fuse, is for the reader to judge.
    Abstains without operations of a device: vectorisation and memory access of host code need
    counters (VTune, perf).

    Parameters:
        least_ratio: what can gain a smaller share of the device's span makes no finding.
        elementwise_pattern: regular expression, any case, for kernels that work by element.
        sync_pattern: for calls that wait for a device.
        allocation_pattern: for calls that allocate or free device or pinned memory.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "patterns"
    question: ClassVar[str] = "What could be done better, and what would that gain at most?"
    needs: ClassVar[tuple[str, ...]] = ("iteration",)
    inputs: ClassVar[Mapping[str, Input]] = {
        "name": Input(_NAMES),
        "call": Input(_CALLS),
        "ops": Input(_OPS, order_by=("ts", "id"), partition_by="device_id"),
    }

    least_ratio: float = 0.01
    elementwise_pattern: str = r"elementwise|pointwise|fill_kernel|copy_kernel"
    sync_pattern: str = r"^(cuda|hip|musa|cu|mt)(Device|Stream|Ctx)Synchronize"
    allocation_pattern: str = (
        r"^(cuda|hip|cu)(Malloc|Free|Mem(Alloc|Free)|HostAlloc|HostFree|FreeHost|MallocHost|"
        r"MallocManaged|HostRegister)"
    )

    def measure(self, tables: Tables) -> pa.Table:
        """Match the rules against one device."""
        from traceql.analyses.pattern import _habits

        return _habits.measure(tables)

    def conclude(self, measured: pa.Table) -> Result:
        """Write a finding for each habit that costs enough."""
        from traceql.analyses.pattern import _gains

        patterns = _gains.Patterns(self.elementwise_pattern, self.allocation_pattern)
        return _gains.conclude(NAME, measured, self.least_ratio, patterns)


PLUGIN = Opportunities
