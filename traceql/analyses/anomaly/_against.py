"""Compare the profile of a trace with that of its baseline."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from traceql.analyses import _discoveries, _evidence
from traceql.analyses.anomaly import _curves, _modes, _outliers, _profile
from traceql.model.result import Exhibit, Finding, Result, abstain, severity
from traceql.model.units import format_bytes, format_ns, format_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

_REMEDY = "Name another trace or a saved profile: --baseline NAME, or --baseline FILE."
_Z = 4.0
_FAR_Z = 6.0
_MANY = 1_000
_SHIFTED = 0.5
_NEW = 0.01
_COLUMNS = {
    "what": pa.string(), "subject": pa.string(), "status": pa.string(), "n": pa.int64(),
    "baseline_n": pa.int64(), "median": pa.float64(), "baseline_median": pa.float64(),
    "ratio": pa.float64(), "bound": pa.float64(), "n_beyond": pa.int64(),
    "baseline_beyond": pa.int64(), "share_of_side": pa.float64(), "p_value": pa.float64(),
    "q_value": pa.float64(),
}  # fmt: skip


class Rule(NamedTuple):
    """Parameters of the analysis."""

    q: float
    least_effect: float
    least_shift: float
    least_memory: float
    least_ratio: float
    most_findings: int


class _Bound(NamedTuple):
    """A bound of the baseline: events above it, here and there, and what they cost here."""

    kind: str
    value: float
    over: int
    before: int
    excess: float


def conclude(name: str, label: str, measured: pa.Table, rule: Rule) -> Result:
    """Make the Result of `anomaly.baseline`.

    Args:
        name: of the analysis.
        label: how the baseline was named.
        measured: SCHEMA of `_profile`, then trace; null: the baseline's.
        rule: parameters.
    """
    rows = measured.to_pylist()  # strata: some thousands
    before = _profile.distinct([row for row in rows if row["trace"] is None])
    now = _profile.distinct([row for row in rows if row["trace"] is not None])
    if not label or not before:
        reason = f"the baseline {label} has nothing to compare with" if label else "none was given"
        return abstain(name, reason if label else "no baseline was given", _REMEDY)
    names = {(row["side"], row["name"]) for row in before.values() if row["what"] == "op"}
    cases = [_case(row, before.get(key), names, rule) for key, row in now.items()]
    tested = [case for case in cases if case["p_value"] is not None]
    q_values = _discoveries.q_values([case["p_value"] for case in tested])
    for case, q in zip(tested, q_values, strict=True):
        case["q_value"] = q
        if q > rule.q:
            case["status"] = "alike"
    findings = [_finding(name, label, case) for case in cases if case["status"] in _SAID]
    findings.sort(key=lambda f: (-int(f.severity), -(f.impact_ratio or 0.0), f.subject))
    told = len(findings)
    gone = [row for key, row in before.items() if key not in now]
    return Result(
        name,
        status="ok" if findings else "empty",
        findings=tuple(findings[: rule.most_findings]),
        tables={"compared": _table(cases, gone)},
        exhibits=(
            Exhibit("compared", "table", f"Beside {label}",
                    note="n_beyond: events above the bound that the baseline sets."),
        ),
        headline=f"{told} of {len(cases):,} series stand out beside {label}."
        if findings
        else f"None of {len(cases):,} series stands out beside {label}.",
    )  # fmt: skip


def _case(
    row: dict[str, Any],
    before: dict[str, Any] | None,
    names: set[tuple[str | None, str | None]],
    rule: Rule,
) -> dict[str, Any]:
    """Compare one row with that of the baseline; `names` are the operations that it has."""
    case = dict.fromkeys((*_COLUMNS, "limits", "impact"), None) | {"row": row, "what": row["what"]}
    case |= {"subject": _subject(row), "status": "alike"}
    if row["what"] == "op":
        case["share_of_side"] = row["total_weight"] / row["whole"]
    if before is None:
        case["status"] = "not in the baseline"
        case["n"] = row["event_count"]
        if row["what"] == "op" and (row["side"], row["name"]) not in names:
            _judge_new(case)
        return case
    if row["what"] == "memory":
        _judge_memory(case, before, rule)
    elif row["what"] == "counter":
        _judge_counter(case, before)
    else:
        _judge_op(case, before, rule)
    return case


def _judge_new(case: dict[str, Any]) -> None:
    row = case["row"]
    if case["share_of_side"] >= _NEW:
        found = _profile.histogram(row)
        case |= {
            "status": "new_op", "n_beyond": case["n"], "bound": float(found.low[0]),
            "median": found.middle(), "impact": case["share_of_side"],
        }  # fmt: skip


def _judge_op(case: dict[str, Any], before: dict[str, Any], rule: Rule) -> None:
    """Find out whether events of a stratum, or most of them, took longer than the baseline's."""
    now, then = _profile.histogram(case["row"]), _profile.histogram(before)
    count, known = int(now.n.sum()), int(then.n.sum())
    middle, usual = now.middle(), then.middle()
    case |= {"n": count, "baseline_n": known, "median": middle, "baseline_median": usual,
             "ratio": middle / usual}  # fmt: skip
    if min(count, known) < _modes.FEWEST:
        case["status"] = "too few"
        return
    whole = case["row"]["whole"]
    quantum = max(case["row"]["quantum"], before["quantum"])
    bounds = [_outlying(now, then, quantum, rule)]
    if middle >= rule.least_shift * usual and middle - usual >= quantum:
        bounds.append(_shifted(now, then))
    best = None
    for bound in bounds:
        p = _p_value(bound, count, known)
        if bound.excess < rule.least_ratio * whole or not bound.over:
            continue
        if bound.kind == "slower" and bound.over <= _SHIFTED * count:
            continue
        if best is None or bound.excess > best[0].excess:
            best = bound, p
    shown, p = best or (bounds[0], _p_value(bounds[0], count, known))
    case |= {"bound": shown.value, "n_beyond": shown.over, "baseline_beyond": shown.before,
             "p_value": p}  # fmt: skip
    if best is not None:
        case |= {"status": shown.kind, "impact": min(shown.excess / whole, 1.0)}


