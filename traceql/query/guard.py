"""The guard: a query may read the tables of its session, and nothing else.

Two walls. The statement is judged by the engine's own syntax tree, before it is bound: only SELECT
(with EXPLAIN, DESCRIBE, SHOW, SUMMARIZE), only tables that the session has, only functions that
neither open files nor change the session. Behind it stands the configuration (`lock`): the engine
itself opens no file outside the store's directories, loads no extension and takes no setting.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traceql.errors import StatementRefused
from traceql.query import library, pruning

if TYPE_CHECKING:
    import duckdb

_QUERY_NODES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_OPEN_SCHEMAS = {"information_schema", "pg_catalog"}
_OPEN_TABLES = {"duckdb_tables", "duckdb_views", "duckdb_columns", "sqlite_master"}
_TABLE_FUNCTIONS = {
    "range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree",
    "histogram", "histogram_values", "summary", "generate_subscripts",
    "duckdb_tables", "duckdb_views", "duckdb_columns", "duckdb_functions", "duckdb_types",
    "duckdb_keywords", "duckdb_constraints", "pragma_table_info", "pragma_version",
    "icu_calendar_names", "pg_timezone_names", "regexp_split_to_table",
}  # fmt: skip
_SCALAR_FUNCTIONS_REFUSED = {
    "write_log", "current_setting", "set_config", "getenv", "getvariable", "nextval", "currval",
    "setval", "setseed", "json_serialize_plan", "json_execute_serialized_sql", "pg_sleep",
    "sleep_ms", "query", "query_table",
}  # fmt: skip
_EXPLAIN = re.compile(
    r"^\s*(?:(?:--[^\n]*(?:\n|$)|/\*.*?\*/)\s*)*EXPLAIN\b\s*(?:ANALYZE\b|ANALYSE\b)?"
    r"\s*(?:\([^()]*\))?\s*",
    re.IGNORECASE | re.DOTALL,
)
_NOWHERE = (1 << 64) - 1


@dataclass(frozen=True)
class Mention:
    """A name in the query, and the byte at which it stands (None: unknown)."""

    name: str
    offset: int | None
    schema: str = ""


@dataclass
class Mentions:
    """What a query reads and calls."""

    tables: list[Mention] = field(default_factory=list)
    functions: list[Mention] = field(default_factory=list)
    table_functions: list[Mention] = field(default_factory=list)
    ctes: set[str] = field(default_factory=set)
    lists_tables: bool = False
    """SHOW TABLES and the like: every view must exist."""
    asks_args: bool = False
    """Whether the args of slices may be among the columns it reads."""
    needs: tuple[pruning.Need, ...] | None = None
    """What each place reads, where it is certain that not every trace matters."""
    first_rows: tuple[str, int] | None = None
    """The stored table of which the first rows are all that it reads, and how many."""
    aliases: set[tuple[str, str]] = field(default_factory=set)
    """Names of what stands after FROM, each with the table that it is; empty: no table."""
    single_names: set[str] = field(default_factory=set)


def lock(connection: duckdb.DuckDBPyConnection, directories: Sequence[Path]) -> None:
    """Take from the connection all that a query must not do, for ever.

    Args:
        connection: a new in-memory connection.
        directories: where its Parquet files lie; links that lead out of them are not followed.
    """
    allowed = ", ".join("'" + str(d).replace("'", "''") + "'" for d in directories)
    for setting in (
        "autoload_known_extensions = false",
        "autoinstall_known_extensions = false",
        "allow_community_extensions = false",
        "allow_persistent_secrets = false",
        "python_enable_replacements = false",
        f"allowed_directories = [{allowed}]",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")


def examine(
    connection: duckdb.DuckDBPyConnection,
    text: str,
    parameters: pruning.Parameters = None,
    *,
    several: bool = True,
) -> Mentions:
    """Judge a statement by its kind, and list what it mentions.

    Args:
        connection: used as a parser only.
        text: one statement.
        parameters: values of its parameters, as far as they are known.
        several: whether `needs` is found out, which matters over several traces.

    Raises:
        StatementRefused: not a query, or a part of it would read or write elsewhere.
        duckdb.Error: the text is not SQL.
    """
    statements = connection.extract_statements(text)
    if len(statements) != 1:
        if not statements:
            raise StatementRefused("an empty text", "is not a query")
        raise StatementRefused(f"{len(statements)} statements", "were given where one is taken")
    kind = statements[0].type.name
    if kind == "MULTI":
        raise StatementRefused("PIVOT", "needs its values here: PIVOT … ON column IN (a, b)")
    if kind not in {"SELECT", "EXPLAIN"}:
        raise StatementRefused(_first_word(text), "is not a query")
    shift = 0
    if kind == "EXPLAIN":
        prefix = _EXPLAIN.match(text)
        shift = prefix.end() if prefix else 0
    tree = _tree(connection, text[shift:])
    found = Mentions(
        needs=pruning.needs(tree, parameters) if several else None,
        first_rows=pruning.first_rows(tree) if several else None,
    )
    for statement in tree:
        _collect(statement["node"], found, len(text[:shift].encode()))
    # A bare name that is a table's is the whole row of it.
    # Of a query of its own that row has the columns which are named there.
    rows = {
        name
        for name, table in found.aliases
        if table not in found.ctes or table in library.objects()
    }
    found.asks_args |= bool(found.single_names & rows)
    found.asks_args |= any(_takes_all_columns(node, found.ctes) for node in _dictionaries(tree))
    for call in found.functions:
        if call.name.startswith(library.KERNEL):
            raise StatementRefused(f"{call.name}()", "is called by macros of the library only")
        if call.name in _SCALAR_FUNCTIONS_REFUSED:
            raise StatementRefused(
                f"{call.name}()", "reads or changes more than the store's tables"
            )
    return found


def asks_catalog(mentions: Mentions) -> bool:
    """Whether a query looks at the list of tables, all of which must then exist."""
    return (
        mentions.lists_tables
        or any(is_open_table(mention) for mention in mentions.tables)
        or any(mention.name.startswith("duckdb_") for mention in mentions.table_functions)
    )


def is_open_table(mention: Mention) -> bool:
    """Whether a table belongs to the engine's own catalog, which anyone may read."""
    return mention.schema in _OPEN_SCHEMAS or mention.name in _OPEN_TABLES


