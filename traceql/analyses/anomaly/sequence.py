"""`anomaly.sequence`: operations that came where others were expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "anomaly.sequence"
NUMBERS = "0x[0-9a-fA-F]+|[0-9]+"
"""What two names of one operation may differ in."""

_NUMBERED = f"""
SELECT id, regexp_replace(text, '{NUMBERS}', '#', 'g') AS plain,
  dense_rank() OVER (ORDER BY plain)::INTEGER AS symbol
FROM dim_name
"""  # noqa: S608
_SYMBOLS = f"SELECT DISTINCT symbol, plain AS text FROM ({_NUMBERED}) ORDER BY symbol"  # noqa: S608
_SEQUENCE = f"""
WITH symbol AS ({_NUMBERED})
SELECT
  s.track_id, s.id, s.ts, coalesce(n.symbol, 0)::INTEGER AS symbol,
  CASE WHEN g.slice_id IS NULL THEN coalesce(s.self_dur, 0) ELSE s.dur END AS dur,
  coalesce(l.ts, s.ts) AS issued_ts, g.slice_id IS NOT NULL AS of_device
FROM slice s
JOIN track t ON t.id = s.track_id
LEFT JOIN symbol n ON n.id = s.name_id
LEFT JOIN gpu_op g ON g.slice_id = s.id
LEFT JOIN slice l ON l.id = g.launch_slice_id
WHERE s.dur >= 0 AND s.ts >= $window_start AND s.ts < $window_end
  AND (g.slice_id IS NOT NULL OR (
    t.utid IS NOT NULL AND t.device_id IS NULL
    AND coalesce(s.category, '') NOT IN ('Trace', 'python_function')))
"""  # noqa: S608
_TRACKS = """
SELECT t.id, coalesce(t.name, h.name, 'track ' || t.id) AS name, t.device_id
FROM track t LEFT JOIN thread h ON h.utid = t.utid
"""


@dataclass(frozen=True)
class Sequence:
    """Find places in the order of operations where something else was expected.

    The operations of a stream, or the calls of a thread in order of their start, are a sequence of
    names (numbers in them aside). The surprise of an operation is -log2 of its probability after
    the two before it: counts of all other places (leave one out), that fall back to one operation
    before and to none where the longer context is rare (Dirichlet prior of weight one; after
    MacKay and Peto 1995). What reaches `least_bits` is unexpected: inserted, missing, swapped or
    foreign; unless it comes after the same two in more than a tenth of the steps (where no steps
    are known: at more than one place in 2,000), or is one more of the same. Hits within six
    operations of each other are one event, shown by its first operation.
    Warm-up is left out. A sequence that its past does not predict, by more than `most_mean_bits` in
    the mean, or one that surprises at more than one place in a hundred, has no order to depart
    from: it stands in the table and makes no finding.

    Beside this, steps are compared whole: each with the usual one, which most are equal to (or,
    where no two are, the one whose operations are counted most like the median); runs of the same
    operation count once. The fewest insertions and removals that turn one into the other (Myers
    1986) are its distance; the tables `step` and `step_diff` show them as a diff. Where most steps
    are alike to a twentieth, few that differ by a tenth, of at least eight, are a finding
    (`unusual_step`).

    A finding is a stream or a thread. `value` is the median surprise of its events in bits,
    `effect` that over the mean of the sequence, `impact_ratio` the time of the unexpected
    operations (of calls: their own) as a share of that of the sequence. Confidence is argued, not
    tested: planted insertions, losses, swaps and foreign operations are found at 5 bits with one
    false event in ten thousand operations.

    Parameters:
        least_bits: surprise that makes an event.
        most_mean_bits: a sequence with a higher mean surprise is not judged.
        least_ops: shorter sequences are not judged.
        most_ops: of longer ones the beginning is.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "anomalies"
    question: ClassVar[str] = "Which operations came where others were expected?"
    needs: ClassVar[tuple[str, ...]] = ("iteration",)
    inputs: ClassVar[Mapping[str, Input]] = {
        "track": Input(_TRACKS),
        "symbol": Input(_SYMBOLS),
        "sequence": Input(_SEQUENCE, order_by=("ts", "id"), partition_by="track_id"),
    }

    least_bits: float = 5.0
    most_mean_bits: float = 0.5
    least_ops: int = 200
    most_ops: int = 2_000_000

    def measure(self, tables: Tables) -> pa.Table:
        """Score every operation of one sequence."""
        from traceql.analyses.anomaly import _surprise

        return _surprise.measure(tables, self.least_bits, self.least_ops, self.most_ops)

    def conclude(self, measured: pa.Table) -> Result:
        """Write a finding for each sequence that is orderly but for some places."""
        from traceql.analyses.anomaly import _surprise

        return _surprise.conclude(NAME, measured, self.least_bits, self.most_mean_bits)


PLUGIN = Sequence
