"""The fast way to rows: pages of the mapped file, read by compiled kernels.

It serves tables with rowid, in UTF-8, without generated columns, of files without a log beside
them. Cells that are not of the type wanted are fetched by the sqlite3 module, so that the rows are
the same as through it alone. What a damaged page holds is left out, page by page.
"""

from __future__ import annotations

import mmap
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from traceql.errors import CorruptTrace
from traceql.importers._sqlite import cells
from traceql.importers._sqlite.schema import StoredTable, quoted
from traceql.model.lean_arrow import nulls

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from traceql.importers._sqlite.cells import Cell
    from traceql.kernels.sqlite_rows import Batch, RowReader

Wanted = Mapping[str, tuple[int, "pa.DataType"]]
Report = Callable[[StoredTable, int], Callable[[str, int], None]]

_SIZE, _RESERVED, _ENCODING, _HEADER = 16, 20, 56, 100
_UTF8 = (0, 1)
"""0: nothing was ever written."""
_MOST_APART = 64
"""More odd rows of a batch than this are fetched by one query over all its rows."""


class Layout(NamedTuple):
    """How a file is cut into pages."""

    page_size: int
    usable: int


def layout(path: Path) -> Layout | None:
    """Give the layout of a file; None if the page reader does not cover it."""
    with path.open("rb") as file:
        header = file.read(_HEADER)
    if len(header) < _HEADER:
        return None
    size = int.from_bytes(header[_SIZE : _SIZE + 2], "big")
    size = 65536 if size == 1 else size
    usable = size - header[_RESERVED]
    encoding = int.from_bytes(header[_ENCODING : _ENCODING + 4], "big")
    is_possible = size >= 512 and size & (size - 1) == 0 and usable >= 480
    return Layout(size, usable) if is_possible and encoding in _UTF8 else None


def serves(table: StoredTable, wanted: Wanted) -> bool:
    """Tell whether columns of a table can be read off its pages."""
    import pyarrow as pa

    if table.rowid is None or not table.is_plain:
        return False
    places = [place for place, _ in wanted.values() if place >= 0]
    if len(places) != len(set(places)):
        return False
    return all(
        place != table.alias or pa.types.is_integer(dtype) or pa.types.is_floating(dtype)
        for place, dtype in wanted.values()
    )


