"""What a SQLite file says about its tables.

Facts of the format: https://sqlite.org/fileformat2.html and https://sqlite.org/datatype3.html.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

ROWID_NAMES = ("rowid", "_rowid_", "oid")
_VIRTUAL = 2
_SHOWN = frozenset({0, 2, 3})


class Column(NamedTuple):
    """A column, with its type as in the schema (empty if it has none)."""

    name: str
    declared: str


class StoredTable(NamedTuple):
    """A base table, and where its rows lie."""

    name: str
    columns: tuple[Column, ...]
    root: int
    """Number of the root page of its b-tree, from 1."""
    rowid: str | None
    """A name for the rowid that no column has; None: WITHOUT ROWID, or all names are taken."""
    alias: int
    """Which column is the rowid (INTEGER PRIMARY KEY); -1: none."""
    with_default: frozenset[int]
    """Columns whose value in rows older than the column is not null."""
    is_plain: bool
    """Every column is stored in the record at its own place, in a table with rowid."""


def quoted(name: str) -> str:
    """Give a name as SQL takes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def affinity(declared: str) -> str:
    """Give the affinity of a declared type: INTEGER, TEXT, BLOB, REAL or NUMERIC."""
    upper = declared.upper()
    if "INT" in upper:
        return "INTEGER"
    if any(word in upper for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if not upper or "BLOB" in upper:
        return "BLOB"
    return "REAL" if any(word in upper for word in ("REAL", "FLOA", "DOUB")) else "NUMERIC"


def read_tables(connection: sqlite3.Connection) -> tuple[dict[str, StoredTable], tuple[str, ...]]:
    """Give the base tables in schema order, and the names of the views.

    Tables of SQLite itself and virtual tables, which have no rows of their own, are left out, and
    those whose name is damaged: SQLite gives bytes where it finds no text.

    Raises:
        sqlite3.DatabaseError: the schema cannot be read.
    """
    listed = connection.execute(
        "SELECT type, name, rootpage FROM sqlite_master WHERE type IN ('table', 'view')"
        # What is damaged may hold anything in any place.
        " AND typeof(name) = 'text' AND typeof(rootpage) = 'integer' ORDER BY rowid"
    ).fetchall()
    views = tuple(name for kind, name, _ in listed if kind == "view")
    return {
        name: _table(connection, name, root)
        for kind, name, root in listed
        if kind == "table" and root and not name.lower().startswith("sqlite_")
    }, views


def _table(connection: sqlite3.Connection, name: str, root: int) -> StoredTable:
    info = connection.execute(f"PRAGMA table_xinfo({quoted(name)})").fetchall()
    shown = [row for row in info if row[6] in _SHOWN]
    columns = tuple(Column(row[1], row[2] or "") for row in shown)
    rowid = _rowid_name(connection, name, columns)
    keys = [place for place, row in enumerate(shown) if row[5]]
    indexes = connection.execute(f"PRAGMA index_list({quoted(name)})").fetchall()
    # A primary key that is no alias of the rowid has an index of its own.
    has_own_index = any(len(row) > 3 and row[3] == "pk" for row in indexes)
    is_alias = rowid is not None and len(keys) == 1 and not has_own_index
    return StoredTable(
        name,
        columns,
        root,
        rowid,
        keys[0] if is_alias else -1,
        frozenset(place for place, row in enumerate(shown) if row[4] is not None),
        rowid is not None and all(row[6] == 0 for row in info),
    )


def _rowid_name(
    connection: sqlite3.Connection, table: str, columns: Sequence[Column]
) -> str | None:
    taken = {column.name.lower() for column in columns}
    for name in ROWID_NAMES:
        if name in taken:
            continue
        try:
            connection.execute(f"SELECT {name} FROM {quoted(table)} LIMIT 0")  # noqa: S608
        except sqlite3.OperationalError:
            return None
        return name
    return None
