"""Verify traces: checksums, counts, schemas, order, and that every id leads somewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from traceql.errors import StoreError
from traceql.model import tables
from traceql.store.manifest import FILE_NAME, Manifest, TableFile
from traceql.store.parquet import ROW_GROUP, digest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from traceql.model.tables import Column, Table
    from traceql.store.catalog import Trace

_KEYS = {"process": "upid", "thread": "utid", "device": "device_id"}
"""Column that numbers the rows of a table, where it is not `id`."""


class Fault(NamedTuple):
    """One thing that is wrong with a stored trace."""

    trace: str
    table: str
    """Empty where it concerns the whole trace."""
    message: str


def verify(
    traces: Sequence[Trace], progress: Callable[[str], None] = lambda _: None
) -> Iterator[Fault]:
    """Read every file of some traces again and say what is wrong, one fault at a time.

    Args:
        traces: which; memory is bounded by one row group and one bit per row.
        progress: told the name of each trace before it is read.
    """
    for trace in traces:
        progress(trace.name)
        for table, message in _trace(trace):
            yield Fault(trace.name, table, message)


def _trace(trace: Trace) -> Iterator[tuple[str, str]]:
    try:
        manifest = Manifest.read(trace.path)
    except StoreError as error:
        yield "", str(error)
        return
    if manifest.trace_id != trace.id:
        yield "", f"its manifest is that of {manifest.trace_id}"
    expected = {FILE_NAME, *(f"{name}.parquet" for name in manifest.tables)}
    for strange in sorted(path.name for path in trace.path.iterdir() if path.name not in expected):
        yield "", f"{strange} lies in its folder and is not in the manifest"
    readable = []
    for name, file in manifest.tables.items():
        faults = list(_file(trace.path / f"{name}.parquet", name, file))
        yield from ((name, fault) for fault in faults)
        if not faults:
            readable.append(name)
    ids = _Ids(trace.path, manifest)
    for name in readable:
        yield from ((name, fault) for fault in _rows(trace.path, tables.table(name), ids))


def _file(path: Path, name: str, file: TableFile) -> Iterator[str]:
    """Check a file against the manifest, and its columns against the schema."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if name not in tables.stored():
        yield "no such table in this version"
        return
    try:
        if digest(path) != file.xxh3:
            yield f"checksum differs from the manifest's: {path.name} is damaged"
            return
        found = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        yield f"cannot be read: {error}"
        return
    with found:
        if found.metadata.num_rows != file.rows:
            yield f"has {found.metadata.num_rows} rows, the manifest says {file.rows}"
        expected = tables.table(name).stored_schema
        for field in found.schema_arrow:
            known = expected.field(field.name) if field.name in expected.names else None
            if known is None:
                yield f"column {field.name} is not in the schema"
            elif known.type != field.type:
                yield f"column {field.name} is {field.type}, the schema says {known.type}"
        for missing in sorted(set(expected.names) - set(found.schema_arrow.names)):
            if not expected.field(missing).nullable:
                yield f"column {missing} is missing"


def _rows(folder: Path, table: Table, ids: _Ids) -> Iterator[str]:
    """Check order, and that ids lead somewhere: the first fault of each kind."""
    import pyarrow.parquet as pq

    refers = {c.stored_name: target for c in table.columns if (target := _target(c)) is not None}
    said: set[str] = set()
    last: tuple[object, ...] | None = None
    seen = 0
    with pq.ParquetFile(folder / f"{table.name}.parquet") as file:
        for batch in file.iter_batches(ROW_GROUP):
            faults = [ids.fault(batch, name, target) for name, target in refers.items()]
            place, last = _first_disorder(table, batch, last)
            if place is not None:
                faults.append(f"row {seen + place} is out of order ({', '.join(table.sorted_by)})")
            for fault in faults:
                kind = fault.partition(" ")[0] if fault else ""
                if fault and kind not in said:
                    said.add(kind)
                    yield fault
            seen += batch.num_rows
    if (fault := ids.numbering(table.name)) is not None:
        yield fault


def _target(column: Column) -> str | None:
    """Give the table whose rows a column numbers."""
    if column.dimension:
        return f"dim_{column.dimension}"
    return column.refers_to.partition(".")[0] if column.refers_to else None


