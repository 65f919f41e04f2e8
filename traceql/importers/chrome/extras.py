"""The fields of plain events that have no column, as JSON texts in the order of the source."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers._json_stream import members_of
from traceql.importers.chrome.vocabulary import around_numbers
from traceql.kernels import scan_columns as at
from traceql.kernels.sort_out import GLOBAL, PROCESS, bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.importers._json_stream import Members
    from traceql.importers.chrome.context import Context
    from traceql.importers.chrome.lexicon import Lexicon
    from traceql.importers.chrome.numbering import Places
    from traceql.importers.chrome.plain import Plain
    from traceql.kernels.scan_columns import Columns

    Rows = NDArray[np.int64]

_ID = bits(at.ID)
_PLACE = bits(at.PID, at.TID)
_LEFT = np.full(256, bits(at.ID, at.BINDING, at.INSTANT, at.EXTRA), np.int32)
_LEFT[list(b"be")] = bits(at.BINDING, at.INSTANT, at.EXTRA)
_LEFT[list(b"n")] = bits(at.BINDING, at.INSTANT, at.EXTRA, at.PHASE)
_LEFT[list(b"iI")] |= bits(at.PHASE)
_LEFT[list(b"stf")] |= bits(at.ARGS)
"""Fields that have no column, by phase."""

_KEYS = {
    at.PID: b"pid", at.TID: b"tid", at.ID: b"id", at.PHASE: b"ph", at.BINDING: b"bp",
    at.INSTANT: b"s", at.ARGS: b"args",
}  # fmt: skip
_TEXTUAL = {at.PID: at.PID_IS_TEXT, at.TID: at.TID_IS_TEXT}
_MARKS = {at.PHASE: at.PHASE_BYTE, at.BINDING: at.BINDING_BYTE, at.INSTANT: at.INSTANT_BYTE}
_HERE = b"\0"


class Extras:
    """Writes the column `extra`, or `args` of flow points, of one batch."""

    def __init__(
        self, columns: Columns, plain: Plain, places: Places, lexicon: Lexicon, context: Context
    ) -> None:
        self._columns, self._kinds, self._places = columns, plain.kinds, places
        self._lexicon, self._context = lexicon, context
        self._left = self._fields_left()

    def _fields_left(self) -> NDArray[np.int32]:
        columns, places, lexicon = self._columns, self._places, self._lexicon
        left: NDArray[np.int32] = columns.present & _LEFT[columns.marks[at.PHASE_BYTE]]
        if self._kinds.any():
            left |= np.where(self._kinds == GLOBAL, columns.present & _PLACE, 0)
            left |= np.where(self._kinds == PROCESS, columns.present & bits(at.TID), 0)
        if places.asyncs.size:
            threads = lexicon.threads.array[places.lanes[places.asyncs]]
            elsewhere = lexicon.async_threads.array[places.async_ids] != threads
            rows = places.asyncs[elsewhere]
            left[rows] |= columns.present[rows] & _PLACE
        return left

    def column(self, rows: Rows) -> pa.Array | None:
        """Give the texts of some events, null where nothing is left; None if all are."""
        left = self._left[rows]
        some = np.flatnonzero(left)
        if not some.size:
            return None
        places = rows[some]
        found = np.full(left.size, -1, np.int32)
        found[some] = self._combinations(places)
        with_id = left & _ID != 0
        if not with_id.any():
            return self._lexicon.prefixes.column(found)
        if not (self._columns.present[rows] >> at.ID_IS_TEXT & 1).any():
            numbers = self._columns.numbers[at.ID][rows]
            before, after = self._lexicon.prefixes.packed, self._lexicon.suffixes.packed
            return around_numbers(before, after, found, numbers, with_id)
        tokens = id_tokens(self._columns, self._lexicon, places, lambda token: token.decode())
        tokens = pc.if_else(pa.array(with_id[some]), tokens, "")
        codes = pa.array(found[some])
        joined = pc.binary_join_element_wise(
            self._lexicon.prefixes.array.take(codes), tokens,
            self._lexicon.suffixes.array.take(codes), "",
        )  # fmt: skip
        if some.size == left.size:
            return joined
        order = np.cumsum(found >= 0) - 1
        return joined.take(pa.array(order, mask=found < 0))

    def _combinations(self, rows: NDArray[np.int64]) -> NDArray[np.int32]:
        """Number the texts, but for ids: few combinations of fields and values."""
        columns, left = self._columns, self._left[rows].astype(np.int64)
        marks = columns.marks[:, rows].astype(np.int64)
        second = left | marks[at.PHASE_BYTE] << 32 | marks[at.BINDING_BYTE] << 40
        second |= marks[at.INSTANT_BYTE] << 48
        other = np.where(left & bits(at.ARGS), columns.ids[at.ARGS_ID][rows], -1)
        other = np.where(left & _PLACE, self._places.lanes[rows], other)
        third = (columns.ids[at.EXTRA_ID][rows] + np.int64(1)) | (other + np.int64(1)) << 32
        order = columns.order[rows].view(np.int64)
        ids, fresh = self._lexicon.extra_keys.number(order, second, third)
        for row in rows[fresh].tolist():
            before, _, after = self._text(row).partition(_HERE.decode())
            self._lexicon.prefixes.add(before)
            self._lexicon.suffixes.add(after)
        return ids

    def _text(self, row: int) -> str:
        """Write the fields of an event, a zero byte where its id stands."""
        columns, lexicon = self._columns, self._lexicon
        left, order = int(self._left[row]), int(columns.order[row])
        extra = int(columns.ids[at.EXTRA_ID][row])
        unread = iter(members_of(lexicon.unread.raw[extra]) if extra >= 0 else ())
        members: Members = {}
        while order:
            field = (order & 15) - 1
            order >>= 4
            if field == at.EXTRA:
                key, value = next(unread)
                members[key] = value
            elif left >> field & 1:
                members[_KEYS[field]] = self._token(row, field)
        return self._context.other_fields(members, frozenset()) or ""

    def _token(self, row: int, field: int) -> bytes:
        columns, lexicon = self._columns, self._lexicon
        if field in _MARKS:
            return b'"%c"' % int(columns.marks[_MARKS[field]][row])
        if field == at.ID:
            return _HERE
        if field == at.ARGS:
            return lexicon.args.raw(int(columns.ids[at.ARGS_ID][row]))
        number = int(columns.numbers[field][row])
        if int(columns.present[row]) >> _TEXTUAL[field] & 1:
            return b'"%b"' % lexicon.texts.raw[number]
        return b"%d" % number


def id_tokens(
    columns: Columns, lexicon: Lexicon, rows: Rows, text: Callable[[bytes], str]
) -> pa.Array:
    """Give the ids of events as texts: numbers as they are, others by `text` of their token."""
    numbers = np.array(columns.numbers[at.ID][rows])
    has = (columns.present[rows] >> at.ID & 1).astype(np.bool_)
    is_text = (columns.present[rows] >> at.ID_IS_TEXT & 1).astype(np.bool_) & has
    if not is_text.any():
        return pa.array(numbers).cast(pa.string())
    used = np.unique(numbers[is_text])
    known = pa.array([text(b'"%b"' % lexicon.texts.raw[n]) for n in used.tolist()], pa.string())
    codes = np.searchsorted(used, np.where(is_text, numbers, used[0]))
    plain = pa.array(np.where(is_text, 0, numbers)).cast(pa.string())
    return pc.if_else(pa.array(is_text), known.take(pa.array(codes)), plain)
