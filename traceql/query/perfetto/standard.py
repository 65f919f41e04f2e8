"""Macros of Perfetto's standard library, by their names: what they stand for in this dialect."""

# ruff: noqa: S608  (texts are made of the query's own tokens; the guard judges what comes out)

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import count
from pathlib import Path

from traceql.query import library
from traceql.query.perfetto.macros import Arguments, Builtin, Macro, inner
from traceql.query.perfetto.statements import is_macro_definition, read
from traceql.query.perfetto.tokens import Token, split, tokenize, written

_number = count()


@cache
def macros() -> dict[str, tuple[str, Macro]]:
    """Give module and macro by name; `macros.sql` beside this file defines them."""
    text = Path(__file__).with_name("macros.sql").read_text(encoding="utf-8")
    found: dict[str, tuple[str, Macro]] = {}
    module = ""
    for part in text.split("-- module: ")[1:]:
        module, _, body = part.partition("\n")
        for tokens in split(tokenize(body, foreign=True)):
            assert is_macro_definition(tokens)
            made = read(tokens)
            names = tuple(argument.name.lower() for argument in made.arguments)
            found[made.name.lower()] = (module.strip(), Macro(made.name, names, tuple(made.body)))
    return found


def _tables_and_columns(given: Arguments) -> tuple[list[str], list[str]]:
    if len(given) != 2:
        raise ValueError(f"it takes 2 arguments, {len(given)} were given")
    tables = [written(part) for part in inner(given[0])]
    columns = [written(part) for part in inner(given[1]) if not part[0].is_word("null")]
    if not tables:
        raise ValueError("no tables are given")
    return tables, columns


def _key(columns: list[str]) -> str:
    if not columns:
        return "0"
    if len(columns) == 1:
        return columns[0]
    return " || '|' || ".join(f"CAST({column} AS TEXT)" for column in columns)


def interval_intersect(given: Arguments) -> list[Token]:
    """Expand `_interval_intersect!((a, b, …), (part, …))`: ts, dur, id_0, id_1, …, part, …."""
    tables, columns = _tables_and_columns(given)
    if 2 <= len(tables) <= 4 and len(columns) <= 4:
        return tokenize(_by_kernel(tables, columns), foreign=True)
    tag = f"__tqi{next(_number)}"
    parts = []
    for place, table in enumerate(tables):
        listed = "".join(f", {column}" for column in columns)
        parts.append(
            f"{tag}_t{place} AS MATERIALIZED (SELECT id AS __id, ts, dur{listed}, "
            f"{_key(columns)} AS __key, row_number() OVER () AS __row FROM {table})"
        )
    kept = "".join(f", a.{column} AS {column}" for column in columns)
    parts.append(
        f"{tag}_j0 AS MATERIALIZED (SELECT a.__id AS id_0, a.ts AS ts, a.dur AS dur{kept}, "
        f"a.__key AS __key, a.__row AS __row FROM {tag}_t0 AS a)"
    )
    for place in range(1, len(tables)):
        ids = "".join(f", a.id_{i} AS id_{i}" for i in range(place))
        parts.append(
            f"{tag}_j{place} AS MATERIALIZED (SELECT b.__id AS id_{place}, p.ts AS ts, "
            f"p.dur AS dur{kept}{ids}, p.__key AS __key, row_number() OVER () AS __row "
            f"FROM __tq_pairs({tag}_j{place - 1}, {tag}_t{place}) AS p "
            f"JOIN {tag}_j{place - 1} AS a ON a.__row = p.__a "
            f"JOIN {tag}_t{place} AS b ON b.__row = p.__b)"
        )
    last = len(tables) - 1
    ids = "".join(f", id_{i}" for i in range(len(tables)))
    listed = "".join(f", {column}" for column in columns)
    order = ", ".join(["__key", "ts", *(f"id_{i}" for i in range(len(tables)))])
    text = (
        f"(WITH {', '.join(parts)} SELECT ts, dur{ids}{listed} FROM {tag}_j{last} ORDER BY {order})"
    )
    return tokenize(text, foreign=True)


