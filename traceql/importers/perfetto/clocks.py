"""Clocks: times of any clock on the clock of the trace, by the snapshots of the file.

Source of the method: docs/concepts/clock-sync.md of github.com/google/perfetto. A snapshot says
what several clocks showed at one moment. A time is moved by the last snapshot before it that has
both clocks; clocks never shown together are reached over others.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from traceql.importers.perfetto.messages import CLOCK, CLOCK_SNAPSHOT
from traceql.importers.perfetto.wire import decode

REALTIME, MONOTONIC, BOOTTIME = 1, 3, 6
_FIRST_OF_SEQUENCE, _LAST_OF_SEQUENCE = 64, 127
_NAMES = {
    1: "REALTIME", 2: "REALTIME_COARSE", 3: "MONOTONIC", 4: "MONOTONIC_COARSE",
    5: "MONOTONIC_RAW", 6: "BOOTTIME", 9: "TSC", 10: "PERF", 11: "TRACE_FILE",
}  # fmt: skip

Clock = tuple[int, int]
"""Sequence (0: of the whole trace) and number."""


class Way(NamedTuple):
    """How times of a clock become times of the trace.

    Attributes:
        multiplier: ns in one unit.
        running: the last time, ns, where times are differences to the one before.
        steps: what two clocks showed together, one step after the other.
    """

    multiplier: int
    running: int | None
    steps: list[tuple[list[int], list[int]]]


@dataclass
class _Pair:
    """What two clocks showed, snapshot by snapshot, by the first."""

    source: list[int] = field(default_factory=list)
    target: list[int] = field(default_factory=list)

    def add(self, source: int, target: int) -> None:
        if not self.source or source > self.source[-1]:
            self.source.append(source)
            self.target.append(target)
            return
        place = bisect_right(self.source, source)
        if self.source[place - 1 : place] == [source]:
            self.target[place - 1] = target
        else:
            self.source.insert(place, source)
            self.target.insert(place, target)

    def convert(self, time: int) -> int:
        place = max(bisect_right(self.source, time) - 1, 0)
        return time - self.source[place] + self.target[place]


def clock_of(number: int, sequence: int) -> Clock:
    """Give the clock of a number that a packet of a sequence names."""
    local = _FIRST_OF_SEQUENCE <= number <= _LAST_OF_SEQUENCE
    return (sequence if local else 0, number)


class Clocks:
    """The clocks of one file; `ns` is the only question."""

    def __init__(self) -> None:
        self.trace_clock: Clock = (0, BOOTTIME)
        self.any_snapshot = False
        self.first: dict[str, int] = {}
        """What the clocks of the system showed at the first snapshot, ns."""
        self._fixed = False
        self._pairs: dict[Clock, dict[Clock, _Pair]] = {}
        self._paths: dict[Clock, list[_Pair] | None] = {}
        self._multipliers: dict[Clock, int] = {}
        self._running: dict[Clock, int] = {}
        """Last time of each clock whose times are differences to the one before."""

    def snapshot(self, data: bytes, sequence: int) -> None:
        """Read a snapshot.

        Raises:
            WireError: it is damaged.
        """
        fields = decode(CLOCK_SNAPSHOT, data)
        shown: dict[Clock, int] = {}
        for raw in fields.get("clocks", ()):
            entry = decode(CLOCK, raw)
            clock = clock_of(entry.get("clock_id", 0), sequence)
            multiplier = entry.get("unit_multiplier_ns", 0) or 1
            shown[clock] = time = entry.get("timestamp", 0) * multiplier
            self._multipliers[clock] = multiplier
            if entry.get("is_incremental"):
                self._running[clock] = time
            if not self.any_snapshot and clock[1] in _NAMES:
                self.first[_NAMES[clock[1]]] = time
        primary = fields.get("primary_trace_clock")
        if primary and not self._fixed:
            self.trace_clock = (0, primary)
            self._fixed = True
        self.any_snapshot = True
        self._paths.clear()
        # A snapshot has few clocks.
        for source, time in shown.items():
            for target, other in shown.items():
                if source != target:
                    self._pairs.setdefault(source, {}).setdefault(target, _Pair()).add(time, other)

    def ns(self, clock: Clock, time: int) -> int | None:
        """Give a time on the clock of the trace; None where no snapshot leads there."""
        if clock == self.trace_clock:
            return time
        time *= self._multipliers.get(clock, 1)
        running = self._running.get(clock)
        if running is not None:
            self._running[clock] = time = running + time
        if clock not in self._paths:
            self._paths[clock] = self._path(clock)
        path = self._paths[clock]
        if path is None:
            return None if self.any_snapshot else time
        for pair in path:
            time = pair.convert(time)
        return time

    def is_running(self, clock: Clock) -> bool:
        """Tell whether times of a clock are differences to the one before."""
        return clock in self._running

    def way(self, clock: Clock) -> Way | None:
        """Give what leads from a clock to that of the trace; None where nothing does."""
        if clock == self.trace_clock:
            return Way(1, None, [])
        if clock not in self._paths:
            self._paths[clock] = self._path(clock)
        path = self._paths[clock]
        if path is None:
            return None
        steps = [(pair.source, pair.target) for pair in path]
        return Way(self._multipliers.get(clock, 1), self._running.get(clock), steps)

    def run_on(self, clock: Clock, time: int) -> None:
        """Set what the next difference of a clock is added to."""
        self._running[clock] = time

    def _path(self, clock: Clock) -> list[_Pair] | None:
        """Find the shortest way to the clock of the trace."""
        ways: dict[Clock, list[Clock]] = {clock: [clock]}
        waiting = [clock]
        for at in waiting:
            if at == self.trace_clock:
                return [self._pairs[a][b] for a, b in pairwise(ways[at])]
            for target in self._pairs.get(at, ()):
                if target not in ways:
                    ways[target] = [*ways[at], target]
                    waiting.append(target)
        return None
