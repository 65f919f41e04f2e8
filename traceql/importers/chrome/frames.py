"""Frames of call stacks, numbered as they appear; equal stacks share frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from traceql.importers.chrome.rows import BATCH_ROWS, chunk
from traceql.importers.chrome.tracks import int32

if TYPE_CHECKING:
    from traceql.model.protocols import Chunk


class Call(NamedTuple):
    """What is said of one function in a stack; `line` counts from 1."""

    name: str | None
    module: str | None = None
    file: str | None = None
    line: int | None = None


class StackFrame(NamedTuple):
    """An entry of `stackFrames`."""

    call: Call
    parent: str | None


class Frames:
    """All frames of one file.

    Frames of `stackFrames` may be described after the samples that name them: they get their
    number when they are first named, and what they are at the end. A frame's parent may so have
    the larger number.
    """

    def __init__(self) -> None:
        self._parents: list[int | None] = []
        self._calls: list[Call] = []
        self._known: dict[tuple[int | None, Call], int] = {}
        self._by_key: dict[str, int] = {}
        self._described: dict[str, StackFrame] = {}

    def add(self, parent: int | None, call: Call) -> int:
        """Give the number of a function called from a frame."""
        found = self._known.get((parent, call))
        if found is None:
            found = self._known[parent, call] = self._new(parent, call)
        return found

    def named(self, key: str) -> int:
        """Give the number of an entry of `stackFrames`."""
        found = self._by_key.get(key)
        if found is None:
            found = self._by_key[key] = self._new(None, Call(None))
        return found

    def describe(self, key: str, frame: StackFrame) -> None:
        """Say what an entry of `stackFrames` is."""
        self._described[key] = frame

    def _new(self, parent: int | None, call: Call) -> int:
        self._parents.append(parent)
        self._calls.append(call)
        return len(self._calls) - 1

    def chunks(self, unknown: Callable[[], None]) -> Iterator[Chunk]:
        """Give the rows of `frame`; `unknown` is called for each frame never described."""
        self._resolve(unknown)
        depths = self._depths()
        columns = ("id", "parent_id", "depth", "name", "module", "file", "line")
        for start in range(0, len(self._calls), BATCH_ROWS):
            ids = range(start, min(start + BATCH_ROWS, len(self._calls)))
            yield chunk("frame", columns, [
                (i, self._parents[i], depths[i], c.name, c.module, c.file, int32(c.line))
                for i in ids for c in (self._calls[i],)
            ])  # fmt: skip

    def _resolve(self, unknown: Callable[[], None]) -> None:
        waiting = list(self._described)
        while waiting:
            key = waiting.pop()
            frame = self.named(key)
            call, parent = self._described[key]
            self._calls[frame] = call
            if parent is not None:
                self._parents[frame] = self.named(parent)
        for key in self._by_key:
            if key not in self._described:
                unknown()

    def _depths(self) -> list[int]:
        """Count the callers of each frame; a circle of parents is cut where it is found."""
        depths: list[int | None] = [None] * len(self._calls)
        for start in range(len(depths)):
            path: list[int] = []
            seen: set[int] = set()
            at: int | None = start
            while at is not None and depths[at] is None:
                if at in seen:
                    self._parents[path[-1]] = None
                    at = None
                    break
                path.append(at)
                seen.add(at)
                at = self._parents[at]
            base = -1 if at is None else depths[at] or 0
            for frame in reversed(path):
                base += 1
                depths[frame] = base
        return [depth or 0 for depth in depths]
