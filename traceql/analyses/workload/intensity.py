"""`workload.intensity`: FLOPs and bytes of operations that say them, and how near the roof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "workload.intensity"
_OPS = """
WITH told AS (
  SELECT id, try_cast(regexp_extract(text, $flops_pattern, 1, 'i') AS DOUBLE) AS flops,
    try_cast(regexp_extract(text, $bytes_pattern, 1, 'i') AS DOUBLE) AS bytes
  FROM _args_by_id
  WHERE contains(lower(text), 'flops') AND regexp_matches(text, $flops_pattern, 'i')),
op AS (
  SELECT s.name_id, t.device_id, count(*) AS op_count, sum(s.dur)::BIGINT AS total_dur,
    sum(told.flops) AS flops, sum(told.bytes) AS bytes, count(told.bytes) AS told_bytes,
    min(s.ts) AS start_ts, max(s.ts) + 1 AS end_ts
  FROM _lean_slice s JOIN told ON told.id = s.args_id JOIN track t ON t.id = s.track_id
  WHERE s.dur > 0 AND told.flops > 0 AND s.ts >= $window_start AND s.ts < $window_end
  GROUP BY s.name_id, t.device_id)
SELECT op.* EXCLUDE (name_id, told_bytes, bytes), n.text AS name,
  CASE WHEN told_bytes = op_count AND bytes > 0 THEN bytes END AS bytes
FROM op LEFT JOIN dim_name n ON n.id = op.name_id
ORDER BY total_dur DESC, name, device_id LIMIT 2000
"""


@dataclass(frozen=True)
class Intensity:
    """Give FLOPs per byte, per second, and the share of the roof, where a trace records FLOPs.

    Some tools write what an operation computes and moves into its args: XLA's profiler
    `model_flops` or `flops` and `bytes_accessed`, others `flops` alone. These are summed by name
    and device. Arithmetic intensity is FLOPs / bytes, where every event of the name says both. With
    the peaks of the device given, an operation is bound by compute where its intensity is above
    peak FLOPs / peak bytes, else by memory, and the share of the roof is max(FLOPs / peak, bytes /
    peak) over its time (roofline: Williams, Waterman and Patterson 2009). Peaks that kernels reach
    in practice say more than those of data sheets. Nothing is guessed from names or shapes.

    A finding (only with peaks) is an operation that stays below `least_roof`, and could gain
    `least_ratio` of the time of all that say their FLOPs; `value` is the share of the roof,
    `impact_ratio` what is lost below it. An operation above its roof says that peaks or counts are
    wrong: it is shown as `beyond the roof`.

    Parameters:
        peak_flops_per_s: of the device; 0: not known.
        peak_bytes_per_s: of its memory; 0: not known.
        least_roof: share of the roof from which an operation does well.
        least_ratio: smallest share of the time that matters.
        flops_pattern: regular expression, any case, for FLOPs in args; its group is the number.
        bytes_pattern: likewise for bytes.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "workload"
    question: ClassVar[str] = "How much do operations compute per byte, and how near the roof?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {"op": Input(_OPS)}

    peak_flops_per_s: float = 0.0
    peak_bytes_per_s: float = 0.0
    least_roof: float = 0.5
    least_ratio: float = 0.01
    flops_pattern: str = r'"(?:model_)?flops"\s*:\s*"?([0-9][0-9.eE+]*)'
    bytes_pattern: str = r'"bytes[ _]accessed"\s*:\s*"?([0-9][0-9.eE+]*)'

    def __post_init__(self) -> None:
        if self.peak_flops_per_s < 0 or self.peak_bytes_per_s < 0:
            raise ValueError("peaks are positive, or 0 where they are not known")

    def measure(self, tables: Tables) -> pa.Table:
        """Pass on the sums."""
        return tables["op"]

    def conclude(self, measured: pa.Table) -> Result:
        """Place each operation under the roof."""
        from traceql.analyses.workload import _roof

        rule = _roof.Rule(
            self.peak_flops_per_s, self.peak_bytes_per_s, self.least_roof, self.least_ratio,
            self.flops_pattern,
        )  # fmt: skip
        return _roof.conclude(NAME, measured, rule)


PLUGIN = Intensity
