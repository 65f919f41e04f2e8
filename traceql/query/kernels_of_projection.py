"""Projection of ranges onto device work as SQL functions; queries/gpu/projection.sql calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from traceql.query.relations import Lists, as_lists, sql_kernel

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from traceql.kernels.project import Tree

    Int64 = NDArray[np.int64]

_RANGES = "STRUCT(id BIGINT, ts BIGINT, dur BIGINT)[]"
_WORKS = (
    "STRUCT(id BIGINT, call_id BIGINT, call_ts BIGINT, call_dur BIGINT, ts BIGINT, dur BIGINT)[]"
)


class _Swept(NamedTuple):
    tree: Tree
    offsets: Int64
    ids: Int64
    """Of ranges."""
    works: list[Int64]
    """id, ts, dur."""
    work_offsets: Int64
    call: Int64
    """[works]: row of the call."""


def _sweep(ranges: pa.Array, works: pa.Array) -> _Swept:
    import numpy as np

    from traceql.kernels import project, segments

    marked, given = Lists(ranges), Lists(works)
    start, length, ids = marked.sorted(
        "ts dur id", lambda r: (r["ts"], -segments.ends_of(r["ts"], r["dur"]), r["id"])
    )
    call_id, call_ts, call_dur, work, ts, dur = given.sorted(
        "call_id call_ts call_dur id ts dur", lambda r: (r["call_ts"], r["call_id"], r["id"])
    )
    is_first = np.ones(len(call_id), np.bool_)
    is_first[1:] = call_id[1:] != call_id[:-1]
    is_first[given.offsets[:-1][given.offsets[:-1] < len(call_id)]] = True
    call = np.cumsum(is_first) - 1
    call_offsets = np.concatenate(([0], np.cumsum(is_first)))[given.offsets]
    tree = project.tree(
        marked.offsets, start, segments.ends_of(start, length),
        call_offsets, call_ts[is_first], segments.ends_of(call_ts, call_dur)[is_first],
    )  # fmt: skip
    return _Swept(tree, marked.offsets, ids, [work, ts, dur], given.offsets, call)


@sql_kernel(
    _RANGES,
    _WORKS,
    gives="STRUCT(id BIGINT, parent_id BIGINT, level BIGINT, ts BIGINT, dur BIGINT, "
    "call_count BIGINT, op_count BIGINT, sum_dur BIGINT, busy_dur BIGINT, own_op_count BIGINT, "
    "own_sum_dur BIGINT, own_busy_dur BIGINT)[]",
)
def gpu_project(ranges: pa.Array, works: pa.Array) -> pa.Array:
    """Give the ranges that launched work, with what it amounts to."""
    import numpy as np
    import pyarrow as pa

    from traceql.kernels import project, segments

    swept = _sweep(ranges, works)
    _, ts, dur = swept.works
    order = segments.order(swept.work_offsets, ts)
    if order is None:
        order = np.arange(len(ts))
    sums = project.totals(swept.tree, swept.call, ts, ts + dur, order)
    kept = np.flatnonzero(sums.work_count)
    parent = swept.tree.parent[kept]
    columns: dict[str, Any] = {
        "id": swept.ids[kept],
        "parent_id": pa.array(swept.ids[parent] if len(kept) else parent, mask=parent < 0),
        "level": swept.tree.level[kept],
        "ts": sums.ts[kept],
        "dur": (sums.end - sums.ts)[kept],
        "call_count": sums.call_count[kept],
        "op_count": sums.work_count[kept],
        "sum_dur": sums.sum_dur[kept],
        "busy_dur": sums.busy_dur[kept],
        "own_op_count": sums.own_work_count[kept],
        "own_sum_dur": sums.own_sum_dur[kept],
        "own_busy_dur": sums.own_busy_dur[kept],
    }
    return as_lists(np.diff(np.searchsorted(kept, swept.offsets)), columns)


@sql_kernel(
    _RANGES,
    _WORKS,
    gives="STRUCT(id BIGINT, range_id BIGINT, is_innermost BOOLEAN)[]",
)
def gpu_project_pairs(ranges: pa.Array, works: pa.Array) -> pa.Array:
    """Give every work with every range around the call that launched it."""
    import numpy as np

    from traceql.kernels import project

    swept = _sweep(ranges, works)
    work, around = project.pairs(swept.tree, swept.call)
    ids = swept.works[0]
    columns = {
        "id": ids[work] if len(ids) else work,
        "range_id": swept.ids[around] if len(swept.ids) else around,
        "is_innermost": swept.tree.innermost[swept.call[work]] == around
        if len(ids)
        else np.empty(0, np.bool_),
    }
    return as_lists(np.diff(np.searchsorted(work, swept.work_offsets)), columns)
