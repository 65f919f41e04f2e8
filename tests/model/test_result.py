"""Severity and findings."""

from __future__ import annotations

import pytest

from traceql.model.result import Finding, Result, Severity, abstain, severity
from traceql.model.tables import canonical


@pytest.mark.parametrize(
    ("impact", "q", "expected"),
    [
        (0.0009, None, Severity.info),
        (0.005, 1e-9, Severity.low),
        (0.01, 0.01, Severity.medium),
        (0.05, 0.01, Severity.high),
        (0.10, None, Severity.critical),
        (0.10, 1e-4, Severity.critical),
        (0.10, 0.01, Severity.high),
    ],
)
def test_severity_is_a_rule(impact: float, q: float | None, expected: Severity) -> None:
    assert severity(impact, q) is expected


def test_a_broken_limit_is_critical() -> None:
    assert severity(0.0, limit_broken=True) is Severity.critical


def make(**changes: object) -> Finding:
    facts: dict[str, object] = {
        "traces": ("t",), "analysis": "a", "kind": "k", "severity": Severity.low,
        "subject_type": "op", "subject": "s", "message": "m", "confidence_basis": "exact",
        "evidence_sql": "SELECT 1", "n_events": 1,
    }  # fmt: skip
    return Finding(**{**facts, **changes})  # type: ignore[arg-type]


def test_finding_id_is_stable_and_tells_subjects_apart() -> None:
    assert make().finding_id == make(message="other", value=2.0).finding_id
    assert make().finding_id != make(subject="z").finding_id
    assert make().finding_id != make(traces=("u",)).finding_id


def test_finding_row_has_the_columns_of_the_table() -> None:
    assert set(make().row()) == {c.name for c in canonical()["finding"].columns}
    assert make().row()["severity"] == "low"
    assert make().row()["traces"] == '["t"]'


def test_abstaining_is_not_empty() -> None:
    result = abstain("gpu.x", "no GPU work", "record with CUDA activities", ["t"])

    assert result.status == "abstained"
    assert result != Result("gpu.x", ("t",), "empty")
