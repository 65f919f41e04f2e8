"""Replay allocations: how much was allocated after each event, and which blocks were live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from traceql.analyses.memory._events import SITELESS

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]

NEVER = -1
"""A block that is not freed in the recording."""

UNKNOWN = -2
"""An event that allocates nothing, or whose end cannot be told without an address."""

Basis = Literal["recorded", "addresses", "relative"]


class Events(NamedTuple):
    """Events of one device, in order; all [n]."""

    id: Int64
    ts: Int64
    is_alloc: NDArray[np.bool_]
    address: Int64
    """NEVER where there is none."""
    bytes: Int64
    total: Int64 | None
    """Allocated in all after the event, where every event says it."""
    reserved: Int64 | None
    site: NDArray[np.int64]
    """Place in `sites`."""
    sites: list[str]


class Replay(NamedTuple):
    """What a replay tells.

    Attributes:
        level: bytes allocated after each event, int64 [n].
        base: before the first.
        dies: the event that frees the block of each allocation, NEVER or UNKNOWN; int64 [n].
        basis: recorded: the tool said the level. addresses: what was freed without being allocated
            was there before. relative: the level is at least this.
    """

    level: Int64
    base: int
    dies: Int64
    basis: Basis


def events(table: pa.Table) -> Events:
    """Read rows of the input `allocation` of one device; by ts, then id."""
    site = table["site"].combine_chunks().fill_null(SITELESS).dictionary_encode()
    return Events(
        table["id"].to_numpy().astype(np.int64),
        table["ts"].to_numpy(),
        table["is_alloc"].to_numpy(zero_copy_only=False).astype(bool),
        _ints(table, "address"),
        _ints(table, "bytes"),
        None if table["total_bytes"].null_count else _ints(table, "total_bytes"),
        None if table["reserved_bytes"].null_count else _ints(table, "reserved_bytes"),
        site.indices.to_numpy(zero_copy_only=False).astype(np.int64),
        site.dictionary.to_pylist(),
    )


def _ints(table: pa.Table, column: str) -> Int64:
    values = table.column(column).combine_chunks().fill_null(NEVER)
    return np.asarray(values.to_numpy(zero_copy_only=False), np.int64)


def replay(given: Events) -> Replay:
    """Replay the events of a device."""
    signed = np.where(given.is_alloc, given.bytes, -given.bytes)
    dies, before = _paired(given)
    if given.total is not None and len(signed):
        return Replay(given.total, int(given.total[0] - signed[0]), dies, "recorded")
    level = np.cumsum(signed)
    if not (given.address == NEVER).any():
        return Replay(level + before, before, dies, "addresses")
    base = int(max(-level.min(), 0)) if len(level) else 0
    return Replay(level + base, base, dies, "relative")


def _paired(given: Events) -> tuple[Int64, int]:
    """Give the end of each block, and the bytes of blocks that were there before.

    A block whose address is allocated again was freed unseen; it ends there.
    """
    n = len(given.address)
    dies = np.full(n, UNKNOWN)
    known = np.flatnonzero(given.address != NEVER)
    order = known[np.argsort(given.address[known], kind="stable")]
    if not len(order):
        return dies, 0
    same = given.address[order][1:] == given.address[order][:-1]
    following = np.append(np.where(same, order[1:], NEVER), NEVER)
    alloc = given.is_alloc[order]
    dies[order[alloc]] = following[alloc]
    first = np.append(True, ~same | ~alloc[:-1])
    before = order[~alloc & first]
    return dies, int(given.bytes[before].sum())


def live(found: Replay, at: int) -> Int64:
    """Give the allocations that are live after event `at`; those before the recording are not."""
    rows = np.flatnonzero(found.dies[: at + 1] != UNKNOWN)
    ends = found.dies[rows]
    alive: Int64 = rows[(ends == NEVER) | (ends > at)]
    return alive


def by_group(signed: Int64, group: Int64, groups: int, at: int) -> Int64:
    """Sum the signed bytes of each group up to event `at`, that included; int64 [groups]."""
    total = np.zeros(groups, np.int64)
    np.add.at(total, group[: at + 1], signed[: at + 1])
    return total


def by_site(given: Events, rows: Int64) -> Int64:
    """Sum the bytes of events by site; int64 [sites]."""
    total = np.zeros(len(given.sites), np.int64)
    np.add.at(total, given.site[rows], given.bytes[rows])
    return total
