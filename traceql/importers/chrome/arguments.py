"""The templates of args that a scanner has met: judged by a kernel, and given without copies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from traceql.importers.chrome import templates
from traceql.importers.chrome.growing import Growing
from traceql.importers.chrome.kineto import positive
from traceql.importers.chrome.templates import Facts, Hole
from traceql.importers.chrome.vocabulary import coded, json_text, string_array
from traceql.kernels import args_judge
from traceql.kernels.args_judge import judge_templates
from traceql.kernels.gather import MISSING, SAID
from traceql.kernels.sort_out import BAD
from traceql.kernels.work_args import read_works

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from traceql.kernels.intern import Dictionary
    from traceql.kernels.work_args import Facts as WorkFacts
    from traceql.kernels.work_args import Keys

    Bool = NDArray[np.bool_]
    Int64 = NDArray[np.int64]

IS_AVERAGE = 1 << 1
"""Flag of args that sum up what they do not show."""
IS_SURE = 1 << 2
"""Flag of args that are strictly JSON."""

_HOLE = re.compile(rb"\x01[A-P]")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_CORRELATION = templates.KEYS.index("correlation")


class Args:
    """The templates of one scanner's dictionary, by number.

    Attributes:
        flags: BAD for those that only the slow path reads rightly, IS_AVERAGE, IS_SURE.
        holes: the holes of each.
        correlations: what they say of a correlation; of one field.
    """

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary
        self.flags, self.holes = Growing(np.uint8), Growing(np.int32)
        self.correlations = Facts(1)
        self._ends = Growing(np.int32, 1 << 16)
        self._ends.append(0)

    def __len__(self) -> int:
        return len(self.flags)

    def raw(self, number: int) -> bytes:
        """Give a template as bytes."""
        begin, end = self._ends.array[number : number + 2].tolist()
        return self._dictionary.table.arena[begin:end].tobytes()

    def learn(self) -> None:
        """Judge the templates that are new."""
        table, known, size = self._dictionary.table, len(self), len(self._dictionary)
        if size == known:
            return
        verdicts = np.empty(size - known, np.uint8)
        bit = 1 << _CORRELATION
        judge_templates(table.arena, table.offsets, table.notes, known, bit, verdicts)
        self.holes.extend(table.notes[known:size])
        self._ends.extend(table.offsets[known + 1 : size + 1])
        flags = np.where(verdicts & args_judge.AVERAGE, IS_AVERAGE | IS_SURE, IS_SURE)
        source = np.where(verdicts & args_judge.CORRELATION, _CORRELATION, MISSING).astype(np.int8)
        said = np.zeros(verdicts.size, np.int64)
        for place in np.flatnonzero(verdicts == 0).tolist():
            number = known + place
            flags[place], correlation = _judged(self.raw(number), int(self.holes.array[number]))
            if isinstance(correlation, Hole):
                source[place] = correlation - 1
            elif correlation is not None:
                source[place], said[place] = SAID, correlation
        self.flags.extend(flags)
        self.correlations.extend_field(0, said, source)

    def read_works(self, numbers: Int64, keys: Keys, out: WorkFacts) -> Bool:
        """Read facts of some templates; tell of which all were read (`kernels.work_args`)."""
        plain = np.empty(numbers.size, np.bool_)
        read_works(*self.sure(numbers), keys, out, plain)
        return plain

    def sure(self, numbers: Int64) -> tuple[NDArray[np.uint8], Int64, Int64]:
        """Give arena and offsets of all templates; and numbers, -1 where one is not surely JSON."""
        sure = np.append(self.flags.array, 0)[numbers] & IS_SURE != 0
        table = self._dictionary.table
        return table.arena, table.offsets, np.where(sure, numbers, -1)

    def column(self, ids: NDArray[np.int32]) -> pa.DictionaryArray:
        """Give the templates of ids, null for -1.

        The dictionary is the scanner's own, which only grows; bad texts in it may be anything.
        """
        arena = self._dictionary.table.arena[: self._dictionary.used_bytes]
        return coded(ids, ids < 0, string_array(arena, self._ends.array))


def template(raw: bytes, holes: int) -> str | None:
    """Read a template of args; None where it is no JSON, or holds what looks like a hole."""
    filled, count = _HOLE.subn(b"0", raw)
    if count != holes.bit_count() or _CONTROL.search(filled):
        return None
    return json_text(filled, raw)


def _judged(raw: bytes, holes: int) -> tuple[int, int | None]:
    """Judge a template that the kernel was not sure of: its flags, and its correlation."""
    is_good = template(raw, holes) is not None
    correlation: int | None = None
    mentions = raw.lower().count(b"correlation") if is_good else 0
    if mentions == 1 and holes & 1 << _CORRELATION and b"\\u" not in raw:
        correlation = None if templates.plainly(raw) is None else Hole(_CORRELATION + 1)
    elif mentions:
        said = templates.read(raw, holes) if b"orrelation" in raw else None
        correlation = positive(said.get("correlation")) if said is not None else None
        is_good = said is not None
    flags = IS_AVERAGE if b'"avg ms"' in raw else 0
    return flags | (0 if is_good else BAD), correlation
