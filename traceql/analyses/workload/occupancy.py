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
_SHAPES = """
SELECT * FROM (
  SELECT
    g.device_id, coalesce(s.name_id, -1) AS name_id, any_value(s.name) AS name,
    g.grid_x::BIGINT * g.grid_y * g.grid_z AS blocks,
    g.block_x::BIGINT * g.block_y * g.block_z AS threads, g.registers_per_thread AS registers,
    coalesce(g.shared_bytes, coalesce(g.static_shared_bytes, 0)
      + coalesce(g.dynamic_shared_bytes, 0)) AS shared_bytes,
    any_value(d.compute_major) AS compute_major, any_value(d.compute_minor) AS compute_minor,
    any_value(d.multiprocessor_count) AS multiprocessors,
    any_value(coalesce(d.warp_size, 32)) AS warp_threads,
    any_value(d.max_threads_per_multiprocessor) AS most_threads,
    any_value(d.registers_per_multiprocessor) AS most_registers,
    any_value(d.shared_bytes_per_multiprocessor) AS most_shared_bytes,
    count(*) AS calls, sum(s.dur)::BIGINT AS total_dur,
    min(s.ts) AS start_ts, max(s.ts + s.dur) AS end_ts
  FROM gpu_op g JOIN slice s ON s.id = g.slice_id JOIN device d ON d.device_id = g.device_id
  WHERE g.kind = 'kernel' AND s.dur > 0 AND s.ts >= $window_start AND s.ts < $window_end
    AND g.grid_x IS NOT NULL AND g.block_x IS NOT NULL AND d.multiprocessor_count IS NOT NULL
    AND coalesce(s.name_id, -1) NOT IN (
      SELECT id FROM dim_name WHERE regexp_matches(text, $comm_pattern, 'i'))
  GROUP BY ALL)
QUALIFY row_number() OVER (ORDER BY total_dur DESC, name_id, blocks, threads) <= 100000
ORDER BY device_id, total_dur DESC, name_id, blocks, threads, registers, shared_bytes
"""


@dataclass(frozen=True)
class Occupancy:
    """Compute for each kernel and shape how many threads a multiprocessor can hold, and holds.

    Theoretical occupancy is the share of the warps of a multiprocessor that resident blocks fill,
    the least of four limits: blocks per multiprocessor, warps, registers (given out per warp, in
    units of 256, in each of four partitions) and shared memory (in units of 128 bytes, and 256 on
    compute capability 7, with 1 KiB of the system from 8 on). These are the rules of NVIDIA's
    occupancy calculator; other vendors' devices, and shapes without registers, are left out.
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