def _outlying(
    now: _profile.Histogram, then: _profile.Histogram, quantum: int, rule: Rule
) -> _Bound:
    """Give the bound beyond which a single event is an outlier of the baseline."""
    if then.n.sum() < _MANY and now.high[-1] <= then.high[-1]:  # nothing can be beyond
        return _Bound("outliers", float(then.high[-1]), 0, 0, 0.0)
    sample = np.maximum(then.sample(_modes.SAMPLE), 1).astype(np.int64)
    judged = _modes.judge(sample, quantum)
    center = math.exp(judged.center)
    bound = max(
        math.exp(judged.center + _Z * judged.sd), rule.least_effect * center, center + 3 * quantum,
        then.quantile(1 - 1 / _MANY) if then.n.sum() >= _MANY else float(then.high[-1]),
    )  # fmt: skip
    value, count, total = now.above(bound)
    return _Bound("outliers", value, count, then.above(value)[1], total - count * center)


def _shifted(now: _profile.Histogram, then: _profile.Histogram) -> _Bound:
    """Give the bound above which only a tenth of the baseline lies."""
    value, count, total = now.above(then.quantile(0.9))
    excess = total - count * then.middle()
    return _Bound("slower", value, count, then.above(value)[1], excess)


def _p_value(bound: _Bound, count: int, known: int) -> float:
    """Test whether a bound is broken more often than by the baseline, counted with one more."""
    from scipy import stats

    usual = (bound.before + 1) / (known + 1)
    return float(stats.binom.sf(bound.over - 1, count, min(usual, 1.0)))