def _by_kernel(tables: list[str], columns: list[str]) -> str:
    tag = f"__tqi{next(_number)}"
    listed = "".join(f", {column}" for column in columns)
    keys = {0: "0", 1: columns[0] if columns else ""}
    key = keys.get(len(columns), f"__tq_key({', '.join(columns)})")
    ctes = [
        f"{tag}_t{i} AS (SELECT id, ts, dur{listed}, {key} AS __key FROM {table} WHERE dur >= 0)"
        for i, table in enumerate(tables)
    ]
    name = f"interval_intersect{'' if len(tables) == 2 else len(tables)}"
    passed = ", ".join(f"{tag}_t{i}" for i in range(len(tables)))
    ids = "".join(f", j.id_{i} AS id_{i}" for i in range(len(tables)))
    places = ["j.key"] if len(columns) == 1 else [f"j.key.k{i}" for i in range(len(columns))]
    kept = "".join(f", {at} AS {column}" for at, column in zip(places, columns, strict=False))
    return (
        f"(WITH {', '.join(ctes)} SELECT j.ts AS ts, j.dur AS dur{ids}{kept} "
        f"FROM {name}({passed}, __key) AS j ORDER BY j.key, j.ts, "
        f"{', '.join(f'j.id_{i}' for i in range(len(tables)))})"
    )


def merge_overlapping(given: Arguments) -> list[Token]:
    """Expand `interval_merge_overlapping_partitioned!(spans, (part, …))`: ts, dur, part, …."""
    if len(given) != 2:
        raise ValueError(f"it takes 2 arguments, {len(given)} were given")
    columns = [written(part) for part in inner(given[1])]
    return tokenize(_merged(written(given[0]), columns, "0"), foreign=True)


def merge_within(given: Arguments) -> list[Token]:
    """Expand `interval_merge_overlapping!(spans, epsilon)`: ts, dur."""
    if len(given) != 2:
        raise ValueError(f"it takes 2 arguments, {len(given)} were given")
    return tokenize(_merged(written(given[0]), [], written(given[1])), foreign=True)


def _merged(table: str, columns: list[str], epsilon: str) -> str:
    by = f"PARTITION BY {', '.join(columns)} " if columns else ""
    listed = "".join(f", {column}" for column in columns)
    return (
        f"(SELECT MIN(ts) AS ts, MAX(__end) - MIN(ts) AS dur{listed} FROM ("
        f"SELECT *, SUM(__new) OVER ({by}ORDER BY ts, __end, __row) AS __group FROM ("
        "SELECT *, CASE WHEN __before IS NULL OR ts > __before THEN 1 ELSE 0 END AS __new FROM ("
        f"SELECT *, MAX(__end + ({epsilon})) OVER ({by}ORDER BY ts, __end, __row ROWS BETWEEN "
        "UNBOUNDED PRECEDING AND 1 PRECEDING) AS __before FROM ("
        f"SELECT ts, ts + dur AS __end{listed}, row_number() OVER () AS __row FROM {table} "
        "WHERE dur >= 0)))) "
        f"GROUP BY __group{listed} ORDER BY {''.join(c + ', ' for c in columns)}MIN(ts))"
    )


def fill_gaps(given: Arguments) -> list[Token]:
    """Expand `intervals_fill_gaps!((key, …), (data, …), spans)`: ts, dur, key, …, data, …."""
    if len(given) != 3:
        raise ValueError(f"it takes 3 arguments, {len(given)} were given")
    keys = [written(part) for part in inner(given[0]) if not part[0].is_word("null")]
    data = [written(part) for part in inner(given[1]) if not part[0].is_word("null")]
    tag = f"__tqg{next(_number)}"
    key = "".join(f", {name}" for name in keys)
    carried = "".join(f", {name}" for name in data)
    nulls = ", NULL" * len(data)
    by = f"PARTITION BY {', '.join(keys)} " if keys else ""
    group = f" GROUP BY {', '.join(keys)}" if keys else ""
    bounds = f"SELECT MIN(ts) AS __low, MAX(ts + dur) AS __high{key} FROM {tag}{group}"
    pieces = [
        f"SELECT ts, dur{key}{carried} FROM {tag}",
        f"SELECT trace_start(), __low - trace_start(){key}{nulls} FROM ({bounds})",
        f"SELECT __high, trace_end() - __high{key}{nulls} FROM ({bounds})",
        f"SELECT trace_start(), trace_dur(){key}{nulls} FROM ({bounds}) WHERE __low IS NULL",
        f"SELECT ts + dur, LEAD(ts) OVER ({by}ORDER BY ts) - (ts + dur){key}{nulls} FROM {tag}",
    ]
    text = (
        f"(WITH {tag} AS (SELECT ts, dur{key}{carried} FROM {written(given[2])}) "
        f"SELECT * FROM ({' UNION ALL '.join(pieces)}) WHERE dur > 0 "
        f"ORDER BY {''.join(name + ', ' for name in keys)}ts)"
    )
    return tokenize(text, foreign=True)


