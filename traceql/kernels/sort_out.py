"""Sort scanned events: which are read as columns, as what, and which only slowly."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.kernels.decorator import bare_kernel, inlined
from traceql.kernels.scan_columns import (
    ARGS,
    ARGS_ID,
    CATEGORY_ID,
    DUR,
    EXTRA_ID,
    ID,
    INSTANT_BYTE,
    NAME_ID,
    PHASE,
    PHASE_BYTE,
    PID,
    PID_IS_TEXT,
    TDUR,
    TID,
    TID_IS_TEXT,
    TS,
    TTS,
    Columns,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

SLOW, SPAN, EDGE, FLOW, COUNTER = range(5)
"""Groups of events."""
THREAD, PROCESS, GLOBAL, ASYNC, SERIES = range(5)
"""On what kind of track an event lies; on SERIES, those of counters, an event may be many times."""
BAD = 1
"""Flag of a text that only a slower reader reads rightly; what is special about it stands above."""
MEMORY, CPU_PROFILE, TOTAL = 1, 2, 3
"""What is special about a name."""
LAUNCH, FIRST_WORK = 1, 2
"""Roles of categories: calls that launch work on devices; from here on, such work."""

_PROCESS_OF = 1 << PID | 1 << PID_IS_TEXT
_PLACE = 1 << PID | 1 << TID | 1 << PID_IS_TEXT | 1 << TID_IS_TEXT
_KIND_SHIFT = 32
_X, _GLOBAL, _PROCESS = ord("X"), ord("g"), ord("p")
_INSTANT = 1
_ENDS = 2
_FLOW = 4
_ASYNC = 8
_SERIES = 16


def bits(*fields: int) -> int:
    """Give the set of fields as in `Columns.present`."""
    return sum(1 << field for field in fields)


class Phases(NamedTuple):
    """What holds for each phase, by its byte.

    Attributes:
        groups: uint8 [256]. traits: uint8 [256], a set of _INSTANT, _ENDS, _FLOW, _ASYNC, _SERIES.
        needed: int32 [256], fields that must be there. forbidden: int32 [256].
    """

    groups: NDArray[np.uint8]
    traits: NDArray[np.uint8]
    needed: NDArray[np.int32]
    forbidden: NDArray[np.int32]


class Flags(NamedTuple):
    """What is known of the texts of each dictionary, by number: BAD, and more from bit 1 on.

    Attributes:
        names: uint8, what is special. categories: uint8, roles. args: uint8, 1: averages.
        extras: uint8. texts: uint8. holes: int32, the holes of args.
    """

    names: NDArray[np.uint8]
    categories: NDArray[np.uint8]
    args: NDArray[np.uint8]
    extras: NDArray[np.uint8]
    texts: NDArray[np.uint8]
    holes: NDArray[np.int32]


class Sorted(NamedTuple):
    """What became of n events.

    Attributes:
        groups: uint8 [n], SLOW, SPAN, EDGE, FLOW or COUNTER.
        kinds: uint8 [n], THREAD, PROCESS, GLOBAL, ASYNC or SERIES.
        keys: int64 [3, n], what names the track: pid, tid, and which of them is there, and how.
        works: int64 [n], places of work on devices.
        memories: int64 [n], places of [memory] events.
    """

    groups: NDArray[np.uint8]
    kinds: NDArray[np.uint8]
    keys: NDArray[np.int64]
    works: NDArray[np.int64]
    memories: NDArray[np.int64]


def _phases() -> Phases:
    groups, traits = np.zeros(256, np.uint8), np.zeros(256, np.uint8)
    groups[list(b"XiIn")], groups[list(b"BEbe")], groups[list(b"stf")] = SPAN, EDGE, FLOW
    traits[list(b"iI")], traits[list(b"Ee")], traits[list(b"stf")] = _INSTANT, _ENDS, _FLOW
    traits[list(b"ben")] |= _ASYNC
    groups[ord("C")], traits[ord("C")] = COUNTER, _SERIES
    needed = np.full(256, 1 << 30, np.int32)  # a bit that no event has
    forbidden = np.full(256, bits(DUR), np.int32)
    needed[list(b"XBEiIbenstf")] = bits(TS, PHASE)
    needed[list(b"X")] |= bits(DUR)
    needed[list(b"benstf")] |= bits(ID)
    needed[ord("C")] = bits(TS, PHASE, ARGS)
    forbidden[list(b"XC")] = 0
    forbidden[list(b"stf")] = bits(DUR, TTS, TDUR)
    return Phases(groups, traits, needed, forbidden)


PHASES = _phases()


@inlined
def _flag(flags: NDArray[np.uint8], number: int) -> int:
    if number < 0:
        return 0
    found: int = flags[number]
    return found


@inlined
def _is_odd(columns: Columns, row: int, flags: Flags, phases: Phases) -> bool:
    """Tell whether only the slow path reads an event rightly."""
    phase, present = columns.marks[PHASE_BYTE, row], columns.present[row]
    needed = phases.needed[phase]
    if columns.odd[row] or present & needed != needed or present & phases.forbidden[phase]:
        return True
    holes = columns.holes[row]
    if phase == _X and columns.numbers[DUR, row] < 0:
        return True
    if holes and phases.traits[phase] & (_ENDS | _FLOW):
        return True
    args = columns.ids[ARGS_ID, row]
    bad = _flag(flags.names, columns.ids[NAME_ID, row])
    bad |= _flag(flags.categories, columns.ids[CATEGORY_ID, row])
    bad |= _flag(flags.args, args) | _flag(flags.extras, columns.ids[EXTRA_ID, row])
    # A text that looks like a template shares its number, without having holes.
    if bad & BAD or holes != (flags.holes[args] if args >= 0 else 0):
        return True
    for field in range(PID, ID + 1):
        if present >> (PID_IS_TEXT + field - PID) & 1:
            number = columns.numbers[field, row]
            if flags.texts[number] & BAD:
                return True
    return False


@inlined
def _kind(traits: int, scope: int) -> int:
    if traits & _ASYNC:
        return ASYNC
    if traits & _SERIES:
        return SERIES
    if traits & _INSTANT:
        if scope == _GLOBAL:
            return GLOBAL
        if scope == _PROCESS:
            return PROCESS
    return THREAD


@bare_kernel
def sort_events(
    columns: Columns, count: int, flags: Flags, phases: Phases, out: Sorted
) -> tuple[int, int, int, int]:
    """Sort the first events of a batch.

    Args:
        columns: scanned events.
        count: how many.
        flags: what is known of their texts.
        phases: PHASES.
        out: filled; its works and memories as far as the result says.

    Returns:
        How many are SLOW, work on devices, [memory] events, counters.
    """
    slow, works, memories, counters = 0, 0, 0, 0
    for row in range(count):
        phase, present = columns.marks[PHASE_BYTE, row], columns.present[row]
        traits, scope = phases.traits[phase], columns.marks[INSTANT_BYTE, row]
        kind = _kind(traits, scope)
        out.kinds[row] = kind
        out.keys[0, row] = columns.numbers[PID, row] if present >> PID & 1 else 0
        with_tid = kind != SERIES and present >> TID & 1
        out.keys[1, row] = columns.numbers[TID, row] if with_tid else 0
        place = _PROCESS_OF if kind == SERIES else _PLACE
        out.keys[2, row] = (present & place) | kind << _KIND_SHIFT
        odd = _is_odd(columns, row, flags, phases)
        if not odd:
            special = _flag(flags.names, columns.ids[NAME_ID, row]) >> 1
            args = columns.ids[ARGS_ID, row]
            if special == TOTAL:
                odd = phase == _X and _flag(flags.args, args) >> 1 != 0
            elif special == CPU_PROFILE:
                odd = traits & _INSTANT != 0
            elif special == MEMORY and traits & _INSTANT:
                odd = kind != THREAD or args < 0
                if not odd:
                    out.memories[memories] = row
                    memories += 1
            role = _flag(flags.categories, columns.ids[CATEGORY_ID, row]) >> 1
            if not odd and phase == _X and role >= FIRST_WORK:
                out.works[works] = row
                works += 1
        out.groups[row] = SLOW if odd else phases.groups[phase]
        slow += odd
        counters += out.groups[row] == COUNTER
    return slow, works, memories, counters
