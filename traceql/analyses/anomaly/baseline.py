"""`anomaly.baseline`: what is slower, higher or new beside another trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "anomaly.baseline"
_SHAPE = "g.grid_x, g.grid_y, g.grid_z, g.block_x, g.block_y, g.block_z, g.bytes, g.copy_kind"
_CELLS = """
  list(n ORDER BY cell) AS n, list(low ORDER BY cell) AS low, list(high ORDER BY cell) AS high,
  list(total ORDER BY cell) AS total, sum(n)::BIGINT AS event_count,
  sum(total)::BIGINT AS total_weight, min(start_ts) AS start_ts, max(end_ts) + 1 AS end_ts
"""
_PER_CELL = "count(*) AS n, min(ts) AS start_ts, max(ts) AS end_ts"
_OPS = f"""
WITH work AS (
  SELECT 'device' AS side, s.name_id, s.category_id, g.kind, g.device_id, {_SHAPE}, s.ts,
    s.dur AS value
  FROM gpu_op g JOIN slice s ON s.id = g.slice_id
  WHERE $baseline <> '' AND s.dur > 0 AND s.ts >= $window_start AND s.ts < $window_end
  UNION ALL
  SELECT 'host', s.name_id, s.category_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, s.ts, s.self_dur
  FROM slice s JOIN track t ON t.id = s.track_id
  WHERE $baseline <> '' AND t.device_id IS NULL AND s.self_dur > 0
    AND s.category IS DISTINCT FROM 'Trace' AND s.id NOT IN (SELECT slice_id FROM gpu_op)
    AND s.ts >= $window_start AND s.ts < $window_end),
cell AS (
  SELECT * EXCLUDE (ts, value), floor(64 * ln(value))::INTEGER AS cell, {_PER_CELL},
    min(value)::DOUBLE AS low, max(value)::DOUBLE AS high, sum(value)::DOUBLE AS total,
    bool_and(value % 1000 = 0) AS whole_us, bool_and(value % 10 = 0) AS whole_10
  FROM work GROUP BY ALL),
stratum AS (
  SELECT * EXCLUDE (cell, n, low, high, total, start_ts, end_ts, whole_us, whole_10), {_CELLS},
    CASE WHEN bool_and(whole_us) THEN 1000 WHEN bool_and(whole_10) THEN 10 ELSE 1 END AS quantum
  FROM cell GROUP BY ALL)
SELECT * FROM (
  SELECT stratum.* EXCLUDE (name_id, category_id), n.text AS name, c.text AS category,
    (sum(total_weight) OVER (PARTITION BY side))::BIGINT AS whole
  FROM stratum LEFT JOIN dim_name n ON n.id = name_id
  LEFT JOIN dim_category c ON c.id = category_id)
WHERE total_weight >= $least_ratio * whole
ORDER BY side, whole DESC, total_weight DESC, name, start_ts
"""  # noqa: S608
_COUNTERS = f"""
WITH held AS (
  SELECT track_id, ts, value,
    coalesce(lead(ts) OVER (PARTITION BY track_id ORDER BY ts, id) - ts, 0) AS held_dur
  FROM counter
  WHERE $baseline <> '' AND value IS NOT NULL AND isfinite(value)
    AND ts >= $window_start AND ts < $window_end),
cell AS (
  SELECT track_id, (sign(value) * floor(64 * ln(abs(value) + 1e-9)))::INTEGER AS part,
    sign(value)::INTEGER AS sign_, {_PER_CELL}, min(value) AS low, max(value) AS high,
    sum(held_dur)::DOUBLE AS total
  FROM held GROUP BY ALL),
ordered AS (SELECT *, row_number() OVER (PARTITION BY track_id ORDER BY low) AS cell FROM cell),
series AS (SELECT track_id, {_CELLS} FROM ordered GROUP BY track_id)
SELECT s.*, t.name, t.unit, t.device_id FROM series s JOIN track t ON t.id = s.track_id
ORDER BY s.track_id
"""  # noqa: S608
_LEVELS = """
SELECT device_id, ts, id,
  coalesce(total_bytes, sum(CASE kind WHEN 'alloc' THEN bytes ELSE -bytes END)
    OVER (PARTITION BY device_id ORDER BY ts, id))::DOUBLE AS level
