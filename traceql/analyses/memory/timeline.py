"""`memory.timeline`: how much memory was allocated when, and who held the peak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.analyses.memory._events import ALLOCATOR_PATTERN, EVENTS
from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "memory.timeline"
_DEVICES = "SELECT device_id, memory_bytes FROM device"


@dataclass(frozen=True)
class Timeline:
    """Replay allocations and frees per device, and for the host.

    The level after each event is what the tool says where it says it (Kineto's Total Allocated),
    else the sum of what was allocated and freed, above the blocks that were freed without having
    been allocated in the recording; without addresses it is relative, at least what was freed more.
    The peak is the first highest level; its holders are the sites of the blocks live then, and one
    row for what is older than the recording: together they are the peak exactly. A site is the
    innermost operation that is no mere allocator. Lifetimes are of blocks both allocated and
    freed in the recording. Rates are over the time from the first to the last event.

    Findings: `near_limit`, the memory reserved (or, where that is not recorded, allocated) comes
    within `limit_ratio` of what the device has; `reserved_unused`, when most was reserved, more
    than `unused_ratio` of it was not allocated: fragmentation, or a cache that could be released.

    Parameters:
        limit_ratio: share of the device's memory from which it is nearly full.
        unused_ratio: share of the reserved memory that may lie unused.
        allocator_pattern: regular expression, any case, of operations that only allocate for
            others.
        points: most points of the drawn timeline.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "memory"
    question: ClassVar[str] = "How much memory was allocated when, and who held it at the peak?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {
        "device": Input(_DEVICES),
        "allocation": Input(EVENTS, order_by=("ts", "id"), partition_by="device_id"),
    }

    limit_ratio: float = 0.9
    unused_ratio: float = 0.3
    allocator_pattern: str = ALLOCATOR_PATTERN
    points: int = 400

    def measure(self, tables: Tables) -> pa.Table:
        """Replay one device."""
        from traceql.analyses.memory import _peaks

        rule = _peaks.Rule(self.limit_ratio, self.unused_ratio)
        return _peaks.measure(tables, rule, self.points)

    def conclude(self, measured: pa.Table) -> Result:
        """Give the levels, the peaks and their holders."""
        from traceql.analyses.memory import _peaks

        rule = _peaks.Rule(self.limit_ratio, self.unused_ratio)
        return _peaks.conclude(NAME, measured, rule)


PLUGIN = Timeline