def self_intersect_count(given: Arguments) -> list[Token]:
    """Expand `_interval_self_intersect_count!(spans, (part, …))`: ts, dur, group_id, cnt, …."""
    if len(given) != 2:
        raise ValueError(f"it takes 2 arguments, {len(given)} were given")
    return tokenize(_self_intersected(written(given[0]), inner(given[1]), ""), foreign=True)


def self_intersect_agg(given: Arguments) -> list[Token]:
    """Expand `_interval_self_intersect_agg!(spans, value, (part, …))`: with sums and extremes."""
    if len(given) != 3:
        raise ValueError(f"it takes 3 arguments, {len(given)} were given")
    text = _self_intersected(written(given[0]), inner(given[2]), written(given[1]))
    return tokenize(text, foreign=True)


def _self_intersected(table: str, parts: list[list[Token]], value: str) -> str:
    columns = [written(part) for part in parts if part and not part[0].is_word("null")]
    tag = f"__tqs{next(_number)}"
    listed = "".join(f", {column}" for column in columns)
    by = f"PARTITION BY {', '.join(columns)} " if columns else ""
    same = "".join(f" AND s.{column} IS a.{column}" for column in columns)
    kept = "".join(f", a.{column} AS {column}" for column in columns)
    taken = f", {value} AS __value" if value else ""
    of_value = ", MIN(s.__value) AS min_value, MAX(s.__value) AS max_value" if value else ""
    total = "COALESCE(SUM(s.__value), 0) AS sum_value" if value else ""
    return (
        f"(WITH {tag} AS (SELECT ts, dur{listed}{taken} FROM {table} WHERE dur >= 0), "
        f"{tag}_e AS (SELECT ts{listed} FROM {tag} UNION SELECT ts + dur{listed} FROM {tag}), "
        f"{tag}_a AS (SELECT ts, COALESCE(LEAD(ts) OVER ({by}ORDER BY ts) - ts, 0) AS dur, "
        f"ROW_NUMBER() OVER (ORDER BY {''.join(c + ', ' for c in columns)}ts) AS group_id{listed} "
        f"FROM {tag}_e) SELECT a.ts AS ts, a.dur AS dur, a.group_id AS group_id, "
        f"COUNT(s.ts) AS cnt{', ' + total if total else ''}{of_value}{kept} FROM {tag}_a AS a "
        f"LEFT JOIN {tag} AS s ON s.ts <= a.ts AND s.ts + s.dur > a.ts{same} "
        f"GROUP BY a.group_id, a.ts, a.dur{''.join(f', a.{c}' for c in columns)} "
        "ORDER BY a.group_id)"
    )


def graph_scan(given: Arguments) -> list[Token]:
    """Expand `_graph_scan!(edges, start rows, (column, …), (query of $table))`: id, column, …."""
    edges, start, columns, query = _scan_arguments(given)
    tag = f"__tqw{next(_number)}"
    listed = "".join(f", {column}" for column in columns)
    carried = "".join(f", r.{column} AS {column}" for column in columns)
    reached = (
        f"(SELECT e.dest_node_id AS id{carried} FROM {tag} AS r "
        f"JOIN {edges} AS e ON e.source_node_id = r.id)"
    )
    text = (
        f"(WITH RECURSIVE {tag}(id{listed}) AS (SELECT id{listed} FROM {start} "
        f"UNION ALL SELECT id{listed} FROM {_over(query, reached)}) SELECT id{listed} FROM {tag})"
    )
    return tokenize(text, foreign=True)


