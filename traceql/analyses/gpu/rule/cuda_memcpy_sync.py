"""`gpu.rule.cuda_memcpy_sync`: copies that the host waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.analyses.gpu.rule import _condition
from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "gpu.rule.cuda_memcpy_sync"
_WORDS = {
    "kind": "sync_copy",
    "what": "synchronous copies",
    "title": "Synchronous copies",
    "nothing": "No synchronous copy costs time.",
    "remedy": "Use the asynchronous call on a stream of its own (cudaMemcpyAsync, hipMemcpyAsync, "
    "non_blocking=True) with pinned memory.",
}


@dataclass(frozen=True)
class MemcpySync:
    """Find copies by calls that wait until the copy is done.

    Copies within one device, and small ones to a device, are left out: those calls do not wait. At
    most the time could be saved in which these copies ran and no kernel did. As `nsys analyze`
    defines the rule, for HIP too.

    Parameters:
        least_ratio: strata that could save a smaller share of the device's span make no finding.
        small_bytes: copies to a device of at most this size are left out.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "gpu"
    question: ClassVar[str] = "Which copies does the host wait for?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {
        "ops": Input(
            _condition.ops_sql(_condition.SYNC_COPY.format(small_bytes="$small_bytes")),
            order_by=("ts", "end_ts", "kind"),
            partition_by="device_id",
        ),
    }

    least_ratio: float = 0.001
    small_bytes: int = 65_536

    def measure(self, tables: Tables) -> pa.Table:
        """Sum one device: what is known of it, and the strata that the rule names."""
        from traceql.analyses.gpu.rule import _copies

        return _copies.measure(tables["ops"], "memcpy")

    def conclude(self, measured: pa.Table) -> Result:
        """Give the strata; a finding for each that could save enough."""
        from traceql.analyses.gpu.rule import _copies

        return _copies.conclude(
            NAME,
            measured,
            _condition.SYNC_COPY.format(small_bytes=self.small_bytes),
            self.least_ratio,
            _WORDS,
            needs_memory=False,
        )


PLUGIN = MemcpySync