def open_names() -> set[str]:
    """Give the names of the engine's own catalog."""
    return _OPEN_SCHEMAS | _OPEN_TABLES


def is_open_table_function(name: str) -> bool:
    """Whether a table function of the engine reads only its arguments or the catalog."""
    return name in _TABLE_FUNCTIONS


def looks_like_a_file(name: str) -> bool:
    """Whether an unknown table is rather meant as a file or an address."""
    return any(sign in name for sign in "/\\.*:~")


def call_offset(mention: Mention, text: str) -> int | None:
    """Give the byte of a table function's name; the syntax tree leaves it out, so look for it."""
    if mention.offset is not None:
        return mention.offset
    found = re.search(rf'(?i)(?<![\w.])"?{re.escape(mention.name)}"?\s*\(', text)
    return None if found is None else len(text[: found.start()].encode())


def _tree(connection: duckdb.DuckDBPyConnection, text: str) -> list[dict[str, Any]]:
    rows = connection.execute(
        "SELECT json_serialize_sql($1::VARCHAR, skip_null := true, skip_empty := true)", [text]
    ).fetchall()
    answer = json.loads(rows[0][0])
    if answer["error"]:
        # The text was parsed before; what the engine cannot serialise is not a plain query.
        raise StatementRefused(_first_word(text), "is not a query")
    statements: list[dict[str, Any]] = answer["statements"]
    return statements


