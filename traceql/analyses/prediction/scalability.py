"""`prediction.scalability`: how throughput grows with the number of workers, and where it stops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "prediction.scalability"
_WORLD = r"""
SELECT max(int_value) AS size FROM metadata
WHERE regexp_matches(lower(name), '(^|\.)(world_?size|mpi_size|num_?ranks|nranks)$')
"""
_TOP = """
SELECT count(*) AS n_events, min(ts) AS start_ts, max(ts + dur) AS end_ts FROM slice
WHERE depth = 0 AND dur > 0 AND ts >= $window_start AND ts < $window_end
"""


@dataclass(frozen=True)
class Scalability:
    """Fit the laws of scalability to traces of one program at several sizes.

    Throughput of a trace is steps per second, by the median step after warm-up; of a trace without
    steps, one over its length. Traces of one size count as one, by their median. Laws: linear,
    Amdahl's, Gustafson's, and the Universal Scalability Law X(N) = r N / (1 + sigma (N - 1) +
    kappa N (N - 1)) (Gunther 1993), fitted to log X by bounded least squares and chosen by AICc;
    sigma is contention, kappa coherence, and throughput is greatest at sqrt((1 - sigma) / kappa).
    Each point has Karp and Flatt's serial fraction (1990), which needs no model. Nothing is
    predicted beyond twice the largest size. Fewer than four sizes are not enough data.

    A finding is efficiency below `least_efficiency` at the largest size; `impact_ratio` is the
    throughput that is lost there, as a share of what as many workers would have without loss.

    Parameters:
        size: `auto`: the world size that a trace records, else the number in which the names of
            the traces differ; `name`: only the latter.
        work: `fixed`: a step does the same work at every size; `per_worker`: each worker adds its
            own, as in data-parallel training, so throughput is steps per second times the size.
        least_efficiency: of the largest size, below which it is a finding.
    """

    scope: ClassVar[Scope] = "traces"
    family: ClassVar[str] = "predict"
    question: ClassVar[str] = "How does throughput grow with the number of workers?"
    needs: ClassVar[tuple[str, ...]] = ("iteration",)
    inputs: ClassVar[Mapping[str, Input]] = {"world": Input(_WORLD), "top": Input(_TOP)}

    size: str = "auto"
    work: str = "fixed"
    least_efficiency: float = 0.8

    def __post_init__(self) -> None:
        if self.size not in {"auto", "name"}:
            raise ValueError("size is auto or name")
        if self.work not in {"fixed", "per_worker"}:
            raise ValueError("work is fixed or per_worker")

    def measure(self, tables: Tables) -> pa.Table:
        """Reduce a trace to its recorded size and the length of its steps."""
        from traceql.analyses.prediction import _sizes

        return _sizes.measure(tables)

    def conclude(self, measured: pa.Table) -> Result:
        """Fit the laws over all traces."""
        from traceql.analyses.prediction import _sizes

        rule = _sizes.Rule(self.size == "auto", self.work == "per_worker", self.least_efficiency)
        return _sizes.conclude(NAME, measured, rule)


PLUGIN = Scalability
