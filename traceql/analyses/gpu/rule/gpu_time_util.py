"""`gpu.rule.gpu_time_util`: stretches of time in which a device was little used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.analyses.gpu.rule import _condition
from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "gpu.rule.gpu_time_util"


@dataclass(frozen=True)
class GpuTimeUtil:
    """Find stretches of time in which the operations of a device fill less than a share of it.

    The time from the first to the last operation is cut into equal chunks. What is in use of a
    chunk is the sum of the operations' lengths in it by its length, so it exceeds 1 where they
    overlap; neighbouring chunks below the limit make one stretch. As `nsys analyze` defines the
    rule. Filling the stretches would save at most the time in them at which the device did nothing.

    Parameters:
        chunks: number of chunks.
        least_use: chunks in use less than this are found.
        least_ratio: stretches whose idle time is a smaller share of the span make no finding.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "gpu"
    question: ClassVar[str] = "When was a device little used?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {
        "ops": Input(_condition.OPS, order_by=("ts", "end_ts"), partition_by="device_id"),
    }

    chunks: int = 30
    least_use: float = 0.5
    least_ratio: float = 0.001

    def measure(self, tables: Tables) -> pa.Table:
        """Find the stretches of one device."""
        from traceql.analyses.gpu.rule import _use

        return _use.measure(tables["ops"], self.chunks, self.least_use)

    def conclude(self, measured: pa.Table) -> Result:
        """Give the stretches; a finding for each device that has some."""
        from traceql.analyses.gpu.rule import _use

        return _use.conclude(NAME, measured, self.least_ratio)


PLUGIN = GpuTimeUtil
