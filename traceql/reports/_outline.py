"""What every report says, in the order in which it says it.

Findings come first, the gravest first. What could not be looked at is a list of its own and is
never mixed with what was looked at and found in order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from traceql.model.result import Exhibit, Finding, Result, Severity
from traceql.model.units import format_ratio
from traceql.reports._cells import show, show_unit
from traceql.reports._text import plain

_BASIS = {
    "exact": "counted",
    "test": "tested",
    "bootstrap": "bootstrapped",
    "heuristic": "argued (heuristic)",
}
_STATUS = {"ok": "", "empty": "looked, found nothing", "abstained": "could not look"}
_SURE = 0.9999
_LEADING = ("summary", "hotspots")


@dataclass(frozen=True)
class Outline:
    """Results in the order of a report."""

    traces: tuple[str, ...]
    findings: tuple[Finding, ...]
    looked: tuple[Result, ...]
    """Status ok or empty: overview and hotspots first, then as they came."""
    blind: tuple[Result, ...]
    """Abstained: could not look."""

    @property
    def severities(self) -> tuple[tuple[str, int], ...]:
        """Number of findings of each severity that occurs, the gravest first."""
        counts = Counter(finding.severity for finding in self.findings)
        return tuple((s.name, counts[s]) for s in sorted(counts, reverse=True))

    @property
    def verdict(self) -> str:
        """The report in one sentence; says what was not looked at."""
        if not (self.looked or self.blind):
            return "No analysis has run, so nothing can be said."
        if not self.looked:
            return "No analysis could look at what was asked; nothing can be said."
        count = len(self.findings)
        said = (
            "No findings."
            if not count
            else f"{count:,} finding{'s' if count > 1 else ''}: "
            + ", ".join(f"{n} {name}" for name, n in self.severities)
            + "."
        )
        if self.blind:
            said += f" {len(self.blind)} of {len(self.looked) + len(self.blind)} analyses"
            said += " could not look."
        return said


def outline(results: Sequence[Result]) -> Outline:
    """Order results for a report."""
    looked = [r for r in results if r.status != "abstained"]
    found = [finding for result in results for finding in result.findings]
    found.sort(key=_gravity)
    return Outline(
        traces=tuple(dict.fromkeys(name for result in results for name in result.traces)),
        findings=tuple(found),
        looked=tuple(sorted(looked, key=_place)),
        blind=tuple(r for r in results if r.status == "abstained"),
    )


def _gravity(finding: Finding) -> tuple[int, float, str, str]:
    return (
        -Severity(finding.severity),
        -(finding.impact_ratio or 0.0),
        finding.analysis,
        finding.finding_id,
    )


def _place(result: Result) -> int:
    if result.analysis in _LEADING:
        return _LEADING.index(result.analysis)
    return len(_LEADING)


def exhibits(result: Result) -> tuple[Exhibit, ...]:
    """Give the exhibits of a result; a table that none names is shown as a table.

    Derived tables without an exhibit (`iteration`) are data for other analyses, and left out
    where the result has exhibits at all.
    """
    known = tuple(e for e in result.exhibits if e.table in result.tables)
    if known:
        return known
    return tuple(Exhibit(name, "table", name) for name in result.tables)


def status(result: Result) -> str:
    """Say the status of a result in words; nothing for ok."""
    return _STATUS[result.status]


def headline(result: Result) -> str:
    """Give the answer of a result in one sentence."""
    if result.status == "abstained":
        return f"Could not look: {plain(result.reason, 600)}"
    if result.headline:
        return plain(result.headline, 600)
    if result.findings:
        return f"{len(result.findings):,} finding{'s' if len(result.findings) > 1 else ''}."
    return "Looked, found nothing." if result.status == "empty" else "No findings."


def facts(finding: Finding) -> tuple[tuple[str, str], ...]:
    """Give the numbers of a finding as (what, value), only those it has."""
    value = show_unit(finding.value, finding.unit)
    if value and finding.baseline is not None:
        value += f" (expected {show_unit(finding.baseline, finding.unit)})"
    said = (
        ("value", value),
        ("effect", _effect(finding)),
        ("impact", _share(finding.impact_ratio)),
        ("events", _events(finding)),
        ("q", "" if finding.q_value is None else f"{finding.q_value:.2g}"),
        ("confidence", _confidence(finding)),
        ("ts", "" if finding.ts is None else str(finding.ts)),
        ("length", show(finding.dur, "ns")),
    )
    return tuple((what, text) for what, text in said if text)


def _effect(finding: Finding) -> str:
    if finding.effect is None:
        return ""
    text = _three(finding.effect)
    if finding.effect_low is not None and finding.effect_high is not None:
        text += f" [{_three(finding.effect_low)} to {_three(finding.effect_high)}]"
    return text


def _three(value: float) -> str:
    """Write three digits, and never an exponent for what people can read without."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.3g}"


def _share(ratio: float | None) -> str:
    return "" if ratio is None else f"{format_ratio(ratio)} of the total"


def _events(finding: Finding) -> str:
    text = f"{finding.n_events:,}"
    return text if finding.n is None else f"{text} of {finding.n:,}"


def _confidence(finding: Finding) -> str:
    """Never the number without its basis."""
    basis = _BASIS.get(finding.confidence_basis, finding.confidence_basis)
    if finding.confidence is None or finding.confidence_basis == "exact":
        return basis
    sure = finding.confidence > _SURE
    return f"> {_SURE}, {basis}" if sure else f"{finding.confidence:.4g}, {basis}"
