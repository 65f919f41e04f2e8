"""Which scanned events are read as columns, and which go to the slow path."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.importers.chrome.lexicon import DEVICE, KERNEL
from traceql.importers.chrome.samples import NO_SAMPLES
from traceql.kernels import scan_columns as at
from traceql.kernels.sort_out import COUNTER, PHASES, SLOW, Sorted, sort_events

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.importers.chrome.lexicon import Lexicon
    from traceql.importers.chrome.samples import Samples
    from traceql.kernels.scan_columns import Columns
    from traceql.kernels.sort_out import Flags

    Int64 = NDArray[np.int64]
    Bool = NDArray[np.bool_]
    Numbered = tuple[Int64, NDArray[np.int32]]

INT32 = 1 << 31
_NONE = np.zeros(0, np.int64), np.zeros(0, np.int32)
_ENDS = np.zeros(256, np.bool_)
_ENDS[list(b"Ee")] = True


class Plain(NamedTuple):
    """What became of the events of a batch.

    Attributes:
        groups: uint8 [n], SLOW, SPAN, EDGE, FLOW or COUNTER.
        any_slow: whether any is SLOW.
        kinds: uint8 [n], THREAD, PROCESS, GLOBAL, ASYNC or SERIES.
        keys: int64 [3, n], what names the track.
        works: int64, places of work on devices; `work_ids`: their numbers in `works`.
        memories: int64, places of [memory] events; `memory_ids`: their numbers in `memories`.
        samples: those of counters.
    """

    groups: NDArray[np.uint8]
    any_slow: bool
    kinds: NDArray[np.uint8]
    keys: Int64
    works: Int64
    work_ids: NDArray[np.int32]
    memories: Int64
    memory_ids: NDArray[np.int32]
    samples: Samples


def ends(columns: Columns) -> Bool:
    """Tell which events end a slice, by their phase."""
    found: Bool = _ENDS[columns.marks[at.PHASE_BYTE]]
    return found


def sort_out(columns: Columns, lexicon: Lexicon, flags: Flags) -> Plain:
    """Judge the events of a batch; learns what is new of works and allocations."""
    count = columns.odd.size
    out = Sorted(
        np.empty(count, np.uint8), np.empty(count, np.uint8), np.empty((3, count), np.int64),
        np.empty(count, np.int64), np.empty(count, np.int64),
    )  # fmt: skip
    slow, works, memories, counters = sort_events(columns, count, flags, PHASES, out)
    left, samples = 0, NO_SAMPLES
    if works:
        of_work = _works(columns, lexicon, out.groups, out.works[:works])
        left += works - of_work[0].size
    else:
        of_work = _NONE
    if memories:
        of_memory = _memories(columns, lexicon, out.groups, out.memories[:memories])
        left += memories - of_memory[0].size
    else:
        of_memory = _NONE
    if counters:
        samples = lexicon.counting.samples(columns, out.groups, lexicon.args)
        left += counters - int(np.count_nonzero(out.groups == COUNTER))
    any_slow = slow > 0 or (left > 0 and not out.groups.all())
    return Plain(out.groups, any_slow, out.kinds, out.keys, *of_work, *of_memory, samples)


def _works(columns: Columns, lexicon: Lexicon, groups: NDArray[np.uint8], rows: Int64) -> Numbered:
    """Read work on devices; what cannot be read here becomes SLOW."""
    names, args = columns.ids[at.NAME_ID][rows], columns.ids[at.ARGS_ID][rows]
    roles = lexicon.categories.flags.array[columns.ids[at.CATEGORY_ID][rows]].astype(np.int64) >> 1
    names = np.where(roles == KERNEL, -1, names)  # of kernels, names say nothing
    ids, fresh = lexicon.work_keys.number(names.astype(np.int64), args.astype(np.int64), roles)
    if fresh.size:
        lexicon.learn_works(names[fresh], args[fresh].astype(np.int64), roles[fresh])
    state = lexicon.work_state.array[ids]
    device, _ = lexicon.works.gather(DEVICE, ids, columns.lifted, rows)
    unread = (state < 0) | (device < -INT32) | (device >= INT32)
    groups[rows[unread]] = SLOW
    kept = (state > 0) & ~unread
    return rows[kept], ids[kept]


def _memories(
    columns: Columns, lexicon: Lexicon, groups: NDArray[np.uint8], rows: Int64
) -> Numbered:
    args = columns.ids[at.ARGS_ID][rows].astype(np.int64)
    zero = np.zeros(rows.size, np.int64)
    ids, fresh = lexicon.memory_keys.number(args, zero, zero)
    lexicon.learn_memories(args[fresh].tolist())
    state = lexicon.memory_state.array[ids]
    groups[rows[state < 0]] = SLOW
    return rows[state > 0], ids[state > 0]
