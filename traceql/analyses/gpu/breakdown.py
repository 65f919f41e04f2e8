"""`gpu.breakdown`: where the time of each device and stream went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "gpu.breakdown"
_OPS = """
SELECT
  s.id, s.ts, s.ts + s.dur AS end_ts, g.device_id, g.stream_id, l.ts AS launch_ts,
  CASE WHEN g.kind = 'memcpy' THEN 2 WHEN g.kind = 'memset' THEN 3
       WHEN c.id IS NOT NULL THEN 1 ELSE 0 END AS part
FROM gpu_op g
JOIN slice s ON s.id = g.slice_id
LEFT JOIN (SELECT id FROM dim_name WHERE regexp_matches(text, $comm_pattern, 'i')) c
  ON c.id = s.name_id
LEFT JOIN slice l ON l.id = g.launch_slice_id
WHERE s.dur >= 0 AND s.ts >= $window_start AND s.ts < $window_end
"""


@dataclass(frozen=True)
class Breakdown:
    """Split the time of every device and stream into busy and idle, and busy time by kind.

    Times are lengths of unions of intervals, exact in ns: what overlaps counts once. The span of a
    device is from its first start to its last end; `compute + exposed communication + exposed
    copies + exposed fills + idle = span`, where a kind is exposed while none before it runs.
    A gap before an operation of a stream is a *host wait* if the operation was launched after the
    stream had fallen idle, a *kernel wait* if it is shorter than `kernel_wait_ns`, else *other*.
    Definitions: HolisticTraceAnalysis (temporal and idle-time breakdown), TraceLens (exposed time).

    Parameters:
        comm_pattern: regular expression, any case, for names of communication kernels.
        kernel_wait_ns: gaps below this, launched in time, are the device's own; ns.
        least_ratio: idle or exposed time below this share of the span makes no finding.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "gpu"
    question: ClassVar[str] = "How busy was each device, with what, and why did it wait?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {
        "ops": Input(_OPS, order_by=("ts", "id"), partition_by="device_id"),
    }

    comm_pattern: str = "nccl|rccl"
    kernel_wait_ns: int = 30_000
    least_ratio: float = 0.05

    def measure(self, tables: Tables) -> pa.Table:
        """Sum one device: a row for it, one per stream, and its longest gaps."""
        from traceql.analyses.gpu import _busy

        return _busy.measure(tables["ops"], self.kernel_wait_ns)

    def conclude(self, measured: pa.Table) -> Result:
        """Report every device; find those that idle, or wait for what could overlap."""
        from traceql.analyses.gpu import _waiting

        return _waiting.conclude(NAME, measured, self.comm_pattern, self.least_ratio)


PLUGIN = Breakdown
