"""`workload.occupancy`: how much of a device kernels fill, and what limits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "workload.occupancy"
# What a multiprocessor holds depends on the launch only: kernels are summed by it first.
_SHAPES = """
WITH launch AS (
  SELECT
    device_id, name_id, block_count, thread_count, registers_per_thread, accumulator_count,
    shared_bytes, NULL::BIGINT AS configured_shared_bytes, trace,
    count(*) AS calls, sum(dur)::BIGINT AS total_dur, min(ts) AS start_ts, max(ts + dur) AS end_ts
  FROM gpu_kernel_launch
  WHERE dur > 0 AND ts >= $window_start AND ts < $window_end
    AND block_count IS NOT NULL AND thread_count > 0
    AND coalesce(name_id, -1) NOT IN (
      SELECT id FROM dim_name WHERE regexp_matches(text, $comm_pattern, 'i'))
  GROUP BY ALL),
fit AS (
  SELECT
    device_id, coalesce(name_id, -1) AS name_id, block_count AS blocks, thread_count AS threads,
    register_count AS registers, shared_bytes, any_value(multiprocessor_count) AS multiprocessors,
    any_value(fit_count) AS resident_blocks, any_value(limiter) AS limited_by,
    any_value(occupancy_ratio) AS theoretical_ratio, any_value(estimated_ratio) AS achieved_ratio,
    sum(calls)::BIGINT AS calls, sum(total_dur)::BIGINT AS total_dur,
    min(start_ts) AS start_ts, max(end_ts) AS end_ts
  FROM _gpu_launch_fit(launch) WHERE multiprocessor_count > 0 GROUP BY ALL)
SELECT f.*, n.text AS name FROM (
  SELECT * FROM fit
  QUALIFY row_number() OVER (ORDER BY total_dur DESC, name_id, blocks, threads) <= 100000) f
LEFT JOIN dim_name n ON n.id = f.name_id
ORDER BY f.device_id, f.total_dur DESC, f.name_id, f.blocks, f.threads, f.registers, f.shared_bytes
"""


@dataclass(frozen=True)
class Occupancy:
    """Compute for each kernel and shape how many threads a multiprocessor can hold, and holds.

    Theoretical occupancy is the share of the warps of a multiprocessor that resident blocks fill,
    the least of four limits: blocks per multiprocessor, warps, registers (given out per warp, in
    units, in each of the parts of a multiprocessor) and shared memory (in units, with what the
    system takes). Limits are those of NVIDIA's devices from compute capability 5.0 on and of AMD's
    from gfx900 on, where a wavefront is a warp, a compute unit a multiprocessor, and accumulators
    count as registers where they share a file (`gpu_device_limit`); shapes of other devices, or
    without registers or shared memory, have a fill only.
    Achieved occupancy is estimated as Kineto does: no more blocks can be resident than were
    launched per multiprocessor. Fill is blocks over multiprocessors, at most 1: the rest of the
    device has no block at all.

    Communication kernels are left out: they are meant to be small.

    Low occupancy alone is no fault: good matrix products run at an eighth. A finding is time in
    which kernels had fewer blocks than the device has multiprocessors: that part of the device
    times that time, as a share of the span, is the bound of what more blocks could gain.

    Parameters:
        least_ratio: unfilled time below this share of the span makes no finding.
        comm_pattern: regular expression, any case, for names of communication kernels.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "workload"
    question: ClassVar[str] = "How much of each device do kernels fill, and what limits it?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {"shape": Input(_SHAPES)}

    least_ratio: float = 0.05
    comm_pattern: str = "nccl|rccl"

    def measure(self, tables: Tables) -> pa.Table:
        """Pass on the shapes, which are summed already."""
        return tables["shape"]

    def conclude(self, measured: pa.Table) -> Result:
        """Compute occupancies, and find devices that kernels do not fill."""
        from traceql.analyses.workload import _resident

        return _resident.conclude(NAME, measured, self.least_ratio, self.comm_pattern)


PLUGIN = Occupancy
