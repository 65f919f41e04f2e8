"""`workload.profile`: what kind of work the devices did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "workload.profile"
_OPS = """
WITH named AS (
  SELECT id, CASE
    WHEN regexp_matches(text, 'nccl|rccl', 'i') THEN 'communication'
    WHEN regexp_matches(text, 'flash|fmha|attention|attn|sdpa', 'i') THEN 'attention'
    WHEN regexp_matches(text, 'conv|wgrad|dgrad|winograd|im2col', 'i') THEN 'convolution'
    WHEN regexp_matches(text, 'gemm|gemv|matmul|cutlass|cijk_|nvjet|xmma|bmm|splitk', 'i')
      THEN 'matrix product'
    WHEN regexp_matches(text, 'bn_(fw|bw)|norm', 'i') THEN 'normalisation'
    WHEN regexp_matches(text, 'softmax', 'i') THEN 'softmax'
    WHEN regexp_matches(text, 'multi_tensor|foreach|adam|sgd|optimizer', 'i') THEN 'optimizer'
    WHEN regexp_matches(text, 'embedding|gather|scatter|index', 'i') THEN 'indexing'
    WHEN regexp_matches(text, 'reduce|sum|argmax', 'i') THEN 'reduction'
    WHEN regexp_matches(text, 'elementwise|vectorized|pointwise|triton_poi', 'i')
      THEN 'elementwise'
    WHEN regexp_matches(text, 'transpose|nchw|nhwc|copy|cat', 'i') THEN 'layout'
    ELSE 'other kernels' END AS class
  FROM dim_name)
SELECT g.device_id,
  CASE WHEN g.kind = 'memcpy' THEN 'copies' WHEN g.kind = 'memset' THEN 'fills'
       ELSE coalesce(n.class, 'other kernels') END AS class,
  count(*) AS ops, sum(s.dur)::BIGINT AS total_dur, quantile_disc(s.dur, 0.5) AS p50_dur,
  count(*) FILTER (WHERE s.dur < $short_ns) AS short_count,
  coalesce(sum(s.dur) FILTER (WHERE s.dur < $short_ns), 0)::BIGINT AS short_dur,
  sum(g.bytes)::BIGINT AS bytes, any_value(s.name) AS example
FROM gpu_op g JOIN slice s ON s.id = g.slice_id LEFT JOIN named n ON n.id = s.name_id
WHERE s.dur >= 0 AND s.ts >= $window_start AND s.ts < $window_end
GROUP BY ALL ORDER BY g.device_id, total_dur DESC, class
"""


@dataclass(frozen=True)
class Profile:
    """Sum device time by kind of work, and tell how steady the steps are.

    The kind is told by words in the names of kernels, as vendors and frameworks use them: a
    heuristic, with an example of each beside. Times are sums of lengths, so that what overlaps
    counts twice; shares are of the sum. Work shorter than `short_ns` takes about as long to launch
    as to run. Variation of the steps is 1.4826 times the median absolute deviation over the median,
    after warm-up. FLOPs per byte, where they are recorded, are given by `workload.intensity`;
    locality needs counters that a timeline does not hold, and is not guessed.

    Parameters:
        short_ns: work shorter than this is short; ns.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "workload"
    question: ClassVar[str] = "What kind of work did the devices do, and how steady was it?"
    needs: ClassVar[tuple[str, ...]] = ("iteration",)
    inputs: ClassVar[Mapping[str, Input]] = {"op": Input(_OPS)}

    short_ns: int = 10_000

    def measure(self, tables: Tables) -> pa.Table:
        """Pass on the sums, with the variation of the steps."""
        from traceql.analyses.workload import _kinds

        return _kinds.measure(tables)

    def conclude(self, measured: pa.Table) -> Result:
        """Rank the kinds of work."""
        from traceql.analyses.workload import _kinds

        return _kinds.conclude(NAME, measured, self.short_ns)


PLUGIN = Profile