def _collect(tree: Any, found: Mentions, shift: int) -> None:
    """Walk the syntax tree; every dictionary with a `type` is a node."""
    for node in _dictionaries(tree):
        kind = str(node.get("type", ""))
        if kind.endswith("_NODE") and kind not in _QUERY_NODES:
            verb = kind.removesuffix("_NODE").removesuffix("_QUERY").replace("_", " ")
            raise StatementRefused(verb, "is not a query")
        for entry in _entries(node.get("cte_map")):
            found.ctes.add(str(entry.get("key", "")).lower())
        _collect_columns(node, kind, found)
        if kind == "BASE_TABLE":
            found.tables.append(_mention(node, "table_name", shift))
        elif kind == "TABLE_FUNCTION" and isinstance(node.get("function"), dict):
            found.table_functions.append(_mention(node["function"], "function_name", shift))
        elif kind == "SHOW_REF" and "query" not in node:
            found.lists_tables = True
            name = str(node.get("table_name", "")).strip('"')
            if node.get("show_type") != "SHOW_SPECIAL" and not name.startswith("__show"):
                found.tables.append(_mention(node, "table_name", shift))
        elif "function_name" in node:
            found.functions.append(_mention(node, "function_name", shift))


def _collect_columns(node: dict[str, Any], kind: str, found: Mentions) -> None:
    names = [
        str(n).lower() for n in [*node.get("column_names", ()), *node.get("using_columns", ())]
    ]
    if kind == "SHOW_REF" or node.get("ref_type") == "NATURAL" or library.ARGS & set(names):
        found.asks_args = True
    if len(names) == 1:
        found.single_names.add(names[0])
    if "class" not in node:  # the name of a column is no table's
        table = str(node.get("table_name", "")).lower()
        found.aliases |= {(str(node.get("alias", "")).lower(), table), (table, table)}


def _takes_all_columns(node: dict[str, Any], ctes: set[str]) -> bool:
    """Whether a SELECT has a star and reads a table itself, not only subqueries and CTEs."""
    if node.get("type") != "SELECT_NODE":
        return False
    own = list(_dictionaries(node, nested=False))
    stars = {str(p.get("relation_name", "")).lower() for p in own if p.get("type") == "STAR"}
    names = {
        str(part.get("table_name", "")).lower()
        for part in own
        if part.get("type") in {"BASE_TABLE", "TABLE_FUNCTION"} and _is_among(part, stars)
    }
    return any(name not in ctes or name in library.objects() for name in names)


def _is_among(part: dict[str, Any], stars: set[str]) -> bool:
    """Whether a star may stand for a table: a bare one, or one with its name."""
    name = str(part.get("alias") or part.get("table_name", "")).lower()
    return bool(stars) and (not name or not stars.isdisjoint({"", name}))


def _dictionaries(tree: Any, *, nested: bool = True) -> Iterator[dict[str, Any]]:
    """Give every dictionary of a tree; without `nested`, none of a query inside this one."""
    waiting = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if not nested and item is not tree and str(item.get("type", "")).endswith("_NODE"):
                continue
            yield item
            waiting.extend(value for value in item.values() if isinstance(value, (dict, list)))
        else:
            waiting.extend(value for value in item if isinstance(value, (dict, list)))


def _entries(cte_map: Any) -> list[dict[str, Any]]:
    return list(cte_map.get("map", ())) if isinstance(cte_map, dict) else []


def _mention(node: dict[str, Any], key: str, shift: int) -> Mention:
    offset = node.get("query_location", _NOWHERE)
    place = None if offset >= _NOWHERE else int(offset) + shift
    path = [str(part) for part in node.get("qualified_name", {}).get("path", ())]
    schema = path[-2] if len(path) > 1 else str(node.get("schema_name", ""))
    return Mention(str(node.get(key, "")).lower(), place, schema.lower())


def _first_word(text: str) -> str:
    bare = re.sub(r"--[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL)
    words = re.findall(r"\w+", bare)
    return words[0].upper() if words else "an empty statement"
