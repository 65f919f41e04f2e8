"""Bring one file into a store: open, detect, read, assemble, write, and one rename."""

from __future__ import annotations

import dataclasses
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import traceql
from traceql.engine import memory, settings, sql_script
from traceql.errors import InputError, StoreError, StoreFull
from traceql.model import tables
from traceql.model.lean_arrow import spare_pandas
from traceql.model.protocols import Chunk
from traceql.store import durable, naming
from traceql.store.manifest import Manifest
from traceql.store.writer import Status, TraceWriter, is_current

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.engine.folder import FolderSource
    from traceql.engine.source import FileSource
    from traceql.model.protocols import Importer
    from traceql.store.catalog import Store, Trace

Progress = Callable[[int, "int | None", int], None]
"""Told (bytes of the file read, its size or None, rows read)."""

_LARGE_BYTES = 16_000_000
_LEAST_FREE_BYTES = 64_000_000
_STORE_SHARE = 0.05
_SPILL_SHARE = 0.25
"""Of the file: what a finished trace takes, and what waits on disk where memory is too small."""
_MOST_NAMED = 5


@dataclasses.dataclass(frozen=True)
class Ingested:
    """A file that is in the store."""

    trace: Trace
    status: Status
    """new; replaced: the importer, its version or options differ; unchanged: it was there."""
    importer: str
    diagnostics: pa.Table
    """What was odd about the file: the rows of the table `diagnostic`."""
    seconds: float


class _Recipe(NamedTuple):
    importer: Importer
    draft: Manifest
    """The manifest, its `trace_id` and `tables` still to come."""


def ingest(  # noqa: PLR0913  (all but two are options)
    path: str | Path,
    *,
    store: Store,
    importer: str | None = None,
    name: str | None = None,
    group: str | None = None,
    options: Mapping[str, Any] | None = None,
    memory_limit_bytes: int | None = None,
    progress: Progress | None = None,
    views: bool = True,
) -> Ingested:
    """Bring a file into a store.

    A file that is there already, read by the same importer in the same version with the same
    options, is left alone (a new name or group is noted); else its trace is replaced. Whatever
    goes wrong, the store stays as it was.

    Args:
        path: the file, `-` for standard input.
        store: where to.
        importer: name of the importer; None: the one that recognises the file.
        name: of the trace; None: the file's stem. One that is taken gets `-2`.
        group: a group to join.
        options: fields of the importer, as `field`, or as `importer.field`, which no other
            importer minds; texts are read as the types of the fields.
        memory_limit_bytes: None: $TRACEQL_MEMORY_LIMIT, else half of the machine's memory.
        progress: called now and then while the file is read.
        views: keep `views.sql` true; who ingests many files does so once at the end.

    Raises:
        InputError: the file cannot be read, or nothing of it can be imported.
        StoreFull, StoreBusy, StoreError: the store cannot take it.
    """
    start = time.perf_counter()
    spare_pandas()
    for chosen in (name, group):
        if chosen is not None:
            naming.checked(chosen)
    with _translated(path, store):
        done = _ingest(Path(path), store, importer, name, group, options or {},
                       memory.limit_bytes(memory_limit_bytes), progress)  # fmt: skip
    if views:
        sql_script.refresh(store)
    return dataclasses.replace(done, seconds=time.perf_counter() - start)


def _ingest(
    path: Path,
    store: Store,
    forced: str | None,
    name: str | None,
    group: str | None,
    options: Mapping[str, Any],
    limit_bytes: int,
    progress: Progress | None,
) -> Ingested:
    from traceql.assembly import assemble
    from traceql.engine.source import open_source

    meter = _Meter(progress)
    with open_source(path, progress=meter.told) as source:
        recipe = _recipe(source, forced, options)
        known = _known(path, store, recipe.draft, source.size_bytes)
        if known is not None:
            return _unchanged(store, known, name, group)
        _check_space(store.path, source.size_bytes, limit_bytes)
        diagnostics = []
        with TraceWriter(store) as writer:
            chunks = meter.counted(_read(recipe.importer, source))
            for chunk in assemble(chunks, scratch=writer.scratch, memory_limit_bytes=limit_bytes):
                if chunk.table == "diagnostic":
                    diagnostics.append(chunk.rows)
                writer.add(chunk)
            manifest = dataclasses.replace(
                recipe.draft, trace_id=source.digest, source_bytes=source.size_bytes or 0
            )
            place = str(path) if str(path) == naming.STANDARD_INPUT else str(path.resolve())
            trace, status = writer.finish(manifest, source=place, name=name, group=group)
    if status == "unchanged":
        return _unchanged(store, trace, name, group)
    return Ingested(trace, status, manifest.importer, _table(diagnostics), 0.0)


