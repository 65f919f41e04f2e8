"""What one scanner has met so far: texts, templates, and the tracks of its keys."""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from traceql.importers.chrome import templates
from traceql.importers.chrome.arguments import Args
from traceql.importers.chrome.growing import Growing
from traceql.importers.chrome.kineto import copy_of, memory_of, work_of
from traceql.importers.chrome.samples import Counting
from traceql.importers.chrome.templates import Facts, fact
from traceql.importers.chrome.vocabulary import (
    Texts,
    Vocabulary,
    identifier,
    string,
    unread,
)
from traceql.kernels import work_args
from traceql.kernels.gather import MISSING, SAID
from traceql.kernels.key_table import KeyTable
from traceql.kernels.scanner import Scanner
from traceql.kernels.sort_out import CPU_PROFILE, MEMORY, TOTAL, Flags
from traceql.kernels.work_args import Facts as WorkFacts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from traceql.importers.chrome.kineto import Kineto

    Bool = NDArray[np.bool_]
    Int64 = NDArray[np.int64]

_SPECIAL = {b"[memory]": MEMORY, b"CpuProfile": CPU_PROFILE}
ROLES = ("", "launch", "kernel", "memcpy", "memset", "mtia", "unitrace")
KERNEL, MEMSET = 2, 4
KINDS = ("kernel", "memcpy", "memset")

# Fields of works, of which those from COPY to DESTINATION are numbers of texts.
(KIND, DEVICE, CONTEXT, STREAM, SIZE, COPY, SOURCE, DESTINATION) = range(8)
REST = 8
OCCUPANCY = 18
WORK_WIDTH = 19
# Fields of allocations.
BYTES, ON_DEVICE, ADDRESS, TOTAL_BYTES, RESERVED = range(5)

_KIND_NUMBERS = {kind: number for number, kind in enumerate(KINDS)}
_GRID, _BLOCK, _REGISTERS, _SHARED, _GRAPH, _NODE = 8, 11, 14, 15, 16, 17
_KERNEL_FACTS = {
    "device": (DEVICE, work_args.INT32),
    "context": (CONTEXT, work_args.INT),
    "stream": (STREAM, work_args.INT),
    "grid": (_GRID, work_args.THREE),
    "block": (_BLOCK, work_args.THREE),
    "registers per thread": (_REGISTERS, work_args.INT32),
    "shared memory": (_SHARED, work_args.INT),
    "graph id": (_GRAPH, work_args.INT),
    "graph node id": (_NODE, work_args.INT),
    "est. achieved occupancy %": (OCCUPANCY, work_args.SHARE),
}
"""What `kineto.work_of` reads of kernels."""
_KERNEL_KEYS = work_args.keys_of(_KERNEL_FACTS)
_COPY_KEYS = work_args.keys_of({
    **_KERNEL_FACTS,
    "bytes": (SIZE, work_args.INT),
    **dict.fromkeys(("size", "kind", "direction"), (SIZE, work_args.ABSENT)),
})  # fmt: skip
"""What it reads of copies; not where args say more of them than their names do."""
_DOUBLE, _SIGNED = struct.Struct("<d"), struct.Struct("<q")
_MOST_TEXT_BYTES = 32 << 20


