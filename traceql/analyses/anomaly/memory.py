"""`anomaly.memory`: steps that held more memory than the steps around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "anomaly.memory"
LEVEL = (
    "coalesce(total_bytes, sum(CASE kind WHEN 'alloc' THEN bytes ELSE -bytes END) "
    "OVER (PARTITION BY trace, device_id ORDER BY ts, id))"
)
_LEVELS = """
SELECT
  device_id, ts, id,
  coalesce(total_bytes, sum(CASE kind WHEN 'alloc' THEN bytes ELSE -bytes END)
    OVER (PARTITION BY device_id ORDER BY ts, id))::DOUBLE AS level
FROM allocation
WHERE bytes IS NOT NULL AND ts >= $window_start AND ts < $window_end
"""


@dataclass(frozen=True)
class Memory:
    """Compare each step's curve of allocated memory with those of the steps around it.

    The curve of a step is reduced to its peak and its mean over time. Each is a series over the
    steps that are not warm-up; its baseline is a running median over 21 steps on the straight
    drift of all (Theil-Sen), so that a leak or a lasting change of level is no anomaly (see
    `memory.leak` and `pattern.change_points`). The excess is divided by its robust spread (the
    wider of 1.4826 MAD and what its upper tenth says, at least a quarter of a percent of the level)
    and judged by Student's t, one-sided, over the steps, for both series; q is
    Benjamini-Hochberg's over all steps of all devices. A step is told of from `least_effect` times
    the baseline on; what the first steps hold more than those after them is warm-up.

    A finding is a device, or the host. Its events are the steps: evidence gives of each the
    allocation at its peak. `value` is the median of their peaks, `baseline` that of what was
    expected, `effect` the median ratio, `impact_ratio` the greatest excess as a share of the
    highest level.

    Parameters:
        q: highest expected share of false steps among those told of.
        least_effect: a step below this multiple of its baseline is not told of.
        least_steps: fewer steps are not judged.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "anomalies"
    question: ClassVar[str] = "Which steps held more memory than the steps around them?"
    needs: ClassVar[tuple[str, ...]] = ("iteration",)
    inputs: ClassVar[Mapping[str, Input]] = {
        "level": Input(_LEVELS, order_by=("ts", "id"), partition_by="device_id"),
    }

    q: float = 0.0001
    least_effect: float = 1.05
    least_steps: int = 8

    def __post_init__(self) -> None:
        if not 0 < self.q < 1:
            raise ValueError("q lies between 0 and 1")

    def measure(self, tables: Tables) -> pa.Table:
        """Reduce the level of one device to peak and mean of each step."""
        from traceql.analyses.anomaly import _curves

        return _curves.measure(tables, self.least_steps)

    def conclude(self, measured: pa.Table) -> Result:
        """Judge each step beside the others."""
        from traceql.analyses.anomaly import _curves

        return _curves.conclude(NAME, measured, self.q, self.least_effect)


PLUGIN = Memory
