"""Temp objects of a text: where they stand, in SQLite, in the engine, or in both.

What is made of VALUES and of other small tables stands in SQLite (`plain.py`), which has its own
types and constraints; the engine gets a copy when a query needs the engine. What is made of a trace
stands in the engine; SQLite gets a copy when a query, an UPDATE or a DELETE can run there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from traceql.query.perfetto.answer import kind_of, unique
from traceql.query.perfetto.operators import named
from traceql.query.perfetto.plain import MOST_ROWS, NotPlain, Plain, Rows
from traceql.query.perfetto.shapes import engine_type

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from traceql.query.perfetto.tokens import Token

_DECLARED = {"BIGINT": "BIGINT", "INTEGER": "BIGINT", "DOUBLE": "DOUBLE", "VARCHAR": "TEXT",
             "BLOB": "BLOB", "BOOLEAN": "BIGINT", "HUGEINT": "BIGINT", "FLOAT": "DOUBLE",
             "SMALLINT": "BIGINT", "TINYINT": "BIGINT", "UBIGINT": "BIGINT",
             "UINTEGER": "BIGINT", "USMALLINT": "BIGINT", "UTINYINT": "BIGINT"}  # fmt: skip
_OF_KIND = {"int": "BIGINT", "float": "DOUBLE", "str": "TEXT", "bytes": "BLOB"}
_FITS: dict[str, set[type]] = {
    "BIGINT": {int},
    "DOUBLE": {int, float},
    "VARCHAR": {str},
    "BLOB": {bytes},
}


@dataclass
class Own:
    """A temp table or view.

    `hidden` is its name in the engine. `plain` says that SQLite has it, `stale` that the engine's
    copy is older than that or missing. `made` is what the engine has: nothing, a table or a view,
    and `sql` what the view is made of. `needs` names what else it reads. `order` gives the columns
    in whose order the engine's rows come. `body` and `text` are a view's query as it was written.
    `loose` is the SQL of a second view in the engine, named `loosely(hidden)`, of the same rows in
    no order.
    """

    kind: str
    hidden: str
    order: tuple[str, ...] = ("rowid",)
    plain: bool = False
    stale: bool = False
    made: str = ""
    sql: str = ""
    needs: frozenset[str] = frozenset()
    body: Sequence[Token] = ()
    text: str = ""
    loose: str = ""
    is_large: bool = False


def loosely(hidden: str) -> str:
    """Name the view that gives the rows of another in no order."""
    return f"__tq_loose_{hidden}".lower()


class Objects:
    """The temp objects of a session, by name in small letters."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, plain: Plain) -> None:
        self._connection, self.plain = connection, plain
        self._all: dict[str, Own] = {}
        self._types: dict[str, dict[str, str]] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._all

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def get(self, name: str) -> Own | None:
        """Give an object by its name."""
        return self._all.get(name.lower())

    def items(self) -> Iterable[tuple[str, Own]]:
        """Give names and objects."""
        return self._all.items()

    def add(self, name: str, own: Own) -> None:
        """Remember an object."""
        self._all[name.lower()] = own

    def forget(self, name: str) -> None:
        """Drop an object wherever it stands."""
        own = self._all.pop(name.lower(), None)
        if own is None:
            return
        if own.plain:
            self.plain.drop(name, own.kind)
        if own.made:
            self._connection.execute(f"DROP {own.made} temp.{named(own.hidden)}")
        if own.loose:
            self._connection.execute(f"DROP VIEW temp.{named(loosely(own.hidden))}")

    def mentioned(self, tokens: Iterable[Token]) -> set[str]:
        """Give the objects whose names stand among some tokens."""
        return {t.value.lower() for t in tokens if t.kind in {"word", "quoted"}} & set(self._all)

    def come(self, names: Collection[str]) -> bool:
        """Bring tables to SQLite; false if one is too large, or of types that SQLite lacks."""
        return all(self._comes(name) for name in names)

    def _comes(self, name: str) -> bool:
        own = self._all[name]
        if own.plain:
            return self.come(own.needs)
        if own.kind == "view" or own.is_large:
            return False
        relation = self._connection.sql(f"SELECT * FROM temp.{named(own.hidden)} ORDER BY rowid")  # noqa: S608
        found = self.taken(relation)
        if found is None:
            own.is_large = True
            return False
        columns, rows = found
        try:
            self.plain.fill(name, columns, rows)
        except (NotPlain, sqlite3.IntegrityError):
            self.plain.drop(name)
            own.is_large = True
            return False
        own.plain = True
        return True

    def taken(
        self, relation: duckdb.DuckDBPyRelation
    ) -> tuple[dict[str, str], list[tuple[Any, ...]]] | None:
        """Give columns with declared types and rows, None if they are too many or not simple."""
        kinds = [_DECLARED.get(str(kind).partition("(")[0], "") for kind in relation.types]
        null = ('"NULL"', "NULL")
        if any(not k and str(t) not in null for k, t in zip(kinds, relation.types, strict=True)):
            return None
        rows = relation.limit(MOST_ROWS + 1).fetchall()
        if len(rows) > MOST_ROWS:
            return None
        return dict(zip(unique(tuple(relation.columns)), kinds, strict=True)), rows

    def go(self, names: Collection[str]) -> None:
        """Bring what some names mean to the engine, as it is in SQLite now.

        Raises:
            NotPlain: a view gives too many rows, or fails.
        """
        for name in names:
            own = self._all[name]
            self.go(own.needs)
            if own.stale:
                self._goes(name, own)

    def _goes(self, name: str, own: Own) -> None:
        found = self.plain.ask(f"SELECT * FROM {named(name)}")  # noqa: S608
        declared = self._types.get(name, {})
        kinds = [
            _kept(declared.get(column, ""), [row[i] for row in found.rows])
            for i, column in enumerate(found.columns)
        ]
        table = self._arrow(found, kinds)
        target = f"temp.{named(own.hidden)}"
        # The engine of a session is used by one thread at a time: the name is free.
        self._connection.register("__tq_rows", table)
        try:
            if own.made == "table" and self._has(target, table):
                self._connection.execute(f"DELETE FROM {target}")  # noqa: S608
                self._connection.execute(f"INSERT INTO {target} SELECT * FROM __tq_rows")  # noqa: S608
            else:
                if own.made:
                    self._connection.execute(f"DROP {own.made} {target}")
                self._connection.execute(
                    f"CREATE TEMP TABLE {named(own.hidden)} AS SELECT * FROM __tq_rows"  # noqa: S608
                )
                self._remake_views_of(name)
        finally:
            self._connection.unregister("__tq_rows")
        own.made = "table"
        # A view is asked anew each time: what it reads may have changed.
        own.stale = own.kind == "view"

    def _has(self, target: str, table: pa.Table) -> bool:
        there = self._connection.sql(f"SELECT * FROM {target}")  # noqa: S608
        new = self._connection.sql("SELECT * FROM __tq_rows")
        return there.columns == new.columns and there.types == new.types and len(table) >= 0

    def _remake_views_of(self, name: str) -> None:
        for other, own in self._all.items():
            if own.made == "view" and name in own.needs:
                target = named(own.hidden)
                self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {target} AS {own.sql}")
                if own.loose:
                    target = named(loosely(own.hidden))
                    self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {target} AS {own.loose}")
                self._remake_views_of(other)

    def _arrow(self, found: Rows, kinds: list[str]) -> pa.Table:
        import pyarrow as pa

        types = {"BIGINT": pa.int64(), "DOUBLE": pa.float64(), "VARCHAR": pa.string(),
                 "BLOB": pa.binary()}  # fmt: skip
        columns = []
        for i, kind in enumerate(kinds):
            values = [row[i] for row in found.rows]
            if kind == "DOUBLE":
                values = [None if v is None else float(v) for v in values]
            elif kind == "VARCHAR":
                values = [
                    v if v is None or isinstance(v, str) else self.plain.text_of(v) for v in values
                ]
            columns.append(pa.array(values, types[kind]))
        return pa.Table.from_arrays(columns, names=list(unique(found.columns)))

    def declare(self, name: str, columns: Iterable[tuple[str, str]]) -> None:
        """Remember the declared types of a table: they hold where there are no values."""
        self._types[name.lower()] = {column: engine_type(kind) for column, kind in columns}

    def changed(self, name: str) -> None:
        """Note that SQLite's copy of a table is newer than the engine's."""
        self._all[name.lower()].stale = True

    def leave(self, name: str) -> None:
        """Make the engine's copy of a table the only one: it has grown too large for SQLite."""
        own = self._all[name.lower()]
        self.go([name.lower()])
        if own.plain:
            self.plain.drop(name)
        own.plain, own.is_large = False, True

    def left(self, name: str) -> None:
        """Note that the engine's copy of a table has changed: SQLite's is dropped."""
        own = self._all[name.lower()]
        if own.plain:
            self.plain.drop(name)
        own.plain = False


def typed(found: Rows) -> dict[str, str]:
    """Give the columns of a Perfetto table with the types of their values."""
    columns = {}
    for i, name in enumerate(unique(found.columns)):
        values = [row[i] for row in found.rows]
        kinds = {type(v) for v in values} - {type(None)}
        mixed = str in kinds and len(kinds) > 1
        columns[name] = "" if mixed or not kinds else _OF_KIND[kind_of(iter(values))]
    return columns


def _kept(declared: str, values: list[Any]) -> str:
    """Give the engine's type of a column: the declared one, if all values fit."""
    kinds = {type(v) for v in values} - {type(None)}
    if declared and kinds <= _FITS[declared]:
        return declared
    kind = _OF_KIND[kind_of(iter(values))]
    return "VARCHAR" if kind == "TEXT" else kind
