"""`gpu.rule.cuda_memcpy_async`: asynchronous copies from or to memory that is not pinned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.analyses.gpu.rule import _condition
from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "gpu.rule.cuda_memcpy_async"
_WORDS = {
    "kind": "pageable_async_copy",
    "what": "asynchronous copies of pageable memory",
    "title": "Asynchronous copies of pageable memory",
    "nothing": "No asynchronous copy of pageable memory costs time.",
    "remedy": "Allocate the host buffers as pinned memory (cudaHostAlloc, hipHostMalloc, "
    "pin_memory=True), so that copies run beside kernels.",
}


@dataclass(frozen=True)
class MemcpyAsync:
    """Find copies that were asked for asynchronously, but from or to pageable memory.

    The driver has to copy pageable memory to a pinned buffer first, and the call waits for that:
    the copy is not asynchronous. At most the time could be saved in which these copies ran and no
    kernel did. As `nsys analyze` defines the rule, for HIP too.

    Parameters:
        least_ratio: strata that could save a smaller share of the device's span make no finding.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "gpu"
    question: ClassVar[str] = "Which asynchronous copies use memory that is not pinned?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {
        "ops": Input(
            _condition.ops_sql(_condition.PAGEABLE_ASYNC),
            order_by=("ts", "end_ts", "kind"),
            partition_by="device_id",
        ),
    }

    least_ratio: float = 0.001

    def measure(self, tables: Tables) -> pa.Table:
        """Sum one device: what is known of it, and the strata that the rule names."""
        from traceql.analyses.gpu.rule import _copies

        return _copies.measure(tables["ops"], "memcpy")

    def conclude(self, measured: pa.Table) -> Result:
        """Give the strata; a finding for each that could save enough."""
        from traceql.analyses.gpu.rule import _copies

        return _copies.conclude(
            NAME, measured, _condition.PAGEABLE_ASYNC, self.least_ratio, _WORDS, needs_memory=True
        )


PLUGIN = MemcpyAsync