def graph_aggregating_scan(given: Arguments) -> list[Token]:
    """Expand `_graph_aggregating_scan!(…)`, as `_graph_scan!`: nodes wait for all that lead there.

    A node's level is the longest way to it. Rows are carried along until the level of the node that
    they lead to; there the query sees all of them at once.
    """
    edges, start, columns, query = _scan_arguments(given)
    tag = f"__tqw{next(_number)}"
    e, r, level, m = f"{tag}_e", f"{tag}_r", f"{tag}_l", f"{tag}_m"
    listed = "".join(f", {column}" for column in columns)
    of_m, of_r, of_x = (
        "".join(f", {alias}.{column} AS {column}" for column in columns) for alias in "mrx"
    )
    arrived = (
        f"(SELECT m.id AS id{of_m} FROM {m} AS m JOIN {level} AS l ON l.id = m.id "
        "WHERE l.level = m.step)"
    )
    text = (
        f"(WITH RECURSIVE {e} AS (SELECT source_node_id AS s, dest_node_id AS d FROM {edges}), "
        f"{r}(id, level) AS (SELECT id, 0 FROM {start} UNION SELECT e.d, r.level + 1 FROM {r} AS r "
        f"JOIN {e} AS e ON e.s = r.id WHERE r.level < (SELECT COUNT(*) FROM {e})), "
        f"{level} AS (SELECT id, MAX(level) AS level FROM {r} GROUP BY id), "
        f"{tag}(kind, step, id{listed}) AS (SELECT 1, 0, id{listed} FROM {start} UNION ALL "
        f"SELECT * FROM (WITH {m} AS (SELECT r.step + 1 AS step, "
        f"CASE WHEN r.kind = 1 THEN e.d ELSE r.id END AS id{of_r} FROM {tag} AS r "
        f"LEFT JOIN {e} AS e ON r.kind = 1 AND e.s = r.id WHERE r.kind = 2 OR e.d IS NOT NULL) "
        f"SELECT 1, l.level, x.id{of_x} FROM {_over(query, arrived)} AS x "
        f"JOIN {level} AS l ON l.id = x.id UNION ALL SELECT 2, m.step, m.id{of_m} FROM {m} AS m "
        f"JOIN {level} AS l ON l.id = m.id WHERE l.level > m.step)) "
        f"SELECT id{listed} FROM {tag} WHERE kind = 1)"
    )
    return tokenize(text, foreign=True)


def _scan_arguments(given: Arguments) -> tuple[str, str, list[str], Sequence[Token]]:
    if len(given) != 4:
        raise ValueError(f"it takes 4 arguments, {len(given)} were given")
    columns = [written(part) for part in inner(given[2])]
    return written(given[0]), written(given[1]), columns, given[3]


def _over(query: Sequence[Token], table: str) -> str:
    """Write a query with a table in place of `$table`."""
    return " ".join(
        table if token.kind == "variable" and token.text.lower() == "$table" else token.text
        for token in query
    )


def mapped(given: Arguments) -> list[Token]:
    """Expand `_metasql_map_join_…!((a, b), m)`: m!(a), m!(b); a third list goes to each."""
    if len(given) not in {2, 3}:
        raise ValueError(f"it takes 2 or 3 arguments, {len(given)} were given")
    more = "".join(f", {written(part)}" for part in inner(given[2])) if len(given) == 3 else ""
    calls = (f"{written(given[1])}!({written(part)}{more})" for part in inner(given[0]))
    return tokenize(", ".join(calls), foreign=True)


def unparenthesized(given: Arguments) -> list[Token]:
    """Expand `_metasql_unparenthesize_column_list!((a, b))`: a, b."""
    if len(given) != 1:
        raise ValueError(f"it takes 1 argument, {len(given)} were given")
    return tokenize(", ".join(written(part) for part in inner(given[0])), foreign=True)