class Lexicon:
    """A scanner, and what is known of the numbers in its columns."""

    def __init__(self, lifted: Sequence[str], kineto: Kineto) -> None:
        self.scanner = Scanner(lifted)
        self.spoiled = False
        """Whether keys have numbers that nobody visited."""
        self._kineto = kineto
        self.names = Vocabulary(self.scanner.names, string, _special)
        self.categories = Vocabulary(self.scanner.categories, string, partial(_role, kineto))
        self.texts = Vocabulary(self.scanner.texts, identifier)
        self.args = Args(self.scanner.args)
        self.unread = Vocabulary(self.scanner.extras, unread)
        self.lanes, self.tracks = KeyTable(), _numbers()
        self.processes, self.threads, self.marked = _numbers(), _numbers(), bytearray()
        self.asyncs, self.async_tracks, self.async_threads = KeyTable(), _numbers(), _numbers()
        self.work_keys, self.works, self.work_state = KeyTable(), Facts(WORK_WIDTH), _numbers()
        self.copies = Texts()
        self._copy_numbers: dict[str, int] = {}
        self.memory_keys, self.memories, self.memory_state = KeyTable(), Facts(5), _numbers()
        self.extra_keys, self.prefixes, self.suffixes = KeyTable(), Texts(), Texts()
        self.flow_keys, self.flow_texts = KeyTable(), Texts()
        self.counting = Counting()

    @property
    def full(self) -> bool:
        """Whether texts hardly repeat, so that remembering them does not pay."""
        scanner = self.scanner
        used = scanner.args.used_bytes + scanner.names.used_bytes + scanner.extras.used_bytes
        return used + scanner.texts.used_bytes > _MOST_TEXT_BYTES

    def learn(self) -> Flags:
        """Look at what is new in the scanner's dictionaries; give what is known of all texts."""
        self.names.learn()
        self.categories.learn()
        self.texts.learn()
        self.args.learn()
        self.unread.learn()
        return Flags(
            self.names.flags.array, self.categories.flags.array, self.args.flags.array,
            self.unread.flags.array, self.texts.flags.array, self.args.holes.array,
        )  # fmt: skip

    def _holes(self, args: int) -> int:
        return int(self.args.holes.array[args])

    def learn_works(self, names: Int64, args: Int64, roles: Int64) -> None:
        """Read work on devices: the next numbers of `work_keys`.

        Of each `work_state` becomes 0 where it is no work, -1 where the slow path must read it.
        """
        found = WorkFacts(
            np.zeros((WORK_WIDTH, args.size), np.int64),
            np.full((WORK_WIDTH, args.size), MISSING, np.int8),
            np.zeros(args.size),
        )
        is_copy = (roles > KERNEL) & (roles <= MEMSET)
        plain = self.args.read_works(np.where(roles == KERNEL, args, -1), _KERNEL_KEYS, found)
        if is_copy.any():
            is_copy &= self.args.read_works(np.where(is_copy, args, -1), _COPY_KEYS, found)
            plain |= is_copy
            self._read_names(names, is_copy, found)
        found.said[OCCUPANCY] = found.shares.view(np.int64)
        found.said[KIND], found.source[KIND] = roles - KERNEL, SAID
        states = np.ones(args.size, np.int64)
        for row in np.flatnonzero(~plain).tolist():
            states[row], said = self._work(int(names[row]), int(args[row]), int(roles[row]))
            for field, value in enumerate(said):
                found.said[field, row], found.source[field, row] = fact(value)
        self.work_state.extend(states)
        for field in range(WORK_WIDTH):
            self.works.extend_field(field, found.said[field], found.source[field])

    def _read_names(self, names: Int64, is_copy: Bool, found: WorkFacts) -> None:
        """Read what names say of copies; there are few names."""
        for name in np.unique(names[is_copy]).tolist():
            rows = is_copy & (names == name)
            said = copy_of(self.names.texts[name] if name >= 0 else "", {})
            for field, text in zip((COPY, SOURCE, DESTINATION), said, strict=True):
                if text is not None:
                    found.said[field, rows] = self._copy_number(text)
                    found.source[field, rows] = SAID

    def _work(self, name: int, args: int, role: int) -> tuple[int, tuple[int | None, ...]]:
        said: Mapping[str, Any] | None = {}
        if args >= 0:
            said = templates.read(self.args.raw(args), self._holes(args))
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
            memory_of(templates.read(self.args.raw(args), hole) or {})
            for args, hole in zip(keys, holes, strict=True)
        ]
        for found in rows:
            self.memory_state.append(-1 if found.size is None else 1)
        if rows:
            self.memories.extend(rows)

    def _copy_number(self, text: str | int) -> int:
        number = self._copy_numbers.setdefault(str(text), len(self._copy_numbers))
        if number == len(self.copies):
            self.copies.add(str(text))
        return number


def _numbers() -> Growing[np.int64]:
    return Growing(np.int64)


def _role(kineto: Kineto, raw: bytes) -> int:
    role = kineto.role(b'"' + raw + b'"') if string(raw) is not None else ""
    return ROLES.index(role)


def _special(raw: bytes) -> int:
    """Tell what is special about a name."""
    return _SPECIAL.get(raw, TOTAL if raw.startswith(b"Total ") else 0)
