"""What the readers of all packets share while one file is read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from traceql.importers._diagnostics import Diagnostics
from traceql.importers.perfetto.actors import Actors
from traceql.importers.perfetto.clocks import BOOTTIME, Clocks, clock_of
from traceql.importers.perfetto.diagnostics import CODES
from traceql.importers.perfetto.rows import Rows
from traceql.importers.perfetto.tracks import Track, Tracks

if TYPE_CHECKING:
    from traceql.importers.perfetto.sequences import Sequence

MOST_NS = 1 << 62
"""Times beyond this, either way, are damage."""


@dataclass
class Device:
    """What is said of a GPU."""

    vendor: str | None = None
    name: str | None = None
    uuid: str | None = None
    args: dict[str, Any] = field(default_factory=dict)


@dataclass
class Context:
    """The state of reading one file."""

    diagnostics: Diagnostics = field(default_factory=lambda: Diagnostics(CODES))
    rows: Rows = field(default_factory=Rows)
    actors: Actors = field(default_factory=Actors)
    tracks: Tracks = field(default_factory=Tracks)
    clocks: Clocks = field(default_factory=Clocks)
    unread: Counter[str] = field(default_factory=Counter)
    devices: dict[int, Device] = field(default_factory=dict)
    """GPUs that are described, or that work was seen on."""
    release: str = ""
    """Release of the kernel, which says what its states mean."""
    _ordinal: int = 0
    _last_ts: int = 0

    def ordinal(self) -> int:
        """Give the next event its place."""
        self._ordinal += 1
        return self._ordinal - 1

    def take_ordinals(self, count: int, last_ts: int) -> int:
        """Give the first of the places of so many events, the last of which has a time."""
        self._ordinal += count
        self._last_ts = last_ts
        return self._ordinal - count

    def ts(self, time: int | None, clock_id: int | None, sequence: Sequence) -> int | None:
        """Give a time of a packet on the clock of the trace.

        Args:
            time: as written; None: that of the packet before.
            clock_id: as written; None: the clock that the sequence names, or that of the trace.
            sequence: of the packet.

        Returns:
            None, and it is counted, where the time cannot be told.
        """
        if time is None:
            return self._last_ts
        number = clock_id or sequence.clock_id
        if number:
            found = self.clocks.ns(clock_of(number, sequence.number), time)
            if found is None:
                self.diagnostics.count("clock_sync_failure_no_path")
                return None
            if not self.clocks.any_snapshot and number != BOOTTIME:
                self.diagnostics.count("clock_unrelated")
            time = found
        if not -MOST_NS < time < MOST_NS:
            self.diagnostics.count("timestamp_out_of_range")
            return None
        self._last_ts = time
        return time

    def count_value(self, track: Track, ts: int, value: float) -> None:
        """Add a sample of a counter."""
        self.rows["counter_sample"].append((self.ordinal(), ts, track.track_id, value))

    def say(self, name: str, value: str | int | None) -> None:
        """Add metadata."""
        if value is None:
            return
        if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
            value = str(value)
        text = value if isinstance(value, str) else str(value)
        self.rows["metadata"].append((name, text, value if isinstance(value, int) else None))
