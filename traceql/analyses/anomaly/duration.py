"""`anomaly.duration`: operations that took longer than their like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "anomaly.duration"
STRATUM = (
    "side", "category_id", "kind", "device_id", "grid_x", "grid_y", "grid_z", "block_x", "block_y",
    "block_z", "bytes", "copy_kind",
)  # fmt: skip
_SHAPE = ", ".join(STRATUM[2:])
# One number stands for the shape of an operation: to join, to sort and to hold all its columns for
# every event takes much memory.
_OPS = f"(SELECT slice_id, launch_slice_id, hash({_SHAPE}) AS shape FROM gpu_op)"  # noqa: S608
_DEVICE = f"{_OPS} g JOIN slice s ON s.id = g.slice_id"
_OF_DEVICE = "s.dur > 0 AND s.ts >= $window_start AND s.ts < $window_end"
_HOST = "slice s JOIN track t ON t.id = s.track_id"
_OF_HOST = """
  t.device_id IS NULL AND s.self_dur > 0 AND s.category IS DISTINCT FROM 'Trace'
  AND s.id NOT IN (SELECT slice_id FROM gpu_op)
  AND s.ts >= $window_start AND s.ts < $window_end
"""
_DEVICE_NUMBER = "(hash(s.category_id, g.shape) >> 1)::BIGINT"
_HOST_NUMBER = "-1 - coalesce(s.category_id, -1)::BIGINT"
_OFF = ", ".join(f"count(*) FILTER (WHERE value % {n} <> 0) AS off_{n}" for n in (10, 100, 1000))
_STRATA = f"""
WITH one AS (
  SELECT
    'device' AS side, coalesce(s.name_id, -1) AS name_id, {_DEVICE_NUMBER} AS stratum,
    any_value(s.category_id) AS category_id, any_value(g.shape) AS shape,
    count(*) AS events, sum(s.dur)::BIGINT AS total, {_OFF.replace("value", "s.dur")}
  FROM {_DEVICE} WHERE {_OF_DEVICE} GROUP BY s.name_id, stratum
  UNION ALL BY NAME
  SELECT
    'host' AS side, coalesce(s.name_id, -1) AS name_id, {_HOST_NUMBER} AS stratum, s.category_id,
    count(*) AS events, sum(s.self_dur)::BIGINT AS total, {_OFF.replace("value", "s.self_dur")}
  FROM {_HOST} WHERE {_OF_HOST} GROUP BY s.name_id, s.category_id),
side AS (
  SELECT
    side, sum(total)::BIGINT AS side_total,
    CASE WHEN sum(off_1000) <= sum(events) * 0.001 THEN 1000
         WHEN sum(off_100) <= sum(events) * 0.001 THEN 100
         WHEN sum(off_10) <= sum(events) * 0.001 THEN 10
         ELSE 1 END AS quantum
  FROM one GROUP BY side),
kept AS (
  SELECT * FROM one JOIN side USING (side)
  WHERE events >= 8 AND total >= $least_ratio * side_total),
shape AS (
  SELECT hash({_SHAPE}) AS shape, {", ".join(f"any_value({c}) AS {c}" for c in STRATUM[2:])}
  FROM gpu_op GROUP BY ALL)
SELECT stratum, name_id, {", ".join(STRATUM)}, side_total, quantum
FROM kept LEFT JOIN shape USING (shape)
"""  # noqa: S608
_EVENTS = f"""
WITH op AS (
  SELECT 'device' AS side, s.name_id, count(*) AS events, sum(s.dur) AS total
  FROM {_DEVICE} WHERE {_OF_DEVICE} GROUP BY s.name_id
  UNION ALL
  SELECT 'host', s.name_id, count(*), sum(s.self_dur)
  FROM {_HOST} WHERE {_OF_HOST} GROUP BY s.name_id),
kept AS (
  SELECT side, coalesce(name_id, -1) AS name_id
  FROM (SELECT *, sum(total) OVER (PARTITION BY side) AS whole FROM op)
  WHERE events >= 8 AND total >= $least_ratio * whole)
