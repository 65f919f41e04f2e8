"""`gpu.occupancy`: how much of a device kernels can fill, and what limits them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "gpu.occupancy"
_STRATA = """
SELECT device_id, name_id, any_value(name) AS name, limiter,
  occupancy_ratio < $low_ratio AS is_low,
  coalesce(block_count < multiprocessor_count, false) AS is_small, count(*) AS count,
  sum(dur)::BIGINT AS sum_dur, min(occupancy_ratio) AS min_ratio, max(occupancy_ratio) AS max_ratio,
  sum(dur * occupancy_ratio) AS filled_dur,
  sum(dur * (1 - block_count / multiprocessor_count)) AS empty_dur,
  min(block_count) AS min_block_count, any_value(multiprocessor_count) AS multiprocessor_count,
  min(ts) AS ts, max(ts) AS last_ts
FROM gpu_kernel_occupancy WHERE ts >= $window_start AND ts < $window_end
  AND NOT coalesce(regexp_matches(name, $comm_pattern, 'i'), false)
GROUP BY device_id, name_id, limiter, is_low, is_small
"""
_KERNELS = """
SELECT device_id, count(*) AS count, sum(dur)::BIGINT AS sum_dur
FROM gpu_kernel WHERE dur <> -1 AND ts >= $window_start AND ts < $window_end GROUP BY device_id
"""


@dataclass(frozen=True)
class Occupancy:
    """Find kernels that can fill only a part of a device.

    Theoretical occupancy is the warps of a kernel that a multiprocessor can hold, by the most it
    can hold of any: what blocks, warps, registers and shared memory leave room for, by the limits
    of the device (view `gpu_kernel_occupancy`). A kernel of low occupancy may still be as fast as
    the device, so such a finding promises no time. A kernel of fewer blocks than the device has
    multiprocessors leaves some without work: its time, by their share, is the most that a larger
    grid could save.

    Parameters:
        low_ratio: occupancy below this is low.
        comm_pattern: regular expression, any case, for names of communication kernels, which are
            meant to be small.
        least_ratio: kernels below this share of the device's kernel time make no finding.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "gpu"
    question: ClassVar[str] = "Which kernels can fill only a part of a device, and why?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {
        "strata": Input(_STRATA), "kernels": Input(_KERNELS)
    }  # fmt: skip

    low_ratio: float = 0.5
    comm_pattern: str = "nccl|rccl"
    least_ratio: float = 0.05

    def measure(self, tables: Tables) -> pa.Table:
        """Put the kernels' strata beside the time of all kernels."""
        from traceql.analyses.gpu import _filling

        return _filling.measure(tables["strata"], tables["kernels"])

    def conclude(self, measured: pa.Table) -> Result:
        """Give the occupancy of each kernel; a finding for what is low or small."""
        from traceql.analyses.gpu import _filling

        return _filling.conclude(NAME, measured, self.low_ratio, self.least_ratio)


PLUGIN = Occupancy
