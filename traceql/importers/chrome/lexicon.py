"""What one scanner has met so far: texts, templates, and the tracks of its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
_MOST_TEXT_BYTES = 32 << 20


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
        self.special, self.roles, self.averages = Numbers(), Numbers(), Numbers()
        self.correlations = Facts(1)
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
        self.unread.learn()

    def _template(self, raw: bytes, holes: int) -> str | None:
        text = template(raw, holes)
        correlation: int | None = None
        mentions = raw.lower().count(b"correlation") if text is not None else 0
        if mentions == 1 and holes & _CORRELATION and b"\\u" not in raw:
            correlation = None if templates.plainly(raw) is None else _CORRELATION_HOLE
        elif mentions:
            said = templates.read(raw, holes) if b"orrelation" in raw else None
            correlation = positive(said.get("correlation")) if said is not None else None
            text = text if said is not None else None
        self.correlations.add((correlation,), holes)
        self.averages.append(b'"avg ms"' in raw)
        return text

    def _holes(self, args: int) -> int:
        return int(self.scanner.args.table.notes[args])

    def learn_work(self, name: int, args: int, role: int) -> None:
        """Read work on a device: the next number of `work_keys`.

        `work_state` becomes 0 where it is no work, -1 where the slow path must read it.
        """
        said: Mapping[str, Any] | None = {}
        holes = 0
        if args >= 0:
            holes = self._holes(args)
            said = templates.read(self.args.raw[args], holes)
        text = self.names.texts[name] if name >= 0 else ""
        work = None if said is None else work_of(ROLES[role], text, said)
        if work is None:
            self.work_state.append(-1 if said is None else 0)
            self.works.add((None,) * WORK_WIDTH, 0)
            return
        copy = [None if text is None else self._copy_number(text) for text in work.rest[:3]]
        rest: list[Any] = list(work.rest[3:])
        share = None if work.occupancy is None else work.occupancy / 100
        bits = None if share is None else int(np.float64(share).view(np.int64))
        head = (_KIND_NUMBERS[work.kind], work.device, work.context, work.stream, work.size)
        self.works.add((*head, *copy, *rest, bits), holes)
        self.work_state.append(1)

    def learn_memory(self, args: int) -> None:
        """Read the args of [memory]: the next number of `memory_keys`; as `learn_work`."""
        holes = self._holes(args)
        found = memory_of(templates.read(self.args.raw[args], holes) or {})
        self.memory_state.append(-1 if found.size is None else 1)
        self.memories.add(found, holes)

    def _copy_number(self, text: str | int) -> int:
        number = self._copy_numbers.setdefault(str(text), len(self._copy_numbers))
        if number == len(self.copies):
            self.copies.texts.append(str(text))
        return number
