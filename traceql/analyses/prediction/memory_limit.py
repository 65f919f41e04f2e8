"""`prediction.memory_limit`: when memory that grows from step to step will be full."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.analyses._series_sql import LEVELS
from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "prediction.memory_limit"


@dataclass(frozen=True)
class MemoryLimit:
    """Tell after how many more steps the allocated memory of each device meets its limit.

    The series is the peak of allocated bytes in every step, without warm-up; the line through it is
    Theil-Sen's, and the limit is expected where the line meets it. The interval (90 %) holds every
    step at which the limit is within the interval of the line (Fieller 1954), which knows the
    autocorrelation. `risk` is the probability that the limit is met within `horizon` steps if all
    goes on as it went. Fewer than twelve steps after warm-up are not enough data.

    A finding is memory that provably grows (the interval of the slope is above zero, and so says
    the prewhitened Mann-Kendall test) and whose upper end of the interval lies within `horizon`;
    `impact_ratio` is the risk. Fragmentation can make memory full earlier: what the allocator
    reserves beyond what is allocated is not in the series.

    Parameters:
        limit_bytes: memory that may be allocated; 0: what the trace says that the device has.
        horizon: how many steps ahead matter.
        level: share of the interval.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "predict"
    question: ClassVar[str] = "When will the memory of a device be full, if all goes on so?"
    needs: ClassVar[tuple[str, ...]] = ("iteration",)
    inputs: ClassVar[Mapping[str, Input]] = {
        "capacity": Input("SELECT device_id, memory_bytes FROM device WHERE memory_bytes > 0"),
        "event": LEVELS,
    }

    limit_bytes: int = 0
    horizon: int = 10_000
    level: float = 0.9

    def __post_init__(self) -> None:
        if self.limit_bytes < 0 or self.horizon < 1 or not 0 < self.level < 1:
            raise ValueError("limit_bytes >= 0, horizon >= 1, 0 < level < 1")

    def measure(self, tables: Tables) -> pa.Table:
        """Reduce the allocations of one device to its peak in every step."""
        from traceql.analyses.prediction import _memory

        return _memory.measure(tables, self.limit_bytes)

    def conclude(self, measured: pa.Table) -> Result:
        """Tell when each device meets its limit."""
        from traceql.analyses.prediction import _memory

        return _memory.conclude(NAME, measured, self.horizon, self.level)


PLUGIN = MemoryLimit