class _Meter:
    """Counts the rows that an importer gives, and tells of them with the bytes."""

    def __init__(self, tell: Progress | None) -> None:
        self._tell = tell
        self._rows = 0

    @property
    def told(self) -> Callable[[int, int | None], None] | None:
        """What a source calls; None where nobody listens."""
        return self._told if self._tell is not None else None

    def counted(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        """Pass chunks on."""
        for chunk in chunks:
            self._rows += chunk.rows.num_rows
            yield chunk

    def _told(self, done: int, total: int | None) -> None:
        assert self._tell is not None
        self._tell(done, total, self._rows)


def _read(importer: Importer, source: FileSource | FolderSource) -> Iterator[Chunk]:
    """Read the input; then count the files of a folder that nobody read."""
    import pyarrow as pa

    yield from importer.read(source)
    unread = [m.path.name for m in source.members() if not m.opened]
    if unread:
        row = {
            "severity": "info",
            "code": "file_not_read",
            "count": len(unread),
            "first_offset": None,
            "message": f"Files that are no part of the trace were left out: {_some(unread)}.",
        }
        schema = tables.table("diagnostic").arrow_schema
        yield Chunk("diagnostic", pa.RecordBatch.from_pylist([row], schema))


def _some(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _recipe(
    source: FileSource | FolderSource, forced: str | None, options: Mapping[str, Any]
) -> _Recipe:
    """Choose the importer and write down what will make the trace."""
    from traceql.engine.detect import detect

    name, importer = detect(source.head(), forced)
    importer, chosen = settings.of_importer(name, type(importer), options)
    draft = Manifest(
        trace_id="",
        schema_version=tables.SCHEMA_VERSION,
        traceql_version=traceql.__version__,
        importer=name,
        importer_version=_version(importer),
        options=chosen,
        source_name=source.path.name,
        source_bytes=source.size_bytes or 0,
    )
    return _Recipe(importer, draft)


def _version(importer: Importer) -> str:
    """Read VERSION of the importer, of its module, or of the package that module lies in."""
    if hasattr(importer, "VERSION"):
        return str(importer.VERSION)
    module = type(importer).__module__
    while module:
        version = getattr(sys.modules[module], "VERSION", None)
        if version is not None:
            return str(version)
        module = module.rpartition(".")[0]
    return "0"


def _known(path: Path, store: Store, draft: Manifest, size: int | None) -> Trace | None:
    """Find the trace that ingesting the file would give again.

    A large file is hashed for it only if one of its size is in the store: the others are read
    once.
    """
    from traceql.engine.source import digest_of

    if not path.is_file() and not path.is_dir():
        return None
    is_small = size is not None and size < _LARGE_BYTES
    if not is_small and all(_source_bytes(trace) != size for trace in store.traces()):
        return None
    draft = dataclasses.replace(draft, trace_id=digest_of(path))
    known = store.get(draft.trace_id)
    return known if known is not None and is_current(known, draft) else None


def _source_bytes(trace: Trace) -> int | None:
    try:
        return trace.manifest.source_bytes
    except StoreError:
        return None


def _unchanged(store: Store, trace: Trace, name: str | None, group: str | None) -> Ingested:
    import pyarrow.parquet as pq

    if name is not None and name.strip() != trace.name:
        trace = store.rename(trace, name)
    if group is not None and group.strip() not in trace.groups:
        trace = store.join(trace, group)
    found = []
    if "diagnostic" in trace.manifest.tables:
        found = pq.read_table(trace.path / "diagnostic.parquet").to_batches()
    return Ingested(trace, "unchanged", trace.manifest.importer, _table(found), 0.0)


def _table(batches: list[pa.RecordBatch]) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_batches(batches, tables.table("diagnostic").stored_schema)


def _check_space(store: Path, size: int | None, limit_bytes: int) -> None:
    """Refuse a large ingest that the disk will hardly hold; a small one is tried.

    Raises:
        StoreFull: less is free than 64 MB, or than the finished trace and, where the memory limit
            is less than the file, the rows that wait on disk are likely to take.
    """
    if size is not None and size < _LARGE_BYTES:
        return
    size = size or 0
    share = _STORE_SHARE + (_SPILL_SHARE if size > limit_bytes else 0)
    needed = max(_LEAST_FREE_BYTES, int(size * share))
    free = shutil.disk_usage(store).free
    if free < needed:
        raise StoreFull(store, needed, free)


@contextmanager
def _translated(path: str | Path, store: Store) -> Iterator[None]:
    """Translate what the system refuses outside of the store's own code."""
    try:
        yield
    except OSError as error:
        if durable.is_full(error):
            raise StoreFull(store.path, None, None) from error
        raise InputError(f"{error.filename or path}: {error.strerror or error}.") from error