def _judge_counter(case: dict[str, Any], before: dict[str, Any]) -> None:
    """Find out whether a counter stands where the baseline never was; the side with more time."""
    now, then = _profile.histogram(case["row"]), _profile.histogram(before)
    count, known = int(now.n.sum()), int(then.n.sum())
    middle, usual = now.middle(), then.middle()
    case |= {"n": count, "baseline_n": known, "median": middle, "baseline_median": usual}
    case["ratio"] = middle / usual if usual else None
    if min(count, known) < _modes.FEWEST:
        case["status"] = "too few"
        return
    values = then.sample(_modes.SAMPLE)
    spread = 1.4826 * float(np.median(np.abs(values - usual)))
    bound = max(float(then.high[-1]), usual + _FAR_Z * spread)
    high = now.above(bound)
    mirrored = _profile.Histogram(now.n[::-1], -now.high[::-1], -now.low[::-1], now.total[::-1])
    low = mirrored.above(-min(float(then.low[0]), usual - _FAR_Z * spread))
    is_high = high[2] >= low[2]
    value, beyond, held = high if is_high else (-low[0], *low[1:])
    case |= {
        "bound": value, "n_beyond": beyond, "baseline_beyond": 0, "limits": is_high,
        "p_value": _p_value(_Bound("", value, beyond, 0, 0.0), count, known),
    }  # fmt: skip
    whole = case["row"]["total_weight"]
    if beyond and whole and held / whole >= _NEW:
        case |= {"status": "off_level", "impact": held / whole}


def _judge_memory(case: dict[str, Any], before: dict[str, Any], rule: Rule) -> None:
    """Find the steps whose peak is above every step of the baseline."""
    row = case["row"]
    peak, most = np.array(row["peak"]), max(before["peak"])
    middle, usual = float(np.median(peak)), float(np.median(before["peak"]))
    bound = rule.least_memory * most
    over = (peak > bound) & (np.array(row["event_counts"]) > 0)
    case |= {
        "n": len(peak), "baseline_n": len(before["peak"]), "median": middle,
        "baseline_median": usual, "ratio": middle / usual if usual else None, "bound": bound,
        "n_beyond": int(over.sum()), "baseline_beyond": 0, "limits": over,
    }  # fmt: skip
    if over.any() and most > 0:
        excess = float(peak[over].max() - most) / float(peak.max())
        rise = np.array(row["curve"]) - np.array(before["curve"])
        case |= {"status": "more_memory", "impact": excess, "where": int(rise.argmax())}


_SAID = {
    "slower": "{n_beyond:,} of {n:,} {what} took longer than nine tenths of the baseline's "
    "({bound}): in the median {median} where it was {usual}{cost}.",
    "outliers": "{n_beyond:,} of {n:,} {what} took longer than {bound}, which the baseline's do "
    "not: in the median {median} (baseline {usual}){cost}.",
    "new_op": "{what} ({n_beyond:,} times, {median} in the median) is not in the baseline{cost}.",
    "off_level": "{n_beyond:,} of {n:,} values of {what} are {side} {bound}, where the baseline "
    "never was: in the median {median}, where it was {usual}{cost}.",
    "more_memory": "{n_beyond:,} of {n:,} steps held more than {bound} of {what}: in the median "
    "{median}, where it was {usual}; the curve within a step lies highest above the baseline's "
    "after {where} of the step.",
}
_ADVICE = {
    "slower": "Two runs are no test: repeat both sides. Then look at what changed between them: "
    "code, libraries, clocks, neighbours.",
    "outliers": "Look at what ran beside these events here and not in the baseline.",
    "new_op": "See which change brought it, and what it replaced (rows `gone`).",
    "off_level": "Compare the settings and the load of both runs.",
    "more_memory": "Compare who holds the peak in both runs (memory.timeline).",
}


