"""What one scanner has met so far: texts, templates, and the tracks of its keys."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.importers.chrome import templates
from traceql.importers.chrome.kineto import memory_of, positive, work_of
from traceql.importers.chrome.templates import Facts, Hole
from traceql.importers.chrome.vocabulary import (
    Texts,
    Vocabulary,
    identifier,
    string,
    template,
    unread,
)
from traceql.kernels.key_table import KeyTable
from traceql.kernels.scanner import Scanner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from traceql.importers.chrome.kineto import Kineto

MEMORY, CPU_PROFILE, TOTAL = 1, 2, 3
"""What is special about a name."""
_SPECIAL = {b"[memory]": MEMORY, b"CpuProfile": CPU_PROFILE}
ROLES = ("", "launch", "kernel", "memcpy", "memset", "mtia", "unitrace")
LAUNCH, KERNEL = 1, 2
FIRST_WORK = KERNEL
KINDS = ("kernel", "memcpy", "memset")

# Fields of works, of which those from COPY to DESTINATION are numbers of texts.
(KIND, DEVICE, CONTEXT, STREAM, SIZE, COPY, SOURCE, DESTINATION) = range(8)
REST = 8
OCCUPANCY = 18
WORK_WIDTH = 19
# Fields of allocations.
BYTES, ON_DEVICE, ADDRESS, TOTAL_BYTES, RESERVED = range(5)

_KIND_NUMBERS = {kind: number for number, kind in enumerate(KINDS)}
_CORRELATION_HOLE = Hole(templates.KEYS.index("correlation") + 1)
_CORRELATION = 1 << _CORRELATION_HOLE - 1
_DIGITS = bytes.maketrans(b"23456789", b"11111111")
_NUMBER = re.compile(rb"1[01]+")
_LONGEST_SHAPE = 4096
_MOST_SHAPES = 1 << 14
_DOUBLE, _SIGNED = struct.Struct("<d"), struct.Struct("<q")
_MOST_TEXT_BYTES = 32 << 20


class _Judged(NamedTuple):
    """What is known of a template."""

    is_good: bool
    correlation: int | None
    is_average: bool
    by_shape: bool
    """Whether this holds for all that differ from it in numbers only."""


class Numbers:
    """Integers by number; it only grows."""

    def __init__(self) -> None:
        self._values: list[int] = []
        self._array = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self._values)

    def append(self, value: int) -> None:
        """Add one."""
        self._values.append(value)

    @property
    def array(self) -> NDArray[np.int64]:
        """All of them, int64."""
        if self._array.size != len(self._values):
            self._array = np.array(self._values, np.int64)
        return self._array


class Lexicon:
    """A scanner, and what is known of the numbers in its columns."""

    def __init__(self, lifted: Sequence[str], kineto: Kineto) -> None:
        self.scanner = Scanner(lifted)
        self.spoiled = False
        """Whether keys have numbers that nobody visited."""
        self._kineto = kineto
        self.names = Vocabulary(self.scanner.names, string)
        self.categories = Vocabulary(self.scanner.categories, string)
        self.texts = Vocabulary(self.scanner.texts, identifier)
        self.args = Vocabulary(self.scanner.args, self._template)
        self.unread = Vocabulary(self.scanner.extras, unread)
        self.special, self.roles = Numbers(), Numbers()
        self.averages, self.holes = Numbers(), Numbers()
        self.correlations = Facts(1)
        self._shapes: dict[tuple[bytes, int], _Judged] = {}
        self._fresh: list[tuple[tuple[int | None], int]] = []
        self.lanes, self.tracks = KeyTable(), Numbers()
        self.processes, self.threads, self.marked = Numbers(), Numbers(), bytearray()
        self.asyncs, self.async_tracks, self.async_threads = KeyTable(), Numbers(), Numbers()
        self.work_keys, self.works, self.work_state = KeyTable(), Facts(WORK_WIDTH), Numbers()
        self.copies = Texts()
        self._copy_numbers: dict[str, int] = {}
        self.memory_keys, self.memories, self.memory_state = KeyTable(), Facts(5), Numbers()
        self.extra_keys, self.prefixes, self.suffixes = KeyTable(), Texts(), Texts()
        self.flow_keys, self.flow_texts = KeyTable(), Texts()

    @property
    def full(self) -> bool:
        """Whether texts hardly repeat, so that remembering them does not pay."""
        scanner = self.scanner
        used = scanner.args.used_bytes + scanner.names.used_bytes + scanner.extras.used_bytes
        return used + scanner.texts.used_bytes > _MOST_TEXT_BYTES

    def learn(self) -> None:
        """Look at what is new in the scanner's dictionaries."""
        for raw in self.names.learn():
            total = TOTAL if raw.startswith(b"Total ") else 0
            self.special.append(_SPECIAL.get(raw, total))
        for raw in self.categories.learn():
            role = self._kineto.role(b'"' + raw + b'"') if string(raw, 0) is not None else ""
            self.roles.append(ROLES.index(role))
        self.texts.learn()
        self.args.learn()
        self.correlations.extend([row for row, _ in self._fresh], [h for _, h in self._fresh])
        self._fresh.clear()
        self.unread.learn()

    def _template(self, raw: bytes, holes: int) -> str | None:
        """Judge a template, as all that differ from it in numbers only."""
        shape = None
        if len(raw) < _LONGEST_SHAPE and b"\\" not in raw:
            shape = _NUMBER.sub(b"1", raw.translate(_DIGITS))
        known = None if shape is None else self._shapes.get((shape, holes))
        if known is None:
            known = self._judged(raw, holes)
            if shape is not None and known.by_shape and len(self._shapes) < _MOST_SHAPES:
                self._shapes[shape, holes] = known
        self._fresh.append(((known.correlation,), holes))
        self.averages.append(known.is_average)
        self.holes.append(holes)
        return raw.decode() if known.is_good else None

    def _judged(self, raw: bytes, holes: int) -> _Judged:
        is_good = template(raw, holes) is not None
        correlation: int | None = None
        mentions = raw.lower().count(b"correlation") if is_good else 0
        if mentions == 1 and holes & _CORRELATION and b"\\u" not in raw:
            correlation = None if templates.plainly(raw) is None else _CORRELATION_HOLE
        elif mentions:
            said = templates.read(raw, holes) if b"orrelation" in raw else None
            correlation = positive(said.get("correlation")) if said is not None else None
            is_good = said is not None
        by_shape = not mentions or correlation is _CORRELATION_HOLE
        return _Judged(is_good, correlation, b'"avg ms"' in raw, by_shape)

    def _holes(self, args: int) -> int:
        return int(self.holes.array[args])

    def learn_works(self, keys: Sequence[tuple[int, int, int]]) -> None:
        """Read work on devices, (name, args, role) each: the next numbers of `work_keys`.

        Of each `work_state` becomes 0 where it is no work, -1 where the slow path must read it.
        """
        rows, holes = [], []
        for name, args, role in keys:
            hole = self._holes(args) if args >= 0 else 0
            state, row = self._work(name, args, role, hole)
            self.work_state.append(state)
            rows.append(row)
            holes.append(hole)
        self.works.extend(rows, holes)

    def _work(
        self, name: int, args: int, role: int, holes: int
    ) -> tuple[int, tuple[int | None, ...]]:
        said: Mapping[str, Any] | None = {}
        if args >= 0:
            said = templates.read(self.args.raw[args], holes)
        text = self.names.texts[name] if name >= 0 else ""
        work = None if said is None else work_of(ROLES[role], text, said)
        if work is None:
            return -1 if said is None else 0, (None,) * WORK_WIDTH
        copy = [None if text is None else self._copy_number(text) for text in work.rest[:3]]
        rest: list[Any] = list(work.rest[3:])
        share = None if work.occupancy is None else work.occupancy / 100
        bits = None if share is None else _SIGNED.unpack(_DOUBLE.pack(share))[0]
        head = (_KIND_NUMBERS[work.kind], work.device, work.context, work.stream, work.size)
        return 1, (*head, *copy, *rest, bits)

    def learn_memories(self, keys: Sequence[int]) -> None:
        """Read the args of [memory] events: the next numbers of `memory_keys`.

        Of each `memory_state` becomes -1 where the slow path must read it.
        """
        holes = [self._holes(args) for args in keys]
        rows = [
            memory_of(templates.read(self.args.raw[args], hole) or {})
            for args, hole in zip(keys, holes, strict=True)
        ]
        for found in rows:
            self.memory_state.append(-1 if found.size is None else 1)
        self.memories.extend(rows, holes)

    def _copy_number(self, text: str | int) -> int:
        number = self._copy_numbers.setdefault(str(text), len(self._copy_numbers))
        if number == len(self.copies):
            self.copies.texts.append(str(text))
        return number
