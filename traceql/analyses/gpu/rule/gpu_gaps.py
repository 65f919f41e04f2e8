"""`gpu.rule.gpu_gaps`: long times in which a device did nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.analyses.gpu.rule import _condition
from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "gpu.rule.gpu_gaps"


@dataclass(frozen=True)
class GpuGaps:
    """Find gaps between the operations of a device that are long for this trace.

    Kernels, copies, fills and graphs of all processes count as operations, and so does what the
    profiler says that recording cost (view `gpu_profiler_overhead`); the time before the first
    operation and after the last is left out. `nsys analyze` calls a gap long above 500 ms, which no
    step of milliseconds reaches; so, unless `gap_ns` is given, the limit is the larger of 5 x the
    median gap (of 8 gaps or more) and 1 % of the median iteration (without iterations, of the
    device's span). Without these gaps the program would be shorter by at most their sum.

    Parameters:
        gap_ns: gaps longer than this are found, ns; 0: a limit relative to the trace.
        least_ratio: gaps that together are a smaller share of the span make no finding.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "gpu"
    question: ClassVar[str] = "When did a device do nothing for long?"
    needs: ClassVar[tuple[str, ...]] = ("iteration",)
    inputs: ClassVar[Mapping[str, Input]] = {
        "ops": Input(
            _condition.WORK_AND_OVERHEAD, order_by=("ts", "end_ts"), partition_by="device_id"
        ),
    }

    gap_ns: int = 0
    least_ratio: float = 0.001

    def measure(self, tables: Tables) -> pa.Table:
        """Find the gaps of one device."""
        from traceql.analyses.gpu.rule import _gaps

        return _gaps.measure(tables["ops"], tables["iteration"], self.gap_ns)

    def conclude(self, measured: pa.Table) -> Result:
        """Give the gaps; a finding for each device that has long ones."""
        from traceql.analyses.gpu.rule import _gaps

        return _gaps.conclude(NAME, measured, self.least_ratio)


PLUGIN = GpuGaps