def _finding(name: str, label: str, case: dict[str, Any]) -> Finding:
    row, kind = case["row"], case["status"]
    impact = case["impact"]
    is_op = row["what"] == "op"
    return Finding(
        traces=(row["trace"],),
        analysis=name,
        kind=kind,
        severity=severity(impact, case["q_value"]),
        subject_type={"op": "op", "counter": "track", "memory": "device"}[row["what"]],
        subject=f"{case['subject']} · beside {label}",
        subject_id=row["track_id"] if row["what"] == "counter" else None,
        message=_message(case),
        confidence_basis="heuristic",
        evidence_sql=_evidence_of(case),
        n_events=case["n_beyond"],
        ts=row["start_ts"],
        dur=row["end_ts"] - row["start_ts"] if row["end_ts"] is not None else None,
        value=case["median"],
        unit="ns" if is_op else "bytes" if row["what"] == "memory" else row["unit"],
        baseline=case["baseline_median"],
        n=case["n"],
        p_value=case["p_value"],
        q_value=case["q_value"],
        effect=case["ratio"],
        impact_ratio=impact,
        recommendation=_ADVICE[kind],
    )


def _message(case: dict[str, Any]) -> str:
    row, kind = case["row"], case["status"]

    def shown(value: float | None) -> str:
        if value is None:
            return "nothing"
        if row["what"] == "counter":
            return f"{value:,.6g}{' ' + row['unit'] if row['unit'] else ''}"
        return format_ns(value) if row["what"] == "op" else format_bytes(value)

    share = format_ratio(case["impact"])
    cost = {"op": f"; {share} of the {row['side']} time", "counter": f"; {share} of the time"}
    what = _short(row["name"]) if row["what"] != "memory" else case["subject"]
    text = _SAID[kind].format(
        n_beyond=case["n_beyond"], n=case["n"], what=what, bound=shown(case["bound"]),
        median=shown(case["median"]), usual=shown(case["baseline_median"]),
        cost=cost.get(row["what"], ""), side="above" if case["limits"] is True else "below",
        where=format_ratio((case.get("where", 0) + 0.5) / _profile.POINTS),
    )  # fmt: skip
    return f"{text[0].upper()}{text[1:]}" if row["what"] == "memory" else text


def _short(name: str | None) -> str:
    text = name or "(no name)"
    return text if len(text) <= 60 else f"{text[:59]}…"


def _subject(row: dict[str, Any]) -> str:
    if row["what"] == "op":
        return _outliers.subject_of(row)
    device = "" if row["device_id"] is None else f" of device {row['device_id']}"
    if row["what"] == "memory":
        return f"memory{device or ' of the host'}"
    return f"{row['name'] or 'counter'}{device} (track {row['track_id']})"


def _evidence_of(case: dict[str, Any]) -> str:
    """Ask for the events beyond the bound."""
    row = case["row"]
    if row["what"] == "memory":
        start, dur = np.array(row["step_ts"]), np.array(row["step_dur"])
        over = case["limits"]
        return _curves.peaks_of(row, start[over].tolist(), (start + dur)[over].tolist())
    if row["what"] == "op":
        least = int(case["bound"]) + (case["status"] != "new_op")
        return _outliers.events_of(row, least)
    named = (
        "(SELECT c.trace, c.id, c.ts, 0::BIGINT AS dur, t.name, c.track_id, c.value "
        "FROM counter c JOIN track t ON t.id = c.track_id)"
    )
    return _evidence.select(
        named, {"trace": row["trace"]}, f"ts >= {row['start_ts']}", f"ts < {row['end_ts']}",
        f"track_id % 4294967296 = {row['track_id']}", "value IS NOT NULL", "isfinite(value)",
        f"value {'>' if case['limits'] else '<'} {_evidence.literal(case['bound'])}::DOUBLE",
    )  # fmt: skip


def _table(cases: Sequence[dict[str, Any]], gone: Sequence[dict[str, Any]]) -> pa.Table:
    rows = [
        *cases,
        *(
            {"what": row["what"], "subject": _subject(row), "status": "gone",
             "baseline_n": row["event_count"]}
            for row in gone
        ),
    ]  # fmt: skip
    rows.sort(key=lambda row: (row["status"] not in _SAID, -(row.get("impact") or 0.0),
                               -(row.get("share_of_side") or 0.0), row["subject"]))  # fmt: skip
    return pa.Table.from_pylist(
        [{column: row.get(column) for column in _COLUMNS} for row in rows],
        pa.schema(list(_COLUMNS.items())),
    )
