"""`gpu.rule.cuda_memset_sync`: fills that the host waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.analyses.gpu.rule import _condition
from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "gpu.rule.cuda_memset_sync"
_WORDS = {
    "kind": "sync_fill",
    "what": "synchronous fills",
    "title": "Synchronous fills of host memory",
    "nothing": "No synchronous fill costs time.",
    "remedy": "Use the asynchronous call (cudaMemsetAsync, hipMemsetAsync), "
    "or fill host memory on the host.",
}


@dataclass(frozen=True)
class MemsetSync:
    """Find fills of pinned or managed memory by calls that wait until the fill is done.

    At most the time could be saved in which these fills ran and no kernel did. As `nsys analyze`
    defines the rule, for HIP too.

    Parameters:
        least_ratio: strata that could save a smaller share of the device's span make no finding.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "gpu"
    question: ClassVar[str] = "Which fills does the host wait for?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {
        "ops": Input(
            _condition.ops_sql(_condition.SYNC_FILL),
            order_by=("ts", "end_ts", "kind"),
            partition_by="device_id",
        ),
    }

    least_ratio: float = 0.001

    def measure(self, tables: Tables) -> pa.Table:
        """Sum one device: what is known of it, and the strata that the rule names."""
        from traceql.analyses.gpu.rule import _copies

        return _copies.measure(tables["ops"], "memset")

    def conclude(self, measured: pa.Table) -> Result:
        """Give the strata; a finding for each that could save enough."""
        from traceql.analyses.gpu.rule import _copies

        return _copies.conclude(
            NAME, measured, _condition.SYNC_FILL, self.least_ratio, _WORDS, needs_memory=True
        )


PLUGIN = MemsetSync
