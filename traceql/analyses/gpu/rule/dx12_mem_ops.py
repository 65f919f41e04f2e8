"""`gpu.rule.dx12_mem_ops`: operations on memory of Direct3D 12 that cost more than they need to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "gpu.rule.dx12_mem_ops"
_WARNINGS = """
SELECT warning, name, count(*) AS count, sum(dur)::BIGINT AS sum_dur, max(dur) AS max_dur,
  min(ts) AS ts, max(ts) AS last_ts
FROM gpu_dx12_memory_warning WHERE ts >= $window_start AND ts < $window_end GROUP BY warning, name
"""
_ALL = """
SELECT count(*) AS count, max(s.ts + s.dur) - min(s.ts) AS span_dur
FROM slice s WHERE s.category = 'dx12_memory' AND s.dur <> -1
  AND s.ts >= $window_start AND s.ts < $window_end
"""


@dataclass(frozen=True)
class Dx12MemOps:
    """Find operations on memory of Direct3D 12 that clear memory needlessly or use the wrong heap.

    Heaps and committed resources made without D3D12_HEAP_FLAG_CREATE_NOT_ZEROED, and maps, reads
    and writes of a heap or of pages that are slow for them, as `nsys analyze` defines the rule. The
    time spent in the operations is the most that could be saved.

    Parameters:
        least_count: operations of fewer than this are no finding.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "gpu"
    question: ClassVar[str] = "Which operations on Direct3D 12 memory are costly?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {"warnings": Input(_WARNINGS), "all": Input(_ALL)}

    least_count: int = 1

    def measure(self, tables: Tables) -> pa.Table:
        """Give the warnings by operation."""
        from traceql.analyses.gpu.rule import _dx12

        return _dx12.measure(tables["warnings"], tables["all"])

    def conclude(self, measured: pa.Table) -> Result:
        """Give the warnings; a finding for each."""
        from traceql.analyses.gpu.rule import _dx12

        return _dx12.conclude(NAME, measured, self.least_count)


PLUGIN = Dx12MemOps
