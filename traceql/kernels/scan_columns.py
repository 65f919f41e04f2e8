"""What the scanner of Chrome events writes, and what it works with: arrays of its caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from traceql.kernels.intern import Table

# Fields, as bits of `Columns.present`; the first seven are also rows of `Columns.numbers`.
TS, DUR, TTS, TDUR, PID, TID, ID, NAME, CATEGORY, PHASE, BINDING, INSTANT, ARGS, EXTRA = range(14)
# Bits of `Columns.present`: this identifier is a text, and `numbers` has its id.
PID_IS_TEXT, TID_IS_TEXT, ID_IS_TEXT = 16, 17, 18
# Rows of `Columns.ids` and `Columns.marks`.
NAME_ID, CATEGORY_ID, ARGS_ID, EXTRA_ID = range(4)
PHASE_BYTE, BINDING_BYTE, INSTANT_BYTE = range(3)

# What became of an event.
PLAIN, ODD, FULL_NAMES, FULL_CATEGORIES, FULL_TEXTS, FULL_ARGS, FULL_EXTRAS = range(7)


class Columns(NamedTuple):
    """What the scanner writes; column i belongs to event i. Absent values are not written.

    Attributes:
        numbers: int64 [7, n], rows TS..ID; times in ns.
        lifted: int64 [16, n], the integers taken out of args.
        ids: int32 [4, n], numbers in the dictionaries, -1 if absent.
        marks: uint8 [3, n], the one byte of ph, bp, s; 0 if absent.
        present: int32 [n], bit f is on where field f is there.
        order: uint64 [n], the fields as the source has them, 4 bits each from the lowest:
            field + 1, then zeros; EXTRA stands for every member without a column.
        holes: int32 [n], bit k is on where lifted[k] has a value.
        odd: uint8 [n], 1 where nothing else holds.
    """

    numbers: NDArray[np.int64]
    lifted: NDArray[np.int64]
    ids: NDArray[np.int32]
    marks: NDArray[np.uint8]
    present: NDArray[np.int32]
    order: NDArray[np.uint64]
    holes: NDArray[np.int32]
    odd: NDArray[np.uint8]


class Tables(NamedTuple):
    """Dictionaries of one scanner: texts between quotes, args templates, extra objects."""

    names: Table
    categories: Table
    texts: Table
    args: Table
    extras: Table


class LiftedKeys(NamedTuple):
    """Keys of args whose integers are lifted, hashed by first and last 8 bytes and length.

    Attributes:
        first: uint64 [256]. last: uint64 [256]. length: int64 [256], 0 is free.
        column: int64 [256], row of `Columns.lifted`.
        text: uint8 [256, width], the whole key, for those longer than both ends together.
    """

    first: NDArray[np.uint64]
    last: NDArray[np.uint64]
    length: NDArray[np.int64]
    column: NDArray[np.int64]
    text: NDArray[np.uint8]


class Memory(NamedTuple):
    """Working memory.

    Attributes:
        template: uint8, longer than any event by 128. extra: the same.
        guesses: int32 [2^17], 1 + the args template that came last: first half by hash of
            (name, template of the event before), second half by hash of the name alone.
        previous: int64 [1], args template of the event before.
    """

    template: NDArray[np.uint8]
    extra: NDArray[np.uint8]
    guesses: NDArray[np.int32]
    previous: NDArray[np.int64]
