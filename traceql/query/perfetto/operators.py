"""Relations that Perfetto computes in C++, written in the engine's SQL, made on the connection.

`__tq_pairs(a, b)` finds the pairs of spans that overlap, by positions in an ordered list: two as-of
joins give for each span the first and the last partner that starts within it, so that the work
grows with rows and results, not with their product. An instant (dur 0) and an open span (dur -1)
meet what covers their ts; the shared time ends where the earlier of the two ends.
"""

from __future__ import annotations

_PAIRS = """
CREATE TEMP MACRO __tq_pairs(spans_a, spans_b) AS TABLE
WITH
  __tqp_a AS MATERIALIZED (
    SELECT __key, __row, ts, dur, ts + greatest(dur, 1) AS __end,
      row_number() OVER (ORDER BY __key, ts, __row) AS __n
    FROM query_table(spans_a) WHERE ts IS NOT NULL AND dur IS NOT NULL AND __key IS NOT NULL),
  __tqp_b AS MATERIALIZED (
    SELECT __key, __row, ts, dur, ts + greatest(dur, 1) AS __end,
      row_number() OVER (ORDER BY __key, ts, __row) AS __n
    FROM query_table(spans_b) WHERE ts IS NOT NULL AND dur IS NOT NULL AND __key IS NOT NULL),
  __tqp_as AS MATERIALIZED (
    SELECT __key, ts, min(__n) AS __low, max(__n) AS __high FROM __tqp_a GROUP BY __key, ts),
  __tqp_bs AS MATERIALIZED (
    SELECT __key, ts, min(__n) AS __low, max(__n) AS __high FROM __tqp_b GROUP BY __key, ts),
  __tqp_in_a AS (
    SELECT x.__row AS __a, unnest(generate_series(l.__low, h.__high)) AS __n
    FROM __tqp_a x
    ASOF JOIN __tqp_bs l ON l.__key = x.__key AND x.ts <= l.ts
    ASOF JOIN __tqp_bs h ON h.__key = x.__key AND x.__end > h.ts
    WHERE l.__low <= h.__high),
  __tqp_in_b AS (
    SELECT x.__row AS __b, unnest(generate_series(l.__low, h.__high)) AS __n
    FROM __tqp_b x
    ASOF JOIN __tqp_as l ON l.__key = x.__key AND x.ts < l.ts
    ASOF JOIN __tqp_as h ON h.__key = x.__key AND x.__end > h.ts
    WHERE l.__low <= h.__high),
  __tqp_both AS (
    SELECT p.__a, b.__row AS __b FROM __tqp_in_a p JOIN __tqp_b b ON b.__n = p.__n
    UNION ALL
    SELECT a.__row, p.__b FROM __tqp_in_b p JOIN __tqp_a a ON a.__n = p.__n)
SELECT
  a.__key AS __key, p.__a AS __a, p.__b AS __b, greatest(a.ts, b.ts) AS ts,
  least(a.ts + a.dur, b.ts + b.dur) - greatest(a.ts, b.ts) AS dur
FROM __tqp_both p JOIN __tqp_a a ON a.__row = p.__a JOIN __tqp_b b ON b.__row = p.__b
"""

_KEY = """
CREATE TEMP MACRO __tq_key
  (a, b) AS {'k0': a, 'k1': b},
  (a, b, c) AS {'k0': a, 'k1': b, 'k2': c},
  (a, b, c, d) AS {'k0': a, 'k1': b, 'k2': c, 'k3': d}
"""

_CREATE = """
CREATE TEMP MACRO __tq_create(starts, ends) AS TABLE
SELECT s.ts AS ts, e.ts - s.ts AS dur
FROM query_table(starts) s ASOF JOIN query_table(ends) e ON s.ts < e.ts ORDER BY s.ts
"""

_FIRST_NUMBER = r"""
CREATE TEMP MACRO __tq_int(x) AS
  CASE WHEN x IS NULL THEN NULL
  ELSE coalesce(
    trunc(try_cast(nullif(regexp_extract(x::VARCHAR,
      '^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?'), '') AS DOUBLE)), 0)::BIGINT END
"""

_FIRST_REAL = r"""
CREATE TEMP MACRO __tq_real(x) AS
  CASE WHEN x IS NULL THEN NULL
  ELSE coalesce(try_cast(nullif(regexp_extract(x::VARCHAR,
    '^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?'), '') AS DOUBLE), 0.0::DOUBLE) END
"""

_FLAG = """
CREATE TEMP MACRO __tq_flag(x) AS
  CASE x WHEN 'true' THEN 1::BIGINT WHEN 'false' THEN 0::BIGINT ELSE try_cast(x AS BIGINT) END
"""

_TYPEOF = """
CREATE TEMP MACRO __tq_typeof(x) AS
  CASE WHEN x IS NULL THEN 'null' WHEN typeof(x) = 'VARCHAR' THEN 'text'
  WHEN typeof(x) = 'BLOB' THEN 'blob'
  WHEN typeof(x) IN ('DOUBLE', 'FLOAT') OR starts_with(typeof(x), 'DECIMAL') THEN 'real'
  ELSE 'integer' END
"""

