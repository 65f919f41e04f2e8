"""Kernels through SQL beside plain SQL: 10 M nested slices, 2 M spans against 2 M; the span join
of Perfetto's dialect, summed (in no order) and row by row (in Perfetto's order).

python benchmarks/sql.py [millions of slices]
Prints seconds, M rows/s of input, the ratio to plain SQL where that is practical, and peak memory.
"""

from __future__ import annotations

import resource
import sys
import time

import duckdb

from traceql.query import library, relations
from traceql.query.perfetto.session import PerfettoSession

MILLIONS = float(sys.argv[1]) if len(sys.argv) > 1 else 10
ROWS = int(MILLIONS * 1e6)
TRACKS = 50


def connect():
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    wanted = [name for name, item in library.objects().items()
              if item.kind == "table macro" and library.needs_kernel(name)
              and not any("stored." in n for n in library.in_order([name]))]  # fmt: skip
    for name in library.in_order(wanted):
        if name.startswith(library.KERNEL):
            relations.register(connection, name, None)
        else:
            connection.execute(library.objects()[name].sql)
    return connection


def make(connection):
    """Three levels: every third slice holds the next two, one inside the other."""
    connection.execute(f"""
      CREATE TABLE s AS SELECT i AS id, i % {TRACKS} AS track_id,
        (i // {TRACKS} // 3) * 1000 + (i // {TRACKS} % 3) * 100 AS ts,
        900 - 300 * (i // {TRACKS} % 3) AS dur
      FROM range({ROWS}) t(i) ORDER BY track_id, ts""")
    connection.execute(f"""
      CREATE TABLE a AS SELECT i % {TRACKS} AS track_id, (i // {TRACKS}) * 1000 AS ts, 700 AS dur,
        i AS x FROM range({ROWS // 5}) t(i) ORDER BY track_id, ts""")
    connection.execute(f"""
      CREATE TABLE b AS SELECT i % {TRACKS} AS track_id, (i // {TRACKS}) * 1000 + 350 AS ts,
        700 AS dur, i AS y FROM range({ROWS // 5}) t(i) ORDER BY track_id, ts""")


UNION_PLAIN = """
  SELECT count(*), sum(e - ts) FROM (SELECT track_id, g, min(ts) ts, max(ts + dur) e FROM (
    SELECT *, sum(n) OVER (PARTITION BY track_id ORDER BY ts) g FROM (
      SELECT *, (ts > coalesce(max(ts + dur) OVER (PARTITION BY track_id ORDER BY ts
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), -1))::INT n FROM s)) GROUP BY 1, 2)"""
COUNT_PLAIN = """
  SELECT count(*), sum(v) FROM (SELECT sum(d) OVER (PARTITION BY track_id ORDER BY ts) v FROM (
    SELECT track_id, ts, sum(d) d FROM (SELECT track_id, ts, 1 d FROM s
      UNION ALL SELECT track_id, ts + dur, -1 FROM s) GROUP BY ALL))"""
WORK = [
    (
        "interval_union",
        ROWS,
        "SELECT count(*), sum(dur) FROM interval_union(s, track_id)",
        UNION_PLAIN,
    ),
    (
        "interval_depth",
        ROWS,
        "SELECT sum(depth), sum(self_dur) FROM interval_depth(s, track_id)",
        None,
    ),
    (
        "overlap_count",
        ROWS,
        "SELECT count(*), sum(value) FROM intervals_overlap_count_by_group(s, ts, dur, track_id)",
        COUNT_PLAIN,
    ),
    (
        "interval_flatten",
        ROWS,
        "SELECT count(*), sum(dur) FROM interval_flatten(s, track_id)",
        None,
    ),
    (
        "span_join",
        2 * (ROWS // 5),
        "SELECT count(*), sum(l.x), sum(r.y) FROM span_join(a, track_id, b, track_id)",
        None,
    ),
    (
        "span_outer_join",
        2 * (ROWS // 5),
        "SELECT count(*), sum(l.x), sum(r.y) FROM span_outer_join(a, track_id, b, track_id)",
        None,
    ),
]


def seconds(connection, text):
    begun, worked = time.perf_counter(), time.process_time()
    rows = connection.sql(text).fetchall()
    return time.perf_counter() - begun, time.process_time() - worked, rows


PARTS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {last})"


def dialect():
    """Span joins as a text for Perfetto makes them, over tables of its own."""
    side = int((ROWS // 5) ** 0.5)
    rows = (
        f"{PARTS.format(last=side - 1)} SELECT (a.i * {side} + b.i) % {TRACKS} AS track_id, "
        f"(a.i * {side} + b.i) / {TRACKS} * 1000 + {{0}} AS ts, 700 AS dur, a.i AS {{1}} "
        "FROM n a CROSS JOIN n b"
    )
    with PerfettoSession([]) as session:
        for name, offset, column in (("a", 0, "x"), ("b", 350, "y")):
            session.sql(f"CREATE PERFETTO TABLE {name} AS {rows.format(offset, column)}")
        session.sql(
            "CREATE VIRTUAL TABLE sp USING "
            "SPAN_JOIN(a PARTITIONED track_id, b PARTITIONED track_id)"
        )
        for what in ("SELECT count(*), sum(x), sum(y) FROM sp",
                     "SELECT count(*) FROM (SELECT * FROM sp LIMIT 1000000000)"):  # fmt: skip
            took, worked, _ = min(seconds(session, what) for _ in range(3))
            rate = 2 * side * side / took / 1e6
            print(f"{what[:40]:42} {took:6.2f} s ({worked:5.2f} cpu-s) {rate:6.1f} M rows/s")


def main():
    connection = connect()
    make(connection)
    print(f"{MILLIONS:g} M slices, {TRACKS} tracks, 2 threads")
    for name, rows, ours, plain in WORK:
        took, worked, mine = min(seconds(connection, ours) for _ in range(3))
        line = f"{name:18} {took:6.2f} s ({worked:5.2f} cpu-s) {rows / took / 1e6:6.1f} M rows/s"
        if plain:
            other, _, found = seconds(connection, plain)
            same = tuple(map(int, found[0])) == tuple(map(int, mine[0]))
            line += f"   plain SQL {other:6.2f} s, {other / took:4.1f} times, equal: {same}"
        print(line, flush=True)
    dialect()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MB")
    connection.close()


if __name__ == "__main__":
    main()