SELECT id, name_id, stratum, ts, value, issued_ts
FROM (
  SELECT
    s.id, coalesce(s.name_id, -1) AS name_id, {_DEVICE_NUMBER} AS stratum, s.ts, s.dur AS value,
    coalesce(l.ts, s.ts) AS issued_ts, 'device' AS side
  FROM {_DEVICE} LEFT JOIN slice l ON l.id = g.launch_slice_id WHERE {_OF_DEVICE}
  UNION ALL
  SELECT s.id, coalesce(s.name_id, -1), {_HOST_NUMBER}, s.ts, s.self_dur, s.ts, 'host'
  FROM {_HOST} WHERE {_OF_HOST})
SEMI JOIN kept USING (side, name_id)
"""  # noqa: S608


@dataclass(frozen=True)
class Duration:
    """Find operations that took far longer than others of their stratum.

    A stratum is one name on one device with one grid, block, number of bytes and direction of
    copy; on the host, one name and category. Device work is judged by its length, host work by its
    self time: the length of a caller holds that of its callees, and one slow callee would be found
    once per caller; every ns of self time is charged to one slice. Warm-up is left out: leading
    iterations whose length is off by more than a fifth, else the first event of each stratum.

    `method=modes` (default): one to three modes are fitted to the log durations of the core of the
    stratum; the p of an event is its tail probability beside the upper mode and the mixture; with
    fewer than 50 events a generalised ESD test is used, with fewer than 8 none. What is long at
    the same place of most steps is usual too. Benjamini-Hochberg over all events of all strata
    keeps the expected share of false ones below `q`. An event must also be 1.5 times its upper
    mode and three ticks of the clock longer. `method=z3` flags what is beyond mean + 3 standard
    deviations, as many tools do, without control of false positives; the table counts it beside
    the default. Strata with less than `least_ratio` of the time of their side (device or host) are
    not looked at. A finding must cost `least_ratio` even without its longest event, or a
    hundredth with it: one long event may be the scheduler's doing, whatever it strikes. One that
    costs less than a hundredth must also be struck more often than the other strata of its side,
    for the time it takes (Poisson, p < 0.01): interruptions strike all alike.

    Calibration is measured: the same rule, with its fit, runs on twenty surrogates of a stratum:
    draws from what was not flagged, with a generalised Pareto tail. The share it flags there is the
    estimated false positive rate (`false_positive_ratio` in the table); `confidence` is 1 - q, or
    less where that rate explains more of the flagged events.

    A finding is a stratum. `value` is the median of its flagged events, `baseline` the center of
    its upper mode, `effect` their ratio (low and high: the shortest and the longest flagged),
    `impact_ratio` the excess over the baseline as a share of the time of its side.

    Parameters:
        method: modes or z3.
        q: highest expected share of false events among those flagged.
        least_effect: an event below this multiple of the baseline is not flagged.
        least_ticks: nor one that exceeds it by fewer ticks of the clock.
        least_ratio: smallest share of the time that matters.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "anomalies"
    question: ClassVar[str] = "Which operations took far longer than others of their kind?"
    needs: ClassVar[tuple[str, ...]] = ("iteration",)
    inputs: ClassVar[Mapping[str, Input]] = {
        "name": Input("SELECT id, text FROM dim_name"),
        "category": Input("SELECT id, text FROM dim_category"),
        "stratum": Input(_STRATA),
        "event": Input(_EVENTS, order_by=("stratum", "id"), partition_by="name_id"),
    }

    method: Literal["modes", "z3"] = "modes"
    q: float = 0.02
    least_effect: float = 1.5
    least_ticks: int = 3
    least_ratio: float = 0.001

    def __post_init__(self) -> None:
        if not 0 < self.q < 1:
            raise ValueError("q lies between 0 and 1")

    def measure(self, tables: Tables) -> pa.Table:
        """Judge every stratum of one name."""
        from traceql.analyses.anomaly import _strata

        return _strata.measure(
            tables,
            STRATUM,
            _strata.Rule(self.method, self.least_effect, self.least_ticks, self.least_ratio),
        )

    def conclude(self, measured: pa.Table) -> Result:
        """Control false discoveries over all strata, and write a finding for each that is left."""
        from traceql.analyses.anomaly import _outliers

        return _outliers.conclude(NAME, measured, self.method, self.q, self.least_ratio)


PLUGIN = Duration