class PageReader:
    """Reads one table.

    Args:
        path: the file.
        cut: its layout.
        raw: a connection whose texts are bytes; for cells that are not of the type wanted.
        damage: grows by pages whose rows are missing.
        report: makes a reporter of damaged cells for a column.
    """

    def __init__(
        self,
        path: Path,
        cut: Layout,
        raw: sqlite3.Connection,
        damage: list[tuple[str, int, str]],
        report: Report,
    ) -> None:
        self._path, self._cut, self._raw = path, cut, raw
        self._damage, self._report = damage, report

    def rows(
        self, table: StoredTable, wanted: Wanted, batch_rows: int, code: str
    ) -> Iterator[pa.RecordBatch]:
        """Give the rows of a table that `serves`; damaged pages are counted under `code`.

        Raises:
            CorruptTrace: the file can no longer be read.
        """
        import numpy as np

        from traceql.kernels.btree import Pages, leaves
        from traceql.kernels.sqlite_rows import RowReader

        try:
            with self._path.open("rb") as file:
                # Never closed by hand: what looks at it may outlive an error.
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise CorruptTrace(self._path, 0, f"cannot be read: {error}") from error
        self._see_that_it_is_whole(len(mapped))
        pages = Pages(np.frombuffer(mapped, np.uint8), *self._cut)
        found = leaves(pages, table.root)
        self._tell(table, found.damaged, code)
        kinds = _kinds(table, wanted)
        absent = np.zeros(len(kinds), np.bool_)
        absent[list(table.with_default)] = True
        reader = RowReader(pages, found, kinds, absent, batch_rows)
        yield from self._batches(table, wanted, reader, batch_rows, code)

    def _batches(
        self, table: StoredTable, wanted: Wanted, reader: RowReader, batch_rows: int, code: str
    ) -> Iterator[pa.RecordBatch]:
        import numpy as np
        import pyarrow as pa

        told = 0
        while True:
            self._see_that_it_is_whole(reader.file_bytes)
            # Arrow's memory is kept for the next batch, numpy's goes back to the system.
            memory = pa.allocate_buffer(reader.value_bytes)
            batch = reader.read(np.frombuffer(memory, np.uint8))
            self._tell(table, reader.damaged[told:], code)
            told = len(reader.damaged)
            if batch is None:
                return
            arrays = self._arrays(table, wanted, batch, memory)
            whole = pa.RecordBatch.from_arrays(arrays, names=list(wanted))
            for start in range(0, batch.rows, batch_rows):
                yield whole.slice(start, batch_rows)

    def _see_that_it_is_whole(self, size: int) -> None:
        """Ask how long the file is now: to look at mapped pages beyond its end ends the process."""
        try:
            now = self._path.stat().st_size
        except OSError as error:
            raise CorruptTrace(self._path, 0, f"cannot be read: {error}") from error
        if now < size:
            raise CorruptTrace(self._path, now, f"was cut from {size} bytes while it was read")

    def _tell(self, table: StoredTable, pages: NDArray[np.int64], code: str) -> None:
        self._damage.extend(
            (code, (page - 1) * self._cut.page_size, f"{table.name}: page {page} is damaged")
            for page in pages.tolist()
        )

    def _arrays(
        self, table: StoredTable, wanted: Wanted, batch: Batch, memory: pa.Buffer
    ) -> list[pa.Array]:

        fetched = self._fetch(table, batch)
        places = sorted(place for place, _ in wanted.values() if place >= 0)
        by_place: dict[int, pa.Array] = {}
        number = text = 0
        types = dict(wanted.values())
        for at, place in enumerate(places):
            state = batch.state[at, : batch.rows]
            name = cells.kind_of(types[place])
            if name in ("string", "binary"):
                array = _texts(batch, text, state)
                text += 1
            else:
                array = _numbers(batch, number, state, name, memory)
                number += 1
            by_place[place] = self._typed(
                array, types[place], state, fetched, self._report(table, place), place
            )
        return [
            by_place[place] if place >= 0 else nulls(batch.rows, dtype)
            for place, dtype in wanted.values()
        ]

    def _typed(
        self,
        array: pa.Array,
        dtype: pa.DataType,
        state: NDArray[np.uint8],
        fetched: Mapping[int, tuple[Cell, ...]],
        report: Callable[[str, int], None],
        place: int,
    ) -> pa.Array:
        import pyarrow as pa

        from traceql.kernels.sqlite_rows import ODD

        odd = (state == ODD).nonzero()[0].tolist() if fetched else []
        if not odd:
            name = cells.kind_of(dtype)
            if name != "string":
                return cells.as_asked(array, dtype)
            as_text = array.view(pa.string())
            try:
                as_text.validate(full=True)
            except pa.ArrowInvalid:
                return cells.to_array(array.to_pylist(), dtype, report)  # not UTF-8
            return cells.as_asked(as_text, dtype)
        values = array.to_pylist()
        for row in odd:
            values[row] = fetched[row][place] if row in fetched else None
        return cells.to_array(values, dtype, report)

    def _fetch(self, table: StoredTable, batch: Batch) -> dict[int, tuple[Cell, ...]]:
        """Fetch rows with odd cells; those that cannot be read are left out, and counted."""
        rows = batch.odd_rows.tolist()
        if not rows:
            return {}
        ids = batch.rowids[batch.odd_rows].tolist()
        row_of = dict(zip(ids, rows, strict=True))
        names = ", ".join(quoted(column.name) for column in table.columns)
        one = len(ids) <= _MOST_APART
        condition = "= ?" if one else "BETWEEN ? AND ?"
        sql = (
            f"SELECT {table.rowid}, {names} FROM {quoted(table.name)} NOT INDEXED "  # noqa: S608
            f"WHERE {table.rowid} {condition}"
        )
        found: dict[int, tuple[Cell, ...]] = {}
        asked: list[tuple[Any, ...]] = [(i,) for i in ids] if one else [(ids[0], ids[-1])]
        for bounds in asked:
            try:
                with closing(self._raw.execute(sql, bounds)) as cursor:
                    found.update((row_of[row[0]], row[1:]) for row in cursor if row[0] in row_of)
            except sqlite3.Error as error:
                self._damage.append(("sqlite_page", 0, f"{table.name}: {error}"))
        return found


def _kinds(table: StoredTable, wanted: Wanted) -> NDArray[np.uint8]:
    import numpy as np

    from traceql.kernels import sqlite_rows as rows

    kinds = np.zeros(len(table.columns), np.uint8)
    for place, dtype in wanted.values():
        if place < 0:
            continue
        name = cells.kind_of(dtype)
        kinds[place] = {"int64": rows.INTEGER, "double": rows.REAL}.get(name, rows.BYTES)
        if place == table.alias:
            kinds[place] = rows.ROWID if name == "int64" else rows.REAL_ROWID
    return kinds


def _validity(state: NDArray[np.uint8]) -> tuple[pa.Buffer | None, int]:
    """Give the bits of cells that are there, None if all are; and how many are not."""
    import numpy as np
    import pyarrow as pa

    from traceql.kernels.sqlite_rows import THERE

    there = state == THERE
    missing = len(there) - int(np.count_nonzero(there))
    if not missing:
        return None, 0
    return pa.py_buffer(np.packbits(there, bitorder="little")), missing


def _numbers(
    batch: Batch, slot: int, state: NDArray[np.uint8], name: str, memory: pa.Buffer
) -> pa.Array:
    import pyarrow as pa

    dtype = pa.type_for_alias(name)
    bits, missing = _validity(state)
    if missing == batch.rows:
        return nulls(batch.rows, dtype)
    size = batch.values.shape[1] * 8
    values = memory.slice(slot * size, batch.rows * 8)
    return pa.Array.from_buffers(dtype, batch.rows, [bits, values], missing)


def _texts(batch: Batch, slot: int, state: NDArray[np.uint8]) -> pa.Array:
    import pyarrow as pa

    bits, missing = _validity(state)
    if missing == batch.rows:
        return nulls(batch.rows, pa.binary())
    starts = batch.starts[slot, : batch.rows + 1]
    buffers = [bits, pa.py_buffer(starts), pa.py_buffer(batch.texts[slot, : starts[-1]])]
    return pa.Array.from_buffers(pa.binary(), batch.rows, buffers, missing)
