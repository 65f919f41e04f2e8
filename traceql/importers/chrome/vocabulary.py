"""The texts of a scanner's dictionaries: each judged once, and given as Arrow dictionaries."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from traceql.importers import _json_grammar as grammar
from traceql.importers._json_stream import members_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.kernels.intern import Dictionary

    Ids = NDArray[np.int32]
    Bool = NDArray[np.bool_]

Judge = Callable[[bytes, int], "str | None"]
"""Takes the bytes of a text and its holes."""

_FEW, _SETTLED = 256, 4
"""A dictionary of few texts, or that did not grow for some columns, goes out as it is."""
_HOLE = re.compile(rb"\x01[A-P]")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_READ = frozenset((b"bind_id", b"id2", b"scope", b"flow_in", b"flow_out"))
"""Keys outside of the scanner's columns that readers of events look at."""


class Texts:
    """Texts by number, as Arrow columns."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._array = pa.array([], pa.string())
        self._seen = self._calls = 0

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def array(self) -> pa.Array:
        """All texts."""
        if len(self._array) != len(self.texts):
            self._array = pa.array(self.texts, pa.string())
        return self._array

    def column(self, ids: Ids) -> pa.DictionaryArray:
        """Give the texts of ids, null for -1."""
        size = len(self.texts)
        missing = ids < 0
        self._calls = self._calls + 1 if size == self._seen else 0
        self._seen = size
        if size <= _FEW or len(self._array) == size or self._calls >= _SETTLED:
            return coded(ids, missing, self.array)
        used = np.zeros(size + 1, np.bool_)
        used[ids] = True
        used[-1] = False
        places = np.cumsum(used, dtype=np.int32) - 1
        texts = pa.array([self.texts[n] for n in np.flatnonzero(used).tolist()], pa.string())
        return coded(places[ids], missing, texts)


class Vocabulary(Texts):
    """The texts of one dictionary.

    Args:
        dictionary: of a scanner; it grows.
        judge: gives the text behind its bytes, None where only the slow path reads it rightly.
    """

    def __init__(self, dictionary: Dictionary, judge: Judge) -> None:
        super().__init__()
        self._dictionary, self._judge = dictionary, judge
        self.raw: list[bytes] = []
        self._flags = bytearray()
        self.bad: Bool = np.zeros(0, np.bool_)
        """Bool [texts]: those that only the slow path reads rightly."""
        self.any_bad = False

    def learn(self) -> list[bytes]:
        """Judge the texts that are new, and give them as written."""
        known = len(self.raw)
        if len(self._dictionary) == known:
            return []
        fresh = self._dictionary.texts(known)
        notes = self._dictionary.table.notes[known : known + len(fresh)].tolist()
        for raw, note in zip(fresh, notes, strict=True):
            text = self._judge(raw, note)
            self._flags.append(text is None)
            self.texts.append(text or "")
        self.raw += fresh
        self.bad = np.frombuffer(bytes(self._flags), np.bool_)
        self.any_bad = bool(self.bad.any())
        return fresh

    def among_bad(self, ids: Ids) -> Bool:
        """Tell which ids are of bad texts; -1 is no text."""
        return np.append(self.bad, np.False_)[ids]


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


def string(raw: bytes, _note: int) -> str | None:
    """Read what stands between quotes; None where that is not all Unicode."""
    if b"\\" not in raw:
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return None
    damage: list[None] = []
    found = grammar.text(b'"' + raw + b'"', lambda: damage.append(None))
    return None if damage else found


def identifier(raw: bytes, note: int) -> str | None:
    """Read a textual pid, tid or id, as `string`."""
    return None if b"\0" in raw else string(raw, note)


def template(raw: bytes, holes: int) -> str | None:
    """Read a template of args; None where it is no JSON, or holds what looks like a hole."""
    filled, count = _HOLE.subn(b"0", raw)
    if count != holes.bit_count() or _CONTROL.search(filled):
        return None
    return _json(filled, raw)


def unread(raw: bytes, _note: int) -> str | None:
    """Read an object of fields without a column; None where a reader looks at one of them."""
    keys = [key for key, _ in members_of(raw)]
    if len(set(keys)) < len(keys) or not _READ.isdisjoint(keys) or b"\0" in raw:
        return None
    return _json(raw, raw)


def _json(filled: bytes, raw: bytes) -> str | None:
    match = grammar.VALUE.match(filled)
    if match is None or match.end() != len(filled):
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None
