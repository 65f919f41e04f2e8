"""Which scanned events are read as columns, and which go to the slow path."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.importers.chrome.lexicon import CPU_PROFILE, DEVICE, FIRST_WORK, KERNEL, MEMORY, TOTAL
from traceql.kernels import scan_columns as at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.importers.chrome.lexicon import Lexicon
    from traceql.kernels.scan_columns import Columns

    Int64 = NDArray[np.int64]
    Bool = NDArray[np.bool_]

SLOW, SPAN, EDGE, FLOW = range(4)
"""Groups of events."""

_GROUPS = np.zeros(256, np.uint8)
_GROUPS[list(b"XiIn")] = SPAN
_GROUPS[list(b"BEbe")] = EDGE
_GROUPS[list(b"stf")] = FLOW
_IMPOSSIBLE = 1 << 30


def bits(*fields: int) -> int:
    """Give the set of fields as in `Columns.present`."""
    return sum(1 << field for field in fields)


_NEEDED = np.full(256, _IMPOSSIBLE, np.int32)
_FORBIDDEN = np.full(256, bits(at.DUR), np.int32)
_NEEDED[list(b"XBEiIbenstf")] = bits(at.TS, at.PHASE)
_NEEDED[list(b"X")] |= bits(at.DUR)
_NEEDED[list(b"benstf")] |= bits(at.ID)
_FORBIDDEN[list(b"X")] = 0
_FORBIDDEN[list(b"stf")] = bits(at.DUR, at.TTS, at.TDUR)
_ENDS = np.zeros(256, np.bool_)
_ENDS[list(b"Ee")] = True
_UNLIFTED = _ENDS.copy()
_UNLIFTED[list(b"stf")] = True
_TEXTUAL = ((at.PID, at.PID_IS_TEXT), (at.TID, at.TID_IS_TEXT), (at.ID, at.ID_IS_TEXT))
INT32 = 1 << 31


class Plain(NamedTuple):
    """What became of the events of a batch.

    Attributes:
        groups: uint8 [n], SLOW, SPAN, EDGE or FLOW.
        works: int64, places of work on devices; `work_ids`: their numbers in `works`.
        memories: int64, places of [memory] events; `memory_ids`: their numbers in `memories`.
    """

    groups: NDArray[np.uint8]
    works: Int64
    work_ids: NDArray[np.int32]
    memories: Int64
    memory_ids: NDArray[np.int32]


def ends(columns: Columns) -> Bool:
    """Tell which events end a slice, by their phase."""
    found: Bool = _ENDS[columns.marks[at.PHASE_BYTE]]
    return found


def sort_out(columns: Columns, lexicon: Lexicon) -> Plain:
    """Judge the events of a batch; learns what is new of works and allocations."""
    phases, present = columns.marks[at.PHASE_BYTE], columns.present
    needed = _NEEDED[phases]
    odd = columns.odd.view(np.bool_) | (present & needed != needed)
    odd |= present & _FORBIDDEN[phases] != 0
    odd |= (phases == ord("X")) & (columns.numbers[at.DUR] < 0)
    odd |= _UNLIFTED[phases] & (columns.holes != 0)
    _mark_bad_texts(columns, lexicon, odd)
    memories = _special(columns, lexicon, odd)
    groups = np.where(odd, np.uint8(SLOW), _GROUPS[phases])
    works, work_ids = _works(columns, lexicon, groups)
    memories, memory_ids = _memories(columns, lexicon, groups, memories)
    return Plain(groups, works, work_ids, memories, memory_ids)


def _mark_bad_texts(columns: Columns, lexicon: Lexicon, odd: Bool) -> None:
    vocabularies = (
        (lexicon.names, at.NAME_ID), (lexicon.categories, at.CATEGORY_ID),
        (lexicon.args, at.ARGS_ID), (lexicon.unread, at.EXTRA_ID),
    )  # fmt: skip
    for vocabulary, row in vocabularies:
        if vocabulary.any_bad:
            odd |= vocabulary.among_bad(columns.ids[row])
    # A text that looks like a template shares its number, without having holes.
    odd |= np.append(lexicon.holes.array, 0)[columns.ids[at.ARGS_ID]] != columns.holes
    if lexicon.texts.any_bad:
        for field, is_text in _TEXTUAL:
            here = np.flatnonzero((columns.present >> is_text & 1).astype(np.bool_) & ~odd)
            odd[here] |= lexicon.texts.bad[columns.numbers[field][here]]


def _special(columns: Columns, lexicon: Lexicon, odd: Bool) -> Int64:
    """Mark profiles and averages; give the places of [memory] events."""
    kinds = lexicon.special.array
    if not kinds.any():
        return np.zeros(0, np.int64)
    kind = np.append(kinds, 0)[columns.ids[at.NAME_ID]]
    phases = columns.marks[at.PHASE_BYTE]
    instant = (phases == ord("i")) | (phases == ord("I"))
    odd |= (kind == CPU_PROFILE) & instant
    average = np.append(lexicon.averages.array, 0)[columns.ids[at.ARGS_ID]] != 0
    odd |= (kind == TOTAL) & (phases == ord("X")) & average
    scope = columns.marks[at.INSTANT_BYTE]
    memory = (kind == MEMORY) & instant
    odd |= memory & ((scope == ord("g")) | (scope == ord("p")) | (columns.ids[at.ARGS_ID] < 0))
    return np.flatnonzero(memory & ~odd)


def _works(
    columns: Columns, lexicon: Lexicon, groups: NDArray[np.uint8]
) -> tuple[Int64, NDArray[np.int32]]:
    """Find work on devices; what cannot be read here becomes SLOW."""
    none = np.zeros(0, np.int64), np.zeros(0, np.int32)
    if not (lexicon.roles.array >= FIRST_WORK).any():
        return none
    role = np.append(lexicon.roles.array, 0)[columns.ids[at.CATEGORY_ID]]
    whole = (columns.marks[at.PHASE_BYTE] == ord("X")) & (groups == SPAN)
    rows = np.flatnonzero(whole & (role >= FIRST_WORK))
    if not rows.size:
        return none
    names, args = columns.ids[at.NAME_ID][rows], columns.ids[at.ARGS_ID][rows]
    names = np.where(role[rows] == KERNEL, -1, names)  # of kernels, names say nothing
    ids, fresh = lexicon.work_keys.number(names.astype(np.int64), args.astype(np.int64), role[rows])
    lexicon.learn_works(
        list(
            zip(
                names[fresh].tolist(), args[fresh].tolist(), role[rows[fresh]].tolist(), strict=True
            )
        )
    )
    state = lexicon.work_state.array[ids]
    device, _ = lexicon.works.gather(DEVICE, ids, columns.lifted, rows)
    unread = (state < 0) | (device < -INT32) | (device >= INT32)
    groups[rows[unread]] = SLOW
    kept = (state > 0) & ~unread
    return rows[kept], ids[kept]


def _memories(
    columns: Columns, lexicon: Lexicon, groups: NDArray[np.uint8], rows: Int64
) -> tuple[Int64, NDArray[np.int32]]:
    args = columns.ids[at.ARGS_ID][rows].astype(np.int64)
    zero = np.zeros(rows.size, np.int64)
    ids, fresh = lexicon.memory_keys.number(args, zero, zero)
    lexicon.learn_memories(args[fresh].tolist())
    state = lexicon.memory_state.array[ids]
    groups[rows[state < 0]] = SLOW
    return rows[state > 0], ids[state > 0]
