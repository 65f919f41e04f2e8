"""`memory.leak`: what each step leaves allocated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.analyses.memory._events import ALLOCATOR_PATTERN, EVENTS
from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "memory.leak"
_DEVICES = "SELECT device_id, memory_bytes FROM device"


@dataclass(frozen=True)
class Leak:
    """Find memory that every step allocates and none gives back.

    Memory within a step rises and falls; only what is left at its lowest can leak. Two witnesses
    are heard, over the steps that are not warm-up (without steps: over the cycles in which the
    sequence of allocations repeats); eight are needed.

    *By block*, where blocks have addresses: allocations that are never freed in the recording,
    although it went on for `age` steps. A site leaks if it leaves such blocks in at least a fifth
    of the steps, in five at least, and in every quarter of the run: a cache that fills once does
    not. The rate is exact, in bytes per step. *By floor*: the lowest level of each step. It grows
    if Mann-Kendall on pre-whitened floors says so (p < `alpha`; autocorrelation cannot feign it),
    if even the lowest floor rises from quarter to quarter (by a fourth of the rate at least: what
    is kept for some steps lifts many floors, and gives the lowest back), and by more than
    `least_ratio` of the peak in all; the rate is Theil-Sen's slope. It is a finding of its own
    where the sites explain less than half
    of it, and at least half of it is still allocated when the recording ends.

    `impact_ratio` is what leaked in the recording as a share of the peak. Blocks that live long on
    purpose (caches, histories, metrics kept on the device) look the same as forgotten ones.

    Parameters:
        age: steps for which a block must have been left to count as never freed.
        alpha: significance of the growth of the floor.
        least_ratio: smallest growth, as a share of the peak, that is a leak.
        allocator_pattern: as of memory.timeline.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "memory"
    question: ClassVar[str] = "What is allocated in every step and never given back?"
    needs: ClassVar[tuple[str, ...]] = ("iteration",)
    inputs: ClassVar[Mapping[str, Input]] = {
        "device": Input(_DEVICES),
        "allocation": Input(EVENTS, order_by=("ts", "id"), partition_by="device_id"),
    }

    age: int = 3
    alpha: float = 0.01
    least_ratio: float = 0.001
    allocator_pattern: str = ALLOCATOR_PATTERN

    def __post_init__(self) -> None:
        if self.age < 1:
            raise ValueError("age is at least 1")
        if not 0 < self.alpha < 1:
            raise ValueError("alpha lies between 0 and 1")

    def measure(self, tables: Tables) -> pa.Table:
        """Sum what the steps of one device leave, by site and by floor."""
        from traceql.analyses.memory import _leaks

        return _leaks.measure(tables, self.age)

    def conclude(self, measured: pa.Table) -> Result:
        """Judge floors and sites."""
        from traceql.analyses.memory import _leaking

        rule = _leaking.Rule(self.alpha, self.least_ratio, self.allocator_pattern)
        return _leaking.conclude(NAME, measured, rule)


PLUGIN = Leak
