"""Results: what an analysis answers, and the findings in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

Status = Literal["ok", "empty", "abstained"]
Basis = Literal["exact", "test", "bootstrap", "heuristic"]
Form = Literal["table", "bars", "histogram", "flame", "timeline", "line"]


class Severity(IntEnum):
    """How much a finding matters, in ascending order."""

    info = 0
    low = 1
    medium = 2
    high = 3
    critical = 4


_IMPACT = ((0.10, Severity.critical), (0.05, Severity.high), (0.01, Severity.medium))
_NEGLIGIBLE = 0.001
_CRITICAL_Q = 1e-3


def severity(
    impact_ratio: float, q_value: float | None = None, *, limit_broken: bool = False
) -> Severity:
    """Rate a finding: one rule for all analyses (ANALYSES, rule X5).

    Args:
        impact_ratio: time (bytes, joules) at stake as a share of the total, 0 to 1.
        q_value: of the finding; None where it was counted, not tested.
        limit_broken: a hard limit is broken, whatever the share.
    """
    if limit_broken:
        return Severity.critical
    if impact_ratio < _NEGLIGIBLE:
        return Severity.info
    for least, rating in _IMPACT:
        if impact_ratio >= least:
            if rating is Severity.critical and q_value is not None and q_value >= _CRITICAL_Q:
                return Severity.high
            return rating
    return Severity.low


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One stratum that stands out; fields are the columns of the table `finding`."""

    traces: tuple[str, ...]
    analysis: str
    kind: str
    severity: Severity
    subject_type: str
    subject: str
    message: str
    confidence_basis: Basis
    evidence_sql: str
    n_events: int
    subject_id: int | None = None
    ts: int | None = None
    dur: int | None = None
    value: float | None = None
    unit: str | None = None
    baseline: float | None = None
    n: int | None = None
    statistic: float | None = None
    p_value: float | None = None
    q_value: float | None = None
    effect: float | None = None
    effect_low: float | None = None
    effect_high: float | None = None
    impact_ratio: float | None = None
    confidence: float | None = None
    recommendation: str | None = None

    @property
    def finding_id(self) -> str:
        """Hash of analysis, scope, kind and subject: stable over runs."""
        key = json.dumps(
            [self.analysis, list(self.traces), self.kind, self.subject_type, self.subject]
        )
        return hashlib.blake2b(key.encode(), digest_size=8).hexdigest()

    def row(self) -> dict[str, Any]:
        """Give the columns of the table `finding`."""
        values = asdict(self)
        values["traces"] = json.dumps(list(self.traces))
        values["severity"] = self.severity.name
        return {"finding_id": self.finding_id, **values}


@dataclass(frozen=True)
class Exhibit:
    """How a table of a Result wants to be seen; reports draw it, analyses never do.

    `roles` names the columns that play a part. By form:
    table      columns in order, as they stand
    bars       label, value
    histogram  low, high, count; optional series
    flame      id, parent_id, name, value, optional self, count
    timeline   label (lane), ts, dur, optional name, value (0..1: share of the bin that is busy)
    line       x, y, optional series
    """

    table: str
    form: Form
    title: str
    roles: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Result:
    """What one analysis answers for one scope.

    ok: it looked and has something to say. empty: it looked and found nothing.
    abstained: it could not look; `reason` says which input is missing, `remedy` how to capture it.
    """

    analysis: str
    traces: tuple[str, ...] = ()
    status: Status = "ok"
    findings: Sequence[Finding] = ()
    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    """Tables for people; a derived table (`iteration`) goes by its canonical name."""
    exhibits: Sequence[Exhibit] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    remedy: str = ""
    headline: str = ""
    """The answer in one sentence."""
    sql: Mapping[str, str] = field(default_factory=dict)
    """For a table of the result: SQL that reproduces it in `traceql query`, where there is one."""


def abstain(analysis: str, reason: str, remedy: str, traces: Sequence[str] = ()) -> Result:
    """Make the Result of an analysis that could not look."""
    return Result(analysis, tuple(traces), "abstained", reason=reason, remedy=remedy)
