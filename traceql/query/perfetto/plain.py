"""SQLite itself, in memory, for what asks nothing of a trace.

A query over VALUES, CTEs and tables that the text made is small, and SQLite is what Perfetto runs
it on: values of any type in one column, comparisons of texts with numbers, `printf`, the order of
rows. What mentions a table or a function that this database lacks cannot be prepared here, and goes
to the engine. Nothing outside can be reached: there is no file, and an authorizer allows reads and
changes of the session's own tables, and functions that only compute.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from traceql.query.perfetto.operators import named

if TYPE_CHECKING:
    from traceql.query.answer import Parameters

MOST_ROWS = 200_000
"""Rows of a table, or of an answer, that stay here; more go to the engine."""
_MOST_STEPS = 400_000_000
"""Instructions of SQLite's machine that one statement may take, some ten seconds."""
_STEPS = 100_000
_MOST_BYTES = 100_000_000

_NAMES = """
abs changes char coalesce concat concat_ws format glob hex ifnull iif instr last_insert_rowid
length like likelihood likely lower ltrim match max min nullif octet_length printf quote random
randomblob replace round rtrim sign soundex sqlite_version substr substring total_changes trim
typeof unicode unlikely upper zeroblob
avg count group_concat string_agg sum total row_number rank dense_rank percent_rank cume_dist
ntile lag lead first_value last_value nth_value
acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10 log2
mod pi pow power radians sin sinh sqrt tan tanh trunc
date time datetime julianday unixepoch strftime timediff current_date current_time
current_timestamp
json json_array json_array_length json_error_position json_extract json_insert json_object
json_patch json_pretty json_quote json_remove json_replace json_set json_type json_valid
json_group_array json_group_object -> ->>
"""
_FUNCTIONS = frozenset(_NAMES.split())
"""Functions that only compute. Perfetto has its own unhex() and percentile()."""
_READS = {
    sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE,
}  # fmt: skip
_CHANGES = _READS | {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}
_MAKES = _CHANGES | {
    sqlite3.SQLITE_CREATE_TABLE, sqlite3.SQLITE_CREATE_INDEX, sqlite3.SQLITE_CREATE_VIEW,
    sqlite3.SQLITE_DROP_TABLE, sqlite3.SQLITE_DROP_INDEX, sqlite3.SQLITE_DROP_VIEW,
    sqlite3.SQLITE_ALTER_TABLE, sqlite3.SQLITE_REINDEX,
}  # fmt: skip
_SIMPLE = (int, float, str, bytes)

Mode = Literal["reads", "changes", "makes"]


