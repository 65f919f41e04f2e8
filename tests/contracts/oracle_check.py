"""What a comparison with an oracle is made of: checks, ranges, and the excuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Facts = Mapping[str, Any]
Sql = Callable[[str], list[dict[str, Any]]]

EXCUSED = {
    "form": "shape of the file, not of the trace",
    "events": "sum of what the other facts count",
    "not_an_event": "importer-level; counted in diagnostic",
    "phases": "the phases meet in slices, counters and flows, which are compared",
    "phase_longer_than_one": "how the file spells a phase",
    "without_ts": "events without time are in no other fact",
    "ts_as_text": "how the file spells a number",
    "file_in_ts_order": "order of the file; the store has its own",
    "pid_types": "how the file spells ids; process.pid_text is tested with the importer",
    "tid_types": "how the file spells ids",
    "names_missing_or_empty": "counts events of all phases",
    "categories": "counts events of all phases; category_x_dur is compared",
    "top_names_x": "a part of top_names_positive, by phase",
    "x.missing_ts": "events without time are in no other fact",
    "flows.keys": "keys are not stored, arrows are",
    "flows.ids_matched": "keys are not stored, arrows are",
    "flows.starts_never_ended": "not stored",
    "flows.s": "points of flows are not stored, arrows are",
    "flows.t": "as flows.s",
    "flows.f": "as flows.s",
    "cpu_profile.chunks": "chunks are not stored, samples are",
    "cpu_profile.time_deltas": "equal to the samples",
    "nesting.computed": "says whether the rest was computed",
    "nesting.reason": "says why the rest was not computed",
    "nesting.overlapping_slices": "how many overlap depends on which one is taken out first",
    "stack_frames": "equal stacks share frames",
}

PHASE = """coalesce(regexp_extract(s.extra, '"ph": *"(.)', 1), '')"""
"""The phase that slice s keeps: none where it is a slice with both its ends (X, B/E, b/e, S/F)."""

ASYNC = "t.type LIKE 'async%'"
"""How tracks of b/e and S/F slices are told from the others."""


@dataclass(frozen=True)
class Check:
    fact: str
    expected: Any
    found: Any

    @property
    def holds(self) -> bool:
        return bool(self.expected == self.found)

    def __str__(self) -> str:
        verdict = "holds" if self.holds else "FAILS"
        return f"{verdict} {self.fact}: expected {self.expected}, found {self.found}"[:600]


class Excuse(str):
    """Why a fact cannot be compared in this file; equal to anything, so that it is listed."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


def excuse(fact: str, why: str) -> list[Check]:
    return [Check(fact, Excuse(why), None)]


def unknown_parts(name: str, value: Mapping[str, Any], known: Iterable[str]) -> None:
    """Fail on a part of a fact that nobody compares or excuses."""
    rest = {k for k in value if k not in set(known) and f"{name}.{k}" not in EXCUSED}
    if rest:
        raise KeyError(f"{name}: nobody compares {sorted(rest)}")


def one(sql: Sql, text: str) -> Any:
    (row,) = sql(text)
    (value,) = row.values()
    return value


def legacy(facts: Facts, part: str) -> int:
    return int(facts.get("legacy_async", {}).get(part, 0))


def table(checked: Mapping[str, Sequence[Check]]) -> str:
    """Say per file how many facts were compared and which ones fail."""
    lines = []
    for file, checks in checked.items():
        failed = [str(c) for c in checks if not c.holds]
        excused = [c for c in checks if isinstance(c.expected, Excuse)]
        lines.append(
            f"{len(checks) - len(excused):5} compared, {len(failed)} fail, "
            f"{len(excused)} excused: {file}"
        )
        lines += [f"        {c.fact}: {c.expected}" for c in excused]
        lines += [f"        {text}" for text in failed]
    return "\n".join(lines)


def load(path: Path) -> Facts:
    """Read an oracle."""
    return dict(json.loads(path.read_text(encoding="utf-8")))
