"""Windows of time: `--window A..B` to nanoseconds on a trace's own clock."""

from __future__ import annotations

import re
from typing import NamedTuple

from traceql.errors import BadParameter

ALWAYS = (-(1 << 63), (1 << 63) - 1)
"""The window that leaves nothing out."""

_UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s)")


class Moment(NamedTuple):
    """A time in ns: on the trace's clock, or from the first event of the trace."""

    ns: int
    from_start: bool


class Window(NamedTuple):
    """Events that start at `start` or later and before `end` are looked at; None: no limit."""

    start: Moment | None = None
    end: Moment | None = None

    @property
    def from_start(self) -> bool:
        """Whether a limit counts from the first event of the trace."""
        return any(moment.from_start for moment in (self.start, self.end) if moment)

    def on_clock(self, trace_start: int) -> tuple[int, int]:
        """Give start and end on the trace's clock; `trace_start` is its first instant, ns."""
        first, last = (
            limit if moment is None else moment.ns + trace_start * moment.from_start
            for moment, limit in zip((self.start, self.end), ALWAYS, strict=True)
        )
        return first, last

    def text(self) -> str:
        """Write the window as it is given: `0ns..1500000ns`, or `1700..1800` on the clock."""
        return "..".join(
            "" if m is None else f"{m.ns}ns" if m.from_start else str(m.ns)
            for m in (self.start, self.end)
        )


def parse(text: str) -> Window:
    """Read `A..B`: times with a unit count from the trace's first event, plain integers are ts.

    `1.5ms..20ms`, `..3s`, `1700000000000..1700000500000`.

    Raises:
        BadParameter: not a window, or it ends before it starts.
    """
    first, dots, last = text.partition("..")
    if not dots:
        raise BadParameter("analyze", f"window {text}", "write A..B, such as 10ms..20ms")
    window = Window(_moment(first.strip(), text), _moment(last.strip(), text))
    if (
        window.start
        and window.end
        and window.start.from_start == window.end.from_start
        and window.end.ns <= window.start.ns
    ):
        raise BadParameter("analyze", f"window {text}", "it ends before it starts")
    return window


def _moment(text: str, whole: str) -> Moment | None:
    if not text:
        return None
    if re.fullmatch(r"-?\d+", text):
        return Moment(int(text), from_start=False)
    found = _TIME.fullmatch(text)
    if found is None:
        raise BadParameter("analyze", f"window {whole}", f"{text!r} is no time; write 10ms or a ts")
    return Moment(round(float(found[1]) * _UNITS[found[2]]), from_start=True)