class Rows(NamedTuple):
    """Columns and rows, in SQLite's order, with SQLite's values."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class NotPlain(Exception):
    """SQLite cannot run this statement alone; `missing` names a table that it lacks."""

    def __init__(self, message: str) -> None:
        self.missing = message.removeprefix("no such table: ").removeprefix("main.")
        self.missing = self.missing if message.startswith("no such table: ") else ""
        super().__init__(message)


class Plain:
    """The database. Rows here are few (MOST_ROWS), so Python may handle them one by one."""

    def __init__(self, timeout_s: float | None) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        for pragma in ("temp_store = MEMORY", "legacy_alter_table = ON", "trusted_schema = ON"):
            self._db.execute(f"PRAGMA {pragma}")
        for table in ("json_each", "json_tree"):  # made once, before the authorizer sees it
            with suppress(sqlite3.OperationalError):  # an old SQLite may lack them
                self._db.execute(f"SELECT 1 FROM {table}('[]')").fetchall()  # noqa: S608
        self._db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES)
        self._timeout_s = timeout_s
        self._steps, self._deadline, self._most_steps = 0, 0.0, _MOST_STEPS
        self._allowed = _READS
        self._own: set[str] = set()
        self.timed_out = False
        self._db.set_authorizer(self._judge)
        self._db.set_progress_handler(self._tick, _STEPS)

    def close(self) -> None:
        """Let go of memory."""
        self._db.close()

    def ask(
        self, text: str, parameters: Parameters = None, *, most_steps: int = _MOST_STEPS
    ) -> Rows:
        """Run a query, in at most so many instructions of SQLite's machine.

        Raises:
            NotPlain: it needs more than is here, fails, takes too long or gives too many rows.
        """
        if not _are_simple(parameters):
            raise NotPlain("parameters of other types")
        with self._mode("reads", most_steps):
            try:
                cursor = self._db.execute(text, parameters or ())
                rows = cursor.fetchmany(MOST_ROWS + 1)
            except (sqlite3.Error, OverflowError) as error:
                raise NotPlain(str(error)) from error
        if len(rows) > MOST_ROWS:
            raise NotPlain("too many rows")
        return Rows(tuple(column[0] for column in cursor.description), rows)

    def change(self, text: str, rows: Iterable[Sequence[Any]] | None = None) -> None:
        """Run an INSERT, UPDATE or DELETE, once or for each of some rows.

        Raises:
            NotPlain: it needs more than is here.
            sqlite3.IntegrityError: a constraint of the table does not hold.
        """
        with self._mode("changes"):
            self._db.execute("SAVEPOINT s")
            try:
                if rows is None:
                    self._db.execute(text)
                else:
                    self._db.executemany(text, rows)
            except sqlite3.IntegrityError:
                self._db.execute("ROLLBACK TO s")
                raise
            except (sqlite3.Error, OverflowError) as error:
                self._db.execute("ROLLBACK TO s")
                raise NotPlain(str(error)) from error
            finally:
                self._db.execute("RELEASE s")

    def make(self, text: str) -> None:
        """Run a CREATE of a table or a view.

        Raises:
            NotPlain: SQLite does not take it.
        """
        with self._mode("makes"):
            try:
                self._db.execute(text)
            except sqlite3.Error as error:
                raise NotPlain(str(error)) from error

    def fill(self, name: str, columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> None:
        """Make a table of rows; `columns` gives the declared types.

        Raises:
            NotPlain: SQLite does not take it.
        """
        listed = ", ".join(f"{named(column)} {kind}" for column, kind in columns.items())
        self.make(f"CREATE TABLE {named(name)} ({listed})")
        places = ", ".join("?" * len(columns))
        self.change(f"INSERT INTO {named(name)} VALUES ({places})", rows)  # noqa: S608

    def rename(self, name: str, other: str) -> None:
        """Give a table another name."""
        self.make(f"ALTER TABLE {named(name)} RENAME TO {named(other)}")

    def drop(self, name: str, kind: str = "table") -> None:
        """Drop a table or view."""
        self.make(f"DROP {kind.upper()} IF EXISTS {named(name)}")

    def function(self, name: str, count: int, run: Callable[..., Any] | None) -> None:
        """Let queries call a function of `count` arguments, -1 for any; None takes it away."""
        self._db.create_function(name, count, run)
        (self._own.discard if run is None else self._own.add)(name.lower())

    def aggregate(self, name: str, count: int, kind: type[Any]) -> None:
        """Let queries call an aggregate that is also a window function."""
        self._db.create_window_function(name, count, kind)
        self._own.add(name.lower())

    def has_function(self, name: str) -> bool:
        """Whether queries may call a function."""
        return name.lower() in _FUNCTIONS or name.lower() in self._own

    def first(self, text: str, parameters: Mapping[str, Any]) -> Any:
        """Give the first value of a query that another query calls; None where it has no row."""
        row = self._db.execute(text, parameters).fetchone()
        return row[0] if row else None

    def text_of(self, value: Any) -> str:
        """Give a value as SQLite casts it to text."""
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        found = self._db.execute("SELECT CAST(? AS TEXT)", (value,)).fetchone()[0]
        return str(found)

    def _judge(self, action: int, one: str | None, two: str | None, *_: str | None) -> int:
        """Allow what the mode allows; nothing of SQLite's own tables unless something is made."""
        if action not in self._allowed and action != sqlite3.SQLITE_SAVEPOINT:
            return sqlite3.SQLITE_DENY
        makes = self._allowed is _MAKES
        if action == sqlite3.SQLITE_FUNCTION:
            name = str(two).lower()
            fine = name in _FUNCTIONS or name in self._own
            fine = fine or (makes and name.startswith("sqlite_rename"))
            return sqlite3.SQLITE_OK if fine else sqlite3.SQLITE_DENY
        if not makes and (one or "").lower().startswith(("sqlite_", "pragma_", "dbstat")):
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    def _tick(self) -> bool:
        self._steps += _STEPS
        self.timed_out = bool(self._deadline) and time.monotonic() > self._deadline
        return self.timed_out or self._steps > self._most_steps

    def _mode(self, mode: Mode, most_steps: int = _MOST_STEPS) -> _Mode:
        """Allow what a statement of this kind does, and start to count its steps."""
        self._most_steps = most_steps
        return _Mode(self, {"reads": _READS, "changes": _CHANGES, "makes": _MAKES}[mode])


class _Mode:
    """For a while, what the authorizer allows."""

    def __init__(self, plain: Plain, allowed: set[int]) -> None:
        self._plain, self._allowed = plain, allowed

    def __enter__(self) -> None:
        plain = self._plain
        self._before = plain._allowed  # noqa: SLF001
        plain._allowed = self._allowed  # noqa: SLF001
        plain._steps = 0  # noqa: SLF001
        limit = plain._timeout_s  # noqa: SLF001
        plain._deadline = time.monotonic() + limit if limit is not None else 0.0  # noqa: SLF001

    def __exit__(self, *_: object) -> None:
        self._plain._allowed = self._before  # noqa: SLF001


def _are_simple(parameters: Parameters) -> bool:
    values = parameters.values() if isinstance(parameters, Mapping) else parameters or ()
    return all(value is None or isinstance(value, _SIMPLE) for value in values)
