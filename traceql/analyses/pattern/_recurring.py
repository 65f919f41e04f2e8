"""Find the sequences of operations that recur on one track."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.model.protocols import Tables

    Ints = NDArray[np.int64]

_LENGTHS = (2, 3, 4, 6, 8, 12, 16)
_LONGEST = 64
_TRIED = 40
SCHEMA = pa.schema(
    [
        ("track_id", pa.int64()), ("is_device", pa.bool_()), ("names", pa.list_(pa.string())),
        ("support", pa.int64()), ("cost_dur", pa.int64()), ("idle_dur", pa.int64()),
        ("track_cost_dur", pa.int64()), ("track_ops", pa.int64()), ("start_ts", pa.int64()),
        ("end_ts", pa.int64()), ("first_id", pa.int64()), ("last_id", pa.int64()),
    ]
)  # fmt: skip


class Sequence(NamedTuple):
    """Operations that recur: symbols, and where they begin (ascending)."""

    symbols: tuple[int, ...]
    places: Ints


def measure(tables: Tables, least_support: int, most: int) -> pa.Table:
    """Find the costliest sequences of one track.

    Args:
        tables: the inputs of `pattern.sequences`, the operations of one track.
        least_support: fewest occurrences.
        most: sequences.

    Returns:
        SCHEMA: a row without names for the track, then its sequences.
    """
    ops = tables["ops"]
    if not ops.num_rows:
        return SCHEMA.empty_table()
    symbols, cost = ops["name_id"].to_numpy(), ops["cost_dur"].to_numpy()
    ts, end = ops["ts"].to_numpy(), ops["ts"].to_numpy() + ops["dur"].to_numpy()
    before = np.concatenate((ts[:1], np.maximum.accumulate(end)[:-1]))
    gap = np.maximum(ts - before, 0)
    is_device = bool(ops["is_device"][0].as_py())
    ids = ops["id"].to_numpy()
    base = {
        "track_id": int(ops["track_id"][0].as_py()), "is_device": is_device,
        "track_cost_dur": int(cost.sum()), "track_ops": len(ts), "start_ts": int(ts[0]),
        "end_ts": int(end.max()), "first_id": int(ids[0]), "last_id": int(ids[-1]),
    }  # fmt: skip
    texts = dict(zip(tables["name"]["id"].to_pylist(), tables["name"]["text"].to_pylist(),
                     strict=True))  # fmt: skip
    rows: list[dict[str, Any]] = [base]
    total_cost, total_gap = _running(cost), _running(gap)
    for found in sequences(symbols, cost, least_support, most):
        length, alone = len(found.symbols), _apart(found.places, len(found.symbols))
        last = alone + length
        rows.append({
            **base, "names": [texts[symbol] for symbol in found.symbols],
            "support": len(found.places),
            "cost_dur": int((total_cost[last] - total_cost[alone]).sum()),
            "idle_dur": int((total_gap[last] - total_gap[alone + 1]).sum()) if is_device else 0,
        })  # fmt: skip
    return pa.Table.from_pylist(rows, SCHEMA)


def _running(values: Ints) -> Ints:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(values)))


def sequences(symbols: Ints, cost: Ints, least_support: int, most: int) -> list[Sequence]:
    """Find the costliest sequences that recur, none of whose operations are in one before.

    Args:
        symbols: int64 [n]; negative ones are in no sequence.
        cost: int64 [n], >= 0.
        least_support: fewest occurrences, of those that do not touch a costlier sequence.
        most: sequences.
    """
    free = symbols >= 0
    total = _running(cost)
    found: list[Sequence] = []
    for places, length in _candidates(symbols, total, least_support):
        if len(found) == most:
            break
        taken = _running((~free).astype(np.int64))
        open_ = places[taken[places + length] == taken[places]]
        apart = _apart(open_, length)
        # What overlaps itself is longer than the loop it comes from.
        if len(apart) < max(least_support, len(open_) / 2):
            continue
        start, reach = _closed(symbols, free, apart, length)
        found.append(Sequence(tuple(symbols[start[0] : start[0] + reach].tolist()), start))
        for place in range(reach):
            free[start + place] = False
    return [_everywhere(symbols, sequence) for sequence in found]


def _candidates(symbols: Ints, total: Ints, least: int) -> Iterator[tuple[Ints, int]]:
    """Give places and length of recurring sequences, the costliest first."""
    graded: list[tuple[int, int, Ints]] = []
    for length, grams in _grams(symbols):
        order = np.argsort(grams, kind="stable")
        starts = np.flatnonzero(np.append(True, np.diff(grams[order]) != 0))
        counts = np.diff(np.append(starts, len(order)))
        costs = np.add.reduceat(total[order + length] - total[order], starts)
        often = np.flatnonzero(counts >= least)
        best = often[np.argsort(-costs[often], kind="stable")][:_TRIED]
        for group in best.tolist():
            places = order[starts[group] : starts[group] + counts[group]]
            gram = symbols[places[0] : places[0] + length]
            if gram.min() >= 0 and not _repeats(gram):
                graded.append((int(costs[group]), length, places))
    graded.sort(key=lambda one: (-one[0], -one[1], int(one[2][0])))
    for _, length, places in graded:
        yield places, length


def _grams(symbols: Ints) -> Iterator[tuple[int, Ints]]:
    """Number the sequences of each length that begin at each place."""
    known: dict[int, Ints] = {1: np.unique(symbols, return_inverse=True)[1].astype(np.int64)}
    for length in _LENGTHS:
        if length > len(symbols):
            return
        half = max(part for part in known if part < length)
        rest = max(part for part in known if part <= length - half)
        left, right = known[half][: len(symbols) - length + 1], known[rest][length - rest :]
        pairs = left * (len(symbols) + 1) + right[: len(left)]
        known[length] = np.unique(pairs, return_inverse=True)[1].astype(np.int64)
        yield length, known[length]


def _repeats(gram: Ints) -> bool:
    """Say whether a sequence is a shorter one again and again, the last time perhaps cut off."""
    return any(bool((gram[part:] == gram[:-part]).all()) for part in range(1, len(gram) // 2 + 1))


def _apart(places: Ints, length: int) -> Ints:
    """Leave out occurrences that overlap an earlier one; a run of overlaps keeps its first."""
    if not len(places):
        return places
    kept: Ints = places[np.append(True, np.diff(places) >= length)]
    return kept


def _closed(symbols: Ints, free: NDArray[np.bool_], start: Ints, length: int) -> tuple[Ints, int]:
    """Grow a sequence at its ends as long as all occurrences agree, and touch nothing else."""
    room = int(np.diff(start).min()) if len(start) > 1 else _LONGEST
    while length < min(_LONGEST, room) and start[-1] + length < len(symbols):
        after = start + length
        if not free[after].all() or (symbols[after] != symbols[after[0]]).any():
            break
        if _repeats(symbols[start[0] : after[0] + 1]):
            break
        length += 1
    while length < min(_LONGEST, room) and start[0] > 0:
        before = start - 1
        if not free[before].all() or (symbols[before] != symbols[before[0]]).any():
            break
        if _repeats(symbols[before[0] : start[0] + length]):
            break
        start, length = before, length + 1
    return start, length


def _everywhere(symbols: Ints, sequence: Sequence) -> Sequence:
    """Give all places where a sequence begins, also those that overlap another."""
    length = len(sequence.symbols)
    places = np.flatnonzero(symbols[: len(symbols) - length + 1] == sequence.symbols[0])
    for i, symbol in enumerate(sequence.symbols):
        places = places[symbols[places + i] == symbol]
    return Sequence(sequence.symbols, places)