def _first_disorder(
    table: Table, batch: pa.RecordBatch, last: tuple[object, ...] | None
) -> tuple[int | None, tuple[object, ...] | None]:
    """Find the first row that comes before the row above it.

    Args:
        table: says the order.
        batch: rows.
        last: the keys of the row above the first one.

    Returns:
        (place of the row in the batch or None, keys of the last row).
    """
    import numpy as np

    rows = batch.num_rows
    names = [key.partition(" ")[0] for key in table.sorted_by]
    present = [n for n in names if n in batch.schema.names]
    if rows == 0 or not present:
        return None, last
    columns = [_ranks(batch.column(n), descending=f"{n} desc" in table.sorted_by) for n in present]
    keys: tuple[object, ...] = tuple(column[-1] for column in columns)
    ordered = np.ones(rows - 1, np.bool_)
    for column in reversed(columns):
        below, above = column[1:], column[:-1]
        ordered = (above < below) | ((above == below) & ordered)
    if last is not None and last > tuple(column[0] for column in columns):
        return 0, keys
    wrong = np.flatnonzero(~ordered)
    return (int(wrong[0]) + 1 if len(wrong) else None), keys


def _ranks(column: pa.Array, *, descending: bool) -> npt.NDArray[np.generic]:
    """Give values that ascend where the column is in order; nulls come last."""
    import numpy as np
    import pyarrow as pa

    if not pa.types.is_integer(column.type):
        return np.asarray(["" if v is None else v for v in column.to_pylist()], np.object_)
    most = np.iinfo(np.int64).max
    values = column.cast(pa.int64()).fill_null(most).to_numpy(zero_copy_only=False)
    if not descending:
        return np.asarray(values)
    # An unclosed slice (-1) is the longest.
    return -np.where(values == -1, most, values)


_WITH_HOLES = {"device", "process", "thread"}
"""Tables whose numbers the tool gives, or keeps for what has no row."""


class _Ids:
    """The ids that the tables of a trace give to their rows; read when first asked for."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder, self._manifest = folder, manifest
        self._known: dict[str, npt.NDArray[np.bool_]] = {}
        self._twice: dict[str, int] = {}

    def fault(self, batch: pa.RecordBatch, name: str, target: str) -> str | None:
        """Say which id of a column leads nowhere, if one does."""
        import numpy as np

        if name not in batch.schema.names:
            return None
        values = batch.column(name).drop_null().to_numpy(zero_copy_only=False)
        if len(values) == 0:
            return None
        there = self._of(target)
        inside = (values >= 0) & (values < len(there))
        inside[inside] = there[values[inside]]
        lost = np.flatnonzero(~inside)
        return f"{name} {values[lost[0]]} is not in {target}" if len(lost) else None

    def numbering(self, name: str) -> str | None:
        """Say what is wrong with the ids of a table itself."""
        key = _key(name)
        if key is None:
            return None
        known = self._of(name)
        if name in self._twice:
            return f"{key} {self._twice[name]} is there twice"
        if name not in _WITH_HOLES and not known.all():
            return f"{key} is not numbered from 0: {int((~known).argmax())} is missing"
        return None

    def _of(self, name: str) -> npt.NDArray[np.bool_]:
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def _read(self, name: str) -> npt.NDArray[np.bool_]:
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        known = np.zeros(0, np.bool_)
        key = _key(name)
        if name not in self._manifest.tables or key is None:
            return known
        try:
            with pq.ParquetFile(self._folder / f"{name}.parquet") as file:
                for batch in file.iter_batches(ROW_GROUP, columns=[key]):
                    known = self._noted(name, known, batch.column(0).to_numpy())
        except (OSError, pa.ArrowException):
            return known  # the file's own check has told
        return known

    def _noted(
        self, name: str, known: npt.NDArray[np.bool_], ids: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.bool_]:
        import numpy as np

        most = int(ids.max()) + 1
        if most > len(known):
            known = np.concatenate([known, np.zeros(most - len(known), np.bool_)])
        counts = np.bincount(ids[ids >= 0], minlength=len(known))
        double = np.flatnonzero((counts > 1) | ((counts > 0) & known))
        if len(double):
            self._twice.setdefault(name, int(double[0]))
        return known | (counts > 0)


def _key(name: str) -> str | None:
    table = tables.canonical().get(name)
    key = _KEYS.get(name, "id")
    return key if table is not None and key in table else None