_HASHED = "(md5_number_upper({}) >> 1)::BIGINT"
_HASH = "CREATE TEMP MACRO __tq_hash " + ", ".join(
    f"({', '.join('abcdefgh'[:count])}) AS "
    + _HASHED.format(
        " || chr(31) || ".join(f"coalesce({x}::VARCHAR, '')" for x in "abcdefgh"[:count])
    )
    for count in range(1, 9)
)
"""63 bits of the MD5 of some values as text, as `computed.hashed` gives them."""

_OF_PERFETTO = (
    """
CREATE TEMP MACRO __tq_str_split(x, separator, place) AS
  string_split(x::VARCHAR, separator)[place + 1]
""",
    """
CREATE TEMP MACRO __tq_regexp_extract(x, pattern) AS
  CASE WHEN regexp_matches(x, pattern)
  THEN regexp_extract(x, '(?:' || pattern || ')',
    CASE WHEN regexp_matches(pattern, '(^|[^\\\\])\\((\\?P?<|[^?])') THEN 1 ELSE 0 END)
  END
""",
    """
CREATE TEMP MACRO __tq_regexp_replace_simple(x, pattern, other) AS
  regexp_replace(x, pattern, other, 'g')
""",
    """
CREATE TEMP MACRO __tq_unhex(x) AS
  ('0x' || regexp_replace(x::VARCHAR, '^0[xX]', ''))::BIGINT
""",
    _HASH,
    """
CREATE TEMP MACRO __tq_to_timecode(x) AS printf('%02d:%02d:%02d %03d %03d %03d',
  (x // 3600000000000)::BIGINT, (x // 60000000000 % 60)::BIGINT, (x // 1000000000 % 60)::BIGINT,
  (x // 1000000 % 1000)::BIGINT, (x // 1000 % 1000)::BIGINT, (x % 1000)::BIGINT)
""",
    "CREATE TEMP MACRO __tq_to_monotonic(x) AS NULL::BIGINT",
    "CREATE TEMP MACRO __tq_to_realtime(x) AS NULL::BIGINT",
    "CREATE TEMP MACRO __tq_abs_time_str(x) AS NULL::VARCHAR",
    "CREATE TEMP MACRO __tq_percentile(x, percent) AS quantile_cont(x::DOUBLE, percent / 100.0)",
)

STATEMENTS = (
    _PAIRS,
    _KEY,
    _CREATE,
    _FIRST_NUMBER,
    _FIRST_REAL,
    _FLAG,
    _TYPEOF,
    *_OF_PERFETTO,
)
"""What makes the operators on a connection."""

TABLE_FUNCTIONS = frozenset({"__tq_pairs", "__tq_create"})
"""Names of the relations."""


def named(name: str) -> str:
    """Quote a name."""
    return '"' + name.replace('"', '""') + '"'


def span_join(
    join: str,
    left: tuple[str, str | None, list[str]],
    right: tuple[str, str | None, list[str]],
    *,
    ordered: bool = True,
) -> str:
    """Give the SELECT of a span join, in the engine's SQL.

    Args:
        join: span_join, span_left_join or span_outer_join.
        left: table, the column that partitions it or None, all its columns in order.
        right: the same of the other side. Where one side alone is partitioned, the other takes part
            in each of its partitions. Where both are, the left one's column gives its name.
        ordered: whether rows come by partition and ts, as Perfetto gives them. It costs more than
            the join.
    """
    (a, a_part, a_columns), (b, b_part, b_columns) = left, right
    part = a_part or b_part
    sides = {"__tqs_a": _side(a, a_part, b, b_part), "__tqs_b": _side(b, b_part, a, a_part)}
    number = ", row_number() OVER () AS __row" if ordered else ""
    ctes = [
        f"{name} AS (SELECT *{number} FROM ({side}))"  # noqa: S608
        for name, side in sides.items()
    ]
    order = "ORDER BY j.key, j.ts, j.l.__row NULLS LAST, j.r.__row NULLS LAST" if ordered else ""
    skipped = {"ts", "dur", *(name.lower() for name in (a_part, b_part) if name)}
    columns = ["j.ts AS ts", "j.dur AS dur"]
    columns += [f"j.key AS {named(part)}"] if part else []
    for alias, names in (("l", a_columns), ("r", b_columns)):
        columns += [
            f"j.{alias}.{named(n)} AS {named(n)}" for n in names if n.lower() not in skipped
        ]
    return (
        f"WITH {', '.join(ctes)} SELECT {', '.join(columns)} FROM "  # noqa: S608
        f"{join}(__tqs_a, __key, __tqs_b, __key) j {order}"
    )


def _side(table: str, part: str | None, other: str, other_part: str | None) -> str:
    """Give one side with its key; spans without one take no part."""
    source = named(table)
    if part is not None:
        key = named(part)
        return f"SELECT *, {key} AS __key FROM {source} WHERE {key} IS NOT NULL"  # noqa: S608
    if other_part is None:
        return f"SELECT *, 0 AS __key FROM {source}"  # noqa: S608
    keys = (
        f"SELECT DISTINCT {named(other_part)} AS __key FROM {named(other)} "  # noqa: S608
        f"WHERE {named(other_part)} IS NOT NULL"
    )
    return f"SELECT * FROM {source} CROSS JOIN ({keys}) k"  # noqa: S608
