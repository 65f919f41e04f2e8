"""Kernels over intervals as SQL functions; the macros that call them are in queries/intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traceql.query.relations import Lists, as_lists, constant, sql_kernel

if TYPE_CHECKING:
    import pyarrow as pa

_SPANS = "STRUCT(ts BIGINT, dur BIGINT)[]"
_NAMED = "STRUCT(id BIGINT, ts BIGINT, dur BIGINT)[]"
_OF_TABLES = "STRUCT(id BIGINT, ts BIGINT, dur BIGINT, t BIGINT)[]"
_JOINED = "STRUCT(ts BIGINT[], dur BIGINT[], l BIGINT[], r BIGINT[])"


def _by_ts(rows: Lists) -> tuple[Any, ...]:
    return (rows["ts"],)


def _by_nesting(rows: Lists) -> tuple[Any, ...]:
    from traceql.kernels import segments

    return rows["ts"], -segments.ends_of(rows["ts"], rows["dur"]), rows["id"]


def _spans(found: Any) -> pa.Array:
    from traceql.kernels import segments

    dur = segments.lengths_of(found.ts, found.end)
    return as_lists(found.counts, {"ts": found.ts, "dur": dur})


@sql_kernel(_SPANS, gives=_SPANS)
def interval_union(rows: pa.Array) -> pa.Array:
    """Give the covered times; intervals of length 0 cover nothing."""
    from traceql.kernels import segments, spans

    given = Lists(rows)
    ts, dur = given.sorted("ts dur", _by_ts)
    ends = segments.ends_of(ts, dur)
    return _spans(spans.merge(given.offsets, ts, ends, instants=False))


@sql_kernel(_SPANS, "BIGINT", gives=_SPANS)
def interval_merge(rows: pa.Array, epsilon: pa.Array) -> pa.Array:
    """Give the intervals merged where at most epsilon apart; instants count."""
    from traceql.kernels import segments, spans

    given = Lists(rows)
    ts, dur = given.sorted("ts dur", _by_ts)
    ends = segments.ends_of(ts, dur)
    return _spans(spans.merge(given.offsets, ts, ends, constant(epsilon) or 0))


@sql_kernel(_SPANS, "BIGINT", "BIGINT", gives=_SPANS)
def interval_gaps(rows: pa.Array, start: pa.Array, stop: pa.Array) -> pa.Array:
    """Give the times not covered; -2^63 for start or stop: the first start, the last end."""
    from traceql.kernels import segments, spans

    given = Lists(rows)
    ts, dur = given.sorted("ts dur", _by_ts)
    bounds = [None if end in {None, -(1 << 63)} else end for end in map(constant, (start, stop))]
    return _spans(spans.gaps(given.offsets, ts, segments.ends_of(ts, dur), *bounds))


@sql_kernel(_SPANS, gives="STRUCT(ts BIGINT, value BIGINT)[]")
def overlap_count(rows: pa.Array) -> pa.Array:
    """Give the number of open intervals from each time on."""
    from traceql.kernels import segments, spans

    given = Lists(rows)
    ts, dur = given.sorted("ts dur", _by_ts)
    found = spans.overlap_count(given.offsets, ts, segments.ends_of(ts, dur))
    return as_lists(found.counts, {"ts": found.ts, "value": found.value})


@sql_kernel(_NAMED, gives=_NAMED)
def interval_flatten(rows: pa.Array) -> pa.Array:
    """Give the pieces of time, each with its innermost interval."""
    from traceql.kernels import segments, spans

    given = Lists(rows)
    ts, dur, ids = given.sorted("ts dur id", _by_nesting)
    found = spans.flatten(given.offsets, ts, segments.ends_of(ts, dur))
    length = segments.lengths_of(found.ts, found.end)
    return as_lists(found.counts, {"id": ids[found.row], "ts": found.ts, "dur": length})


@sql_kernel(
    _NAMED,
    gives="STRUCT(ts BIGINT, dur BIGINT, group_id BIGINT, id BIGINT, "
    "interval_ends_at_ts BOOLEAN)[]",
)
def interval_self_intersect(rows: pa.Array) -> pa.Array:
    """Give every interval of every piece between two starts or ends."""
    from traceql.kernels import segments, spans

    given = Lists(rows)
    ts, dur, ids = given.sorted("ts dur id", lambda r: (r["ts"], r["id"]))
    found = spans.atoms(given.offsets, ts, segments.ends_of(ts, dur))
    return as_lists(
        found.counts,
        {
            "ts": found.ts,
            "dur": segments.lengths_of(found.ts, found.end),
            "group_id": found.group,
            "id": ids[found.row],
            "interval_ends_at_ts": found.is_end == 1,
        },
    )


@sql_kernel(
    _NAMED,
    gives="STRUCT(id BIGINT, depth BIGINT, parent_id BIGINT, self_dur BIGINT, lane BIGINT)[]",
)
def interval_depth(rows: pa.Array) -> pa.Array:
    """Give depth, parent and self time by containment."""
    import numpy as np
    import pyarrow as pa

    from traceql.kernels.nest import Nesting

    given = Lists(rows)
    ts, dur, ids = given.sorted("ts dur id", _by_nesting)
    counts = np.diff(given.offsets)
    segment = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    nesting = Nesting()
    found = nesting.feed(segment, ts, dur, np.arange(len(ts)))
    late_row, late_self_dur = nesting.finish()
    found.self_dur[late_row] = late_self_dur
    has_parent = found.parent >= 0
    columns = {
        "id": ids,
        "depth": found.depth.astype(np.int64),
        "parent_id": pa.array(ids[found.parent] if len(ids) else ids, mask=~has_parent),
        "self_dur": pa.array(found.self_dur, mask=found.self_dur < 0),
        "lane": found.lane.astype(np.int64),
    }
    return as_lists(counts, columns)


@sql_kernel(_OF_TABLES, "BIGINT", gives="STRUCT(ts BIGINT, dur BIGINT, ids BIGINT[])[]")
def interval_intersect(rows: pa.Array, tables: pa.Array) -> pa.Array:
    """Give the intersections of one interval from each table, with the ids in order of tables."""
    import numpy as np
    import pyarrow as pa

    from traceql.kernels import segments, span_join

    given = Lists(rows)
    ts, dur, ids, table = given.sorted("ts dur id t", lambda r: (r["ts"], r["t"], r["id"]))
    number = constant(tables) or 1
    ends = segments.ends_of(ts, dur)
    found = span_join.intersect(given.offsets, ts, ends, table, number)
    chosen = ids[found.rows.ravel()] if len(ids) else np.empty(0, np.int64)
    offsets = pa.array(np.arange(len(found.ts) + 1) * number, pa.int32())
    return as_lists(
        found.counts,
        {
            "ts": found.ts,
            "dur": segments.lengths_of(found.ts, found.end),
            "ids": pa.ListArray.from_arrays(offsets, pa.array(chosen)),
        },
    )


@sql_kernel(_SPANS, _SPANS, "BOOLEAN", "BOOLEAN", gives=_JOINED)
def span_join(left: pa.Array, right: pa.Array, keep_left: pa.Array, keep_right: pa.Array) -> Any:
    """Give where spans of two tables meet, and by wish what of each no other meets.

    `l` and `r` are places in the lists of rows with a NULL put in front: 1 is that NULL.
    A span of dur -1 is an instant; where it takes part the length is -1.
    """
    import numpy as np
    import pyarrow as pa

    from traceql.kernels import joining

    a, b = Lists(left), Lists(right)
    found = joining.span_join(
        joining.Side(a.offsets, a["ts"], a["dur"]),
        joining.Side(b.offsets, b["ts"], b["dur"]),
        left=bool(constant(keep_left)),
        right=bool(constant(keep_right)),
    )
    offsets = pa.array(np.concatenate(([0], np.cumsum(found.counts))), pa.int32())
    columns = {"ts": found.ts, "dur": found.dur, "l": found.left + 2, "r": found.right + 2}
    return pa.StructArray.from_arrays(
        [pa.ListArray.from_arrays(offsets, pa.array(column)) for column in columns.values()],
        names=list(columns),
    )


@sql_kernel(
    "STRUCT(id BIGINT, ts BIGINT, value DOUBLE)[]",
    "BIGINT",
    gives="STRUCT(id BIGINT, ts BIGINT, value DOUBLE, count BIGINT, mean DOUBLE, stddev DOUBLE, "
    "min DOUBLE, median DOUBLE, max DOUBLE)[]",
)
def rolling(rows: pa.Array, window: pa.Array) -> pa.Array:
    """Give statistics of the last `window` values up to each one; null where there is none."""
    import numpy as np
    import pyarrow as pa

    from traceql.kernels import rolling as kernel

    given = Lists(rows)
    ts, value, ids = given.sorted("ts value id", lambda r: (r["ts"], r["id"]))
    found = kernel.statistics(given.offsets, value, constant(window) or 1)
    described = {"value": value, "count": found.size}
    described |= {name: getattr(found, name) for name in found._fields[1:]}
    columns = {name: pa.array(part, mask=np.isnan(part)) for name, part in described.items()}
    return as_lists(np.diff(given.offsets), {"id": ids, "ts": ts, **columns})
