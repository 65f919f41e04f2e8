"""Quality goals of the analyses: each is measured on planted or recorded truth, with a seed.

    python -m benchmarks.quality --seed 7 [--only A1,CP4] [--json FILE] [--list]

Every module of this package that does not begin with `_` may register goals:

    @goal("A1", ">= 0.95 recall", "<= 0.001 fpr", cheap=True)
    def durations(rng: np.random.Generator) -> dict[str, float]:
        '''One line: what is planted, and what is counted.'''
        return {"recall": …, "fpr": …, "z3_recall": …}

A threshold is a comparison, a number, and the name of a value that the function returns; values
without a threshold are shown beside. A goal whose data is absent raises Skipped with the reason.
`shared(...)` gives a path under `../shared`, or raises Skipped.
"""

from __future__ import annotations

import importlib
import operator
import pkgutil
import re
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

Measure = Callable[[np.random.Generator], Mapping[str, float]]

_COMPARE = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
_THRESHOLD = re.compile(r"\s*(>=|<=|==|>|<)\s*([-+.\deE]+)\s+(\S.*?)\s*")
_SHARED = Path(__file__).resolve().parents[3] / "shared"


class Skipped(Exception):
    """A goal cannot be measured here; the text says why."""


class Threshold(NamedTuple):
    """`value compare bound`, for the value of that name."""

    name: str
    compare: str
    bound: float

    def met(self, value: float) -> bool:
        """Say whether a value meets it; what is not a number never does."""
        return bool(_COMPARE[self.compare](value, self.bound))


class Outcome(NamedTuple):
    """What measuring a goal gave; `skipped` is the reason, or empty."""

    goal: Goal
    values: Mapping[str, float]
    skipped: str
    seconds: float

    @property
    def missed(self) -> list[Threshold]:
        """Thresholds that are not met; one whose value was not given is missed too."""
        if self.skipped:
            return []
        return [t for t in self.goal.thresholds if not t.met(self.values.get(t.name, np.nan))]


@dataclass(frozen=True)
class Goal:
    """A goal: its name in the issue, what must hold, how it is measured."""

    name: str
    thresholds: tuple[Threshold, ...]
    measure: Measure
    cheap: bool

    @property
    def title(self) -> str:
        """First line of the docstring of its function."""
        return (self.measure.__doc__ or "").strip().partition("\n")[0]

    def run(self, seed: int) -> Outcome:
        """Measure with a seed; a goal's numbers do not depend on which others are run."""
        began = time.perf_counter()
        rng = np.random.default_rng([seed, zlib.crc32(self.name.encode())])
        values: Mapping[str, float] = {}
        skipped = ""
        try:
            values = self.measure(rng)
        except Skipped as reason:
            skipped = str(reason)
        return Outcome(self, values, skipped, time.perf_counter() - began)


_GOALS: dict[str, Goal] = {}


def goal(name: str, *thresholds: str, cheap: bool = False) -> Callable[[Measure], Measure]:
    """Register a function as the measure of a goal.

    Args:
        name: of the goal, such as `CP4`; unique.
        thresholds: such as `>= 0.95 recall`; at least one.
        cheap: measured in a few seconds, so the tests run it too.
    """
    parsed = tuple(_parsed(text) for text in thresholds)
    assert parsed, f"{name} has no threshold"

    def register(measure: Measure) -> Measure:
        assert name not in _GOALS, f"{name} is measured twice"
        _GOALS[name] = Goal(name, parsed, measure, cheap)
        return measure

    return register


def _parsed(text: str) -> Threshold:
    match = _THRESHOLD.fullmatch(text)
    assert match, f"{text!r} is no threshold such as '>= 0.95 recall'"
    compare, bound, name = match.groups()
    return Threshold(name, compare, float(bound))


def goals(only: Iterable[str] = ()) -> list[Goal]:
    """Give the goals of all modules, by name; of those in `only`, where it names any.

    Raises:
        KeyError: `only` names a goal that there is not.
    """
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"{__name__}.{module.name}")
    chosen = {name.upper() for name in only}
    unknown = chosen - set(_GOALS)
    if unknown:
        raise KeyError(", ".join(sorted(unknown)))
    names = sorted(chosen or _GOALS, key=_by_number)
    return [_GOALS[name] for name in names]


def _by_number(name: str) -> tuple[str, int, str]:
    match = re.match(r"([A-Z]*)(\d*)(.*)", name)
    assert match
    letters, number, rest = match.groups()
    return letters, int(number or 0), rest


def shared(*parts: str) -> Path:
    """Give a path under `../shared`.

    Raises:
        Skipped: it is not there.
    """
    path = _SHARED.joinpath(*parts)
    if not path.exists():
        raise Skipped(f"../shared/{'/'.join(parts)} is not here")
    return path