def tree_from_table(given: Arguments) -> list[Token]:
    """Expand `_tree_from_table!(nodes, (column, …))`: a table of them, numbered as they come."""
    table, columns = _nodes_and_columns(given)
    tag = f"__tqt{next(_number)}"
    listed = "".join(f", {column}" for column in columns)
    kept = "".join(f", c.{column} AS {column}" for column in columns)
    return tokenize(
        f"(WITH {tag} AS MATERIALIZED (SELECT id, parent_id{listed}, row_number() OVER () - 1 "
        f"AS _tree_id FROM {table}) SELECT c._tree_id AS _tree_id, p._tree_id AS _tree_parent_id, "
        f"c.id AS id, c.parent_id AS parent_id{kept} FROM {tag} AS c "
        f"LEFT JOIN {tag} AS p ON p.id = c.parent_id ORDER BY c._tree_id)",
        foreign=True,
    )


def tree_to_table(given: Arguments) -> list[Token]:
    """Expand `_tree_to_table!(tree, (column, …))`."""
    table, columns = _nodes_and_columns(given)
    listed = "".join(f", {column}" for column in columns)
    text = f"(SELECT _tree_id, _tree_parent_id, id, parent_id{listed} FROM {table})"
    return tokenize(text, foreign=True)


def _nodes_and_columns(given: Arguments) -> tuple[str, list[str]]:
    if len(given) != 2:
        raise ValueError(f"it takes 2 arguments, {len(given)} were given")
    return written(given[0]), [written(part) for part in inner(given[1])]


def of_library(item: library.Object) -> Builtin:
    """Make of a table macro of the library a macro that takes tables and subqueries."""

    def expand(given: Arguments) -> list[Token]:
        if len(given) != len(item.arguments):
            raise ValueError(f"it takes {len(item.arguments)} arguments, {len(given)} were given")
        ctes, passed = [], []
        for argument, value in zip(item.arguments, given, strict=True):
            text = written(value)
            if library.takes_table(item, argument):
                name = f"__tqm{next(_number)}"
                ctes.append(f"{name} AS (SELECT * FROM {text})")
                text = name
            passed.append(text)
        head = f"WITH {', '.join(ctes)} " if ctes else ""
        return tokenize(f"({head}SELECT * FROM {item.name}({', '.join(passed)}))", foreign=True)

    return expand


def library_macros() -> dict[str, Builtin]:
    """Give the library's table macros that take a table, by name, as macros."""
    return {
        name: of_library(item)
        for name, item in library.objects().items()
        if item.kind == "table macro"
        and not item.is_private
        and any(library.takes_table(item, argument) for argument in item.arguments)
    }


BUILTINS: dict[str, tuple[str, Builtin]] = {
    "_interval_intersect": ("intervals.intersect", interval_intersect),
    "interval_merge_overlapping": ("intervals.overlap", merge_within),
    "interval_merge_overlapping_partitioned": ("intervals.overlap", merge_overlapping),
    "_interval_self_intersect_count": ("intervals.self_intersect", self_intersect_count),
    "_interval_self_intersect_agg": ("intervals.self_intersect", self_intersect_agg),
    "_metasql_map_join_column_list": ("metasql.column_list", mapped),
    "_metasql_unparenthesize_column_list": ("metasql.column_list", unparenthesized),
    "_metasql_map_join_table_list": ("metasql.table_list", mapped),
    "_metasql_map_join_table_list_with_capture": ("metasql.table_list", mapped),
    "_tree_from_table": ("std.trees.table_conversion", tree_from_table),
    "_tree_to_table": ("std.trees.table_conversion", tree_to_table),
    "_graph_scan": ("graphs.scan", graph_scan),
    "_graph_aggregating_scan": ("graphs.scan", graph_aggregating_scan),
    "intervals_fill_gaps": ("intervals.fill_gaps", fill_gaps),
    "_intervals_fill_gaps": ("intervals.fill_gaps", fill_gaps),
}
"""Macros that take lists, as programs: module and program by name."""
