"""The texts of a scanner's dictionaries: each judged once, and given as Arrow dictionaries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from traceql.importers import _json_grammar as grammar
from traceql.importers._json_stream import members_of
from traceql.importers.chrome.growing import Growing
from traceql.kernels.compose import Texts as Packed
from traceql.kernels.compose import compose
from traceql.kernels.sort_out import BAD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.kernels.intern import Dictionary
    from traceql.kernels.scan_columns import Columns

    Ids = NDArray[np.int32]
    Bool = NDArray[np.bool_]

Judge = Callable[[bytes], "str | None"]
Flag = Callable[[bytes], int]

_READ = frozenset((b"bind_id", b"id2", b"scope", b"flow_in", b"flow_out"))
"""Keys outside of the scanner's columns that readers of events look at."""


class Texts:
    """Texts by number, as Arrow columns that share one growing dictionary."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        # Who reads the columns meets texts again that have moved; untouched pages take no memory.
        self._data, self._ends = Growing(np.uint8, 1 << 20), Growing(np.int32, 1 << 16)
        self._ends.append(0)

    def __len__(self) -> int:
        return len(self.texts)

    def add(self, text: str) -> None:
        """Give a text the next number."""
        self.texts.append(text)
        self._data.extend(np.frombuffer(text.encode(), np.uint8))
        self._ends.append(len(self._data))

    @property
    def packed(self) -> Packed:
        """All texts, as kernels take them."""
        return Packed(self._data.array, self._ends.array)

    @property
    def array(self) -> pa.Array:
        """All texts; what was given earlier is a part of it, at the same place if possible."""
        return string_array(*self.packed)

    def column(self, ids: Ids) -> pa.DictionaryArray:
        """Give the texts of ids, null for -1."""
        return coded(ids, ids < 0, self.array)


class Vocabulary(Texts):
    """The texts of one dictionary.

    Args:
        dictionary: of a scanner; it grows.
        judge: gives the text behind its bytes, None where only the slow path reads it rightly.
        special: gives what is special about a text, by its bytes, as a number from 0 to 127.
    """

    def __init__(
        self, dictionary: Dictionary, judge: Judge, special: Flag = lambda _raw: 0
    ) -> None:
        super().__init__()
        self._dictionary, self._judge, self._special = dictionary, judge, special
        self.raw: list[bytes] = []
        self.flags = Growing(np.uint8)
        """BAD for texts that only the slow path reads rightly; from bit 1 on what is special."""
        self.seen = 0
        """Everything that is special about any of the texts, as a set of bits."""

    def learn(self) -> None:
        """Judge the texts that are new."""
        known = len(self.raw)
        if len(self._dictionary) == known:
            return
        fresh = self._dictionary.texts(known)
        for raw in fresh:
            text, special = self._judge(raw), self._special(raw)
            self.flags.append((BAD if text is None else 0) | special << 1)
            self.seen |= 1 << special
            self.add(text or "")
        self.raw += fresh


def token(columns: Columns, texts: Vocabulary, row: int, field: int, is_text: int) -> bytes | None:
    """Give the source text of a pid, tid or id; None if it is not there."""
    present = int(columns.present[row])
    if not present >> field & 1:
        return None
    number = int(columns.numbers[field][row])
    return b'"%b"' % texts.raw[number] if present >> is_text & 1 else b"%d" % number


def coded(codes: Ids, missing: Bool | None, texts: pa.Array) -> pa.DictionaryArray:
    """Give a dictionary-encoded column; codes that are missing may be anything."""
    if missing is not None and not missing.any():
        missing = None
    if missing is not None:
        codes = np.where(missing, np.int32(0), codes)
        if not len(texts):
            texts = pa.array([""], pa.string())
    indices = pa.array(np.ascontiguousarray(codes, np.int32), mask=missing)
    return pa.DictionaryArray.from_arrays(indices, texts, safe=False)


def string_array(
    data: NDArray[np.uint8], ends: NDArray[np.int32], missing: Bool | None = None
) -> pa.Array:
    """Give texts that lie one after the other, without copying, as an Arrow array."""
    some = missing is not None and missing.any()
    bits = pa.py_buffer(np.packbits(~missing, bitorder="little")) if some else None  # type: ignore[operator]
    buffers = [bits, pa.py_buffer(ends), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string(), ends.size - 1, buffers)


def around_numbers(
    before: Packed, after: Packed | None, codes: Ids, numbers: NDArray[np.int64], shown: Bool | None
) -> pa.Array:
    """Give texts around numbers, null where the code is -1.

    Args:
        before: what stands before, by code.
        after: what stands after; None: nothing.
        codes: int32 [n].
        numbers: int64 [n].
        shown: bool [n], where the number is written; None: everywhere.
    """
    if after is None:
        after = Packed(np.zeros(0, np.uint8), np.zeros(before.ends.size, np.int32))
    if shown is None:
        shown = np.ones(codes.size, np.bool_)
    found = compose(before, after, codes, numbers, shown)
    return string_array(found.data, found.ends, codes < 0)


def string(raw: bytes) -> str | None:
    """Read what stands between quotes; None where that is not all Unicode."""
    if b"\\" not in raw:
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return None
    damage: list[None] = []
    found = grammar.text(b'"' + raw + b'"', lambda: damage.append(None))
    return None if damage else found


def identifier(raw: bytes) -> str | None:
    """Read a textual pid, tid or id, as `string`."""
    return None if b"\0" in raw else string(raw)


def unread(raw: bytes) -> str | None:
    """Read an object of fields without a column; None where a reader looks at one of them."""
    keys = [key for key, _ in members_of(raw)]
    if len(set(keys)) < len(keys) or not _READ.isdisjoint(keys) or b"\0" in raw:
        return None
    return json_text(raw, raw)


def json_text(filled: bytes, raw: bytes) -> str | None:
    """Decode a text of which `filled` must be JSON; None where it is not, or not all Unicode."""
    match = grammar.VALUE.match(filled)
    if match is None or match.end() != len(filled):
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None