FROM allocation
WHERE $baseline <> '' AND bytes IS NOT NULL AND ts >= $window_start AND ts < $window_end
"""


@dataclass(frozen=True)
class Baseline:
    """Compare a trace with another one, or with a saved profile of one.

    `--baseline` names a trace of the store, or a file that `traceql baseline` wrote. Both traces
    are reduced alike: every stratum (one name on one device with one grid, block, number of bytes
    and direction of copy; on the host one name and category, by self time) and every counter to a
    histogram whose cells are 1.6 % wide and know their least and greatest value, so that counts
    beyond a bound are exact; allocated memory to the peak of each steady step and to the median
    curve within a step. Strata below `least_ratio` of the time of their side are left out.

    An event is beyond the baseline if it is longer than four standard deviations above the upper
    mode of the baseline's log durations (one to three modes, as in `anomaly.duration`), than the
    baseline's 99.9 % quantile (the longest, of fewer than 1,000), and `least_effect` times that
    mode. An operation is slower as a whole if more than half of its events are beyond the 90 %
    quantile of the baseline and the median grew by `least_shift`. Values of a counter are beyond
    it if they are six robust standard deviations off the baseline's median and outside all it ever
    had; steps, if their peak is `least_memory` times the highest of the baseline's.
    How often a bound is broken is compared with how often the baseline itself breaks it (binomial,
    then Benjamini-Hochberg over all strata; q is shown). Two runs differ by more than their events
    do: without several runs of each side this is no test of a change, so that confidence is argued,
    not tested.

    A finding is a stratum (`slower`, or `outliers` where only some events are), an operation that
    the baseline has not and that takes a hundredth of its side (`new_op`), a counter (`off_level`)
    or a device's memory (`more_memory`). `value` and `baseline` are medians, `effect` their ratio;
    `impact_ratio` is the excess over the baseline as a share of the time of the side (counters:
    the share of time; memory: of the peak). Evidence gives the events beyond the bound.

    Parameters:
        baseline: name of a trace of the store, or path of a saved baseline; empty: abstains.
        q: highest expected share of false strata.
        least_effect: an event below this multiple of the baseline's upper mode is not told of.
        least_shift: nor an operation whose median grew by a smaller factor.
        least_memory: nor a step whose peak is below this multiple of the baseline's highest.
        least_ratio: smallest share of the time that matters.
        least_steps: with fewer steady steps memory is not compared.
        most_findings: of those that cost most; the table has all.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "anomalies"
    question: ClassVar[str] = "What is slower, higher or new beside a baseline?"
    needs: ClassVar[tuple[str, ...]] = ("iteration",)
    inputs: ClassVar[Mapping[str, Input]] = {
        "op": Input(_OPS),
        "counter": Input(_COUNTERS),
        "level": Input(_LEVELS, order_by=("ts", "id"), partition_by="device_id"),
    }

    baseline: str = ""
    q: float = 0.02
    least_effect: float = 1.5
    least_shift: float = 1.1
    least_memory: float = 1.05
    least_ratio: float = 0.001
    least_steps: int = 8
    most_findings: int = 50

    def __post_init__(self) -> None:
        if not 0 < self.q < 1:
            raise ValueError("q lies between 0 and 1")

    def measure(self, tables: Tables) -> pa.Table:
        """Reduce a trace to its profile: what a baseline is, and what is compared with one."""
        from traceql.analyses.anomaly import _profile

        return _profile.measure(tables, self.least_steps)

    def conclude(self, measured: pa.Table) -> Result:
        """Compare the profile of the trace with that of the baseline, whose `trace` is null."""
        from traceql.analyses.anomaly import _against

        rule = _against.Rule(
            self.q, self.least_effect, self.least_shift, self.least_memory, self.least_ratio,
            self.most_findings,
        )  # fmt: skip
        return _against.conclude(NAME, self.baseline, measured, rule)


PLUGIN = Baseline
