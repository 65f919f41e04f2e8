"""Open a SQLite file and give the rows of its tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from traceql.errors import CorruptTrace
from traceql.importers._sqlite import cells
from traceql.importers._sqlite.pages import PageReader, layout, serves
from traceql.importers._sqlite.schema import (
    Column,
    StoredTable,
    affinity,
    quoted,
    read_tables,
)

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC = b"SQLite format 3\0"
CORRUPT_PAGE = "sqlite_page"
CORRUPT_FILE = "sqlite_file"

SMALL_BYTES = 20_000_000
"""Below this the sqlite3 module is read by, and no kernel is loaded, unless a page is damaged."""


_UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
"""What reading a damaged schema raises; the second where the message itself is not UTF-8."""


class Database:
    """A SQLite file, opened for reading; use as a context manager.

    A file with a write-ahead log beside it is read with the log; any other is taken to be
    finished, and nothing is written beside it.

    Args:
        path: a plain local file.

    Attributes:
        tables: base tables in schema order, with their columns.
        views: names of the views.
        damage: what was wrong, as (code, offset, message), one entry for each cell or page; grows
            as rows are read. Codes: `sqlite_page` (its rows are missing), `sqlite_type` (a cell
            became null), `sqlite_text` (not UTF-8, read with replacement), `sqlite_file`. The
            offset is 0 where it is not known.

    Raises:
        CorruptTrace: it is no SQLite database, or its schema cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: list[tuple[str, int, str]] = []
        self._texts = self._open()
        self._texts.text_factory = lambda text: text.decode(errors="replace")
        self._bytes: sqlite3.Connection | None = None
        try:
            self._layout = None if self._has_log else layout(path)
            self._is_small = path.stat().st_size < SMALL_BYTES
            self._stored, self.views = self._schema()
        except BaseException:
            self.close()
            raise
        self.tables: Mapping[str, tuple[Column, ...]] = {
            name: table.columns for name, table in self._stored.items()
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; may be called again."""
        self._texts.close()
        if self._bytes is not None:
            self._bytes.close()

    def rows(
        self,
        table: str,
        columns: Mapping[str, pa.DataType] | Sequence[str],
        *,
        batch_rows: int = 1 << 16,
    ) -> Iterator[pa.RecordBatch]:
        """Give rows of a table in rowid order (WITHOUT ROWID: in order of the primary key).

        Args:
            table: its name; one that is not there has no rows.
            columns: the columns wanted and their types: int64, float64, string, binary, or a
                dictionary with int32 indices of string; or names alone, whose declared types
                decide. A column that the table lacks comes as nulls.
            batch_rows: the most rows of a batch; batches may be shorter, none is empty.
        """
        stored = self._find(table)
        if stored is None:
            return
        wanted = _typed(stored, columns)
        cut = self._layout if serves(stored, wanted) else None
        if cut is None:
            yield from self._through_sqlite(stored, wanted, batch_rows)
            return
        if self._is_small:
            told = len(self.damage)
            batches = list(self._through_sqlite(stored, wanted, batch_rows))
            if all(code != CORRUPT_PAGE for code, _, _ in self.damage[told:]):
                yield from batches
                return
            # SQLite gives no rows beyond a damaged page; the page reader does.
            del self.damage[told:], batches
        reader = PageReader(self.path, cut, self._raw(), self.damage, self._reporter)
        yield from reader.rows(stored, wanted, batch_rows, CORRUPT_PAGE)

    def count(self, table: str) -> int:
        """Count the rows of a table; 0 if it is not there."""
        stored = self._find(table)
        if stored is None:
            return 0
        sql = f"SELECT count(*) FROM {quoted(stored.name)} NOT INDEXED"  # noqa: S608
        return next((int(row[0]) for row in self.query(sql)), 0)

    def query(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Run a query over small tables; texts that are not UTF-8 come with replacements.

        Where the file turns out to be corrupt the rows end, and the damage is counted.

        Raises:
            CorruptTrace: the statement cannot be run on this file.
        """
        try:
            with closing(self._texts.cursor()) as cursor:
                yield from cursor.execute(sql)
        except sqlite3.OperationalError as error:
            raise CorruptTrace(self.path, 0, f"a query failed: {error}") from error
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            self.damage.append((CORRUPT_PAGE, 0, str(error)))

    def _find(self, table: str) -> StoredTable | None:
        if table in self._stored:
            return self._stored[table]
        folded = table.lower()
        return next((t for name, t in self._stored.items() if name.lower() == folded), None)

    def _open(self) -> sqlite3.Connection:
        try:
            with self.path.open("rb") as file:
                start = file.read(len(MAGIC))
        except OSError as error:
            raise CorruptTrace(self.path, 0, f"cannot be read: {error.strerror}") from error
        if start != MAGIC:
            raise CorruptTrace(self.path, 0, "not a SQLite database")
        options = "mode=ro" if self._has_log else "mode=ro&immutable=1"
        address = f"file:{quote(str(self.path.absolute()))}?{options}"
        try:
            return sqlite3.connect(address, uri=True, check_same_thread=False)
        except sqlite3.Error as error:
            raise CorruptTrace(self.path, 0, f"cannot be opened: {error}") from error

    @property
    def _has_log(self) -> bool:
        log = self.path.with_name(self.path.name + "-wal")
        return log.is_file() and log.stat().st_size > 0

    def _schema(self) -> tuple[dict[str, StoredTable], tuple[str, ...]]:
        try:
            return read_tables(self._texts)
        except _UNREADABLE as error:
            first = error
        # So told, SQLite takes a file that is shorter than its header says, and a schema of
        # which a part cannot be parsed; nothing can be written, the file is open for reading.
        try:
            self._texts.execute("PRAGMA writable_schema=ON")
            found = read_tables(self._texts)
        except _UNREADABLE as error:
            raise CorruptTrace(self.path, 0, f"its schema cannot be read: {error}") from error
        self.damage.append((CORRUPT_FILE, 0, str(first)))
        return found

    def _raw(self) -> sqlite3.Connection:
        if self._bytes is None:
            self._bytes = self._open()
            self._bytes.text_factory = bytes
            self._bytes.execute("PRAGMA cell_size_check=ON")
            if self.damage:
                self._bytes.execute("PRAGMA writable_schema=ON")
        return self._bytes

    def _through_sqlite(
        self, table: StoredTable, wanted: dict[str, tuple[int, pa.DataType]], batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        places = [place for place, _ in wanted.values() if place >= 0]
        names = ", ".join(quoted(table.columns[place].name) for place in places) or "1"
        # Without NOT INDEXED a covering index would give its own order.
        sql = f"SELECT {names} FROM {quoted(table.name)} NOT INDEXED"  # noqa: S608
        try:
            with closing(self._raw().cursor()) as cursor:
                cursor.execute(sql)
                while rows := cursor.fetchmany(batch_rows):
                    found = iter(zip(*rows, strict=True))
                    arrays = [
                        cells.to_array(next(found), dtype, self._reporter(table, place))
                        if place >= 0
                        else pa.nulls(len(rows), dtype)
                        for place, dtype in wanted.values()
                    ]
                    yield pa.RecordBatch.from_arrays(arrays, names=list(wanted))
        except sqlite3.DatabaseError as error:
            self.damage.append((CORRUPT_PAGE, 0, f"{table.name}: {error}"))

    def _reporter(self, table: StoredTable, place: int) -> Any:
        name = f"{table.name}.{table.columns[place].name}"

        def report(code: str, count: int) -> None:
            what = "not UTF-8" if code == cells.NOT_UTF8 else "not of the column's type"
            self.damage.extend([(code, 0, f"{name}: {what}")] * count)

        return report


def _typed(
    table: StoredTable, columns: Mapping[str, pa.DataType] | Sequence[str]
) -> dict[str, tuple[int, pa.DataType]]:
    """Give for each column wanted its place in the table (-1: it has none) and its type."""
    import pyarrow as pa

    exact = {column.name: place for place, column in enumerate(table.columns)}
    folded = {column.name.lower(): place for place, column in enumerate(table.columns)}
    wanted: dict[str, tuple[int, pa.DataType]] = {}
    for name in columns:
        place = exact.get(name, folded.get(name.lower(), -1))
        if isinstance(columns, Mapping):
            dtype = columns[name]
            cells.kind_of(dtype)
        else:
            dtype = _declared_type(table.columns[place].declared) if place >= 0 else pa.null()
        wanted[name] = (place, dtype)
    return wanted


def _declared_type(declared: str) -> pa.DataType:
    import pyarrow as pa

    upper = declared.upper()
    if "BOOL" in upper:
        return pa.int64()
    if any(word in upper for word in ("JSON", "DATE", "TIME")):
        return pa.string()
    by_affinity = {
        "INTEGER": pa.int64(),
        "TEXT": pa.string(),
        "BLOB": pa.binary(),
        "REAL": pa.float64(),
        "NUMERIC": pa.float64(),
    }
    return by_affinity[affinity(declared)]
