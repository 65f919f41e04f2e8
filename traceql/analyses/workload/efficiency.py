"""`workload.efficiency`: how well the devices are used, as a product that names what is lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "workload.efficiency"
_OPS = """
SELECT
  s.id, s.ts, s.ts + s.dur AS end_ts, s.dur, g.device_id, 0::BIGINT AS stream_id,
  NULL::BIGINT AS launch_ts, g.occupancy_ratio,
  CASE WHEN g.kind = 'memcpy' THEN 2 WHEN g.kind = 'memset' THEN 3
       WHEN c.id IS NOT NULL THEN 1 ELSE 0 END AS part
FROM gpu_op g
JOIN slice s ON s.id = g.slice_id
LEFT JOIN (SELECT id FROM dim_name WHERE regexp_matches(text, $comm_pattern, 'i')) c
  ON c.id = s.name_id
WHERE s.dur >= 0 AND s.ts >= $window_start AND s.ts < $window_end
"""


@dataclass(frozen=True)
class Efficiency:
    """Split the use of the devices into factors whose product it is.

    Useful time of a device is the length of the union of its computing kernels. Over the common
    wall T, from the first operation of any device to the last end:

        parallel efficiency = mean useful / T = load balance x largest useful / T
        largest useful / T  = presence x busy x compute       of the device with the largest

    Load balance is mean over largest useful time; presence is the device's own span over T; busy
    the share of its span in which it does anything; compute the share of that in which kernels
    compute, the rest being communication, copies and fills that no kernel hides. These are the
    factors of POP (pop-coe.eu) and TALP, with times in place of models: the identities are exact
    and checked. Where Kineto estimates the occupancy of kernels, their mean weighted by time stands
    beside, as it multiplies nothing of what is lost in time. The factor that is lowest loses most.

    Parameters:
        comm_pattern: regular expression, any case, for names of communication kernels.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "workload"
    question: ClassVar[str] = "How well are the devices used, and which factor loses most?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {
        "ops": Input(_OPS, order_by=("ts", "id"), partition_by="device_id"),
    }

    comm_pattern: str = "nccl|rccl"

    def measure(self, tables: Tables) -> pa.Table:
        """Sum one device."""
        from traceql.analyses.workload import _factors

        return _factors.measure(tables["ops"])

    def conclude(self, measured: pa.Table) -> Result:
        """Multiply the factors, and name the lowest."""
        from traceql.analyses.workload import _factors

        return _factors.conclude(NAME, measured)


PLUGIN = Efficiency
