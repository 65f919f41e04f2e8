"""`memory.fragmentation`: free memory that is cut into pieces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.analyses.memory._events import ALLOCATOR_PATTERN, EVENTS
from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "memory.fragmentation"


@dataclass(frozen=True)
class Fragmentation:
    """Lay blocks out by address, and measure the holes between them.

    The arena is every byte that a block has covered so far; holes are what no live block covers
    now. External fragmentation is 1 - largest hole / all holes: 0 when what is free is in one
    piece, near 1 when it is crumbs; 0 when nothing is free. It is measured after `samples` events
    spread over the recording, after the one with the most allocated, and the last: exactly, by
    unions of address ranges. Two holes that touch are one; blocks older than the recording are not
    seen before they are freed, so their place counts only from then on. Where the tool tells what
    it reserved, the share of it that is not allocated stands beside, as PyTorch counts it.

    A finding: at the end more than `least_ratio` is fragmented in this sense, in holes that come
    to at least `share_ratio` of the arena, and an allocation of the recording would not fit into
    the largest hole although all holes together would hold it. Internal fragmentation (rounding
    within blocks) is not recorded by these events.

    Parameters:
        samples: events after which holes are measured.
        least_ratio: external fragmentation that is a finding.
        share_ratio: share of the arena that the holes must come to.
        allocator_pattern: as of memory.timeline.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "memory"
    question: ClassVar[str] = "Is free memory in one piece, or in crumbs?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {
        "allocation": Input(EVENTS, order_by=("ts", "id"), partition_by="device_id"),
    }

    samples: int = 32
    least_ratio: float = 0.5
    share_ratio: float = 0.1
    allocator_pattern: str = ALLOCATOR_PATTERN

    def measure(self, tables: Tables) -> pa.Table:
        """Measure the holes of one device."""
        from traceql.analyses.memory import _holes

        return _holes.measure(tables["allocation"], self.samples)

    def conclude(self, measured: pa.Table) -> Result:
        """Give the fragmentation over time, and find where it hurts."""
        from traceql.analyses.memory import _holes

        return _holes.conclude(NAME, measured, self.least_ratio, self.share_ratio)


PLUGIN = Fragmentation
