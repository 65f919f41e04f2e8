"""Write a trace: chunks of stored shape in, one rename at the end."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from traceql.errors import StoreError
from traceql.model import tables
from traceql.store import durable, naming
from traceql.store.lock import locked
from traceql.store.parquet import TableWriter
from traceql.store.sweep import MOVED, make_work, sweep

if TYPE_CHECKING:
    from traceql.model.protocols import Chunk
    from traceql.store.catalog import Store, Trace
    from traceql.store.manifest import Manifest, TableFile

Status = Literal["new", "replaced", "unchanged"]


class Finished(NamedTuple):
    """A trace that is in the store, and whether this writer changed anything."""

    trace: Trace
    status: Status


class TraceWriter:
    """Writes one trace into a work folder of the store; `finish` makes it visible.

    A context manager: left without `finish`, by an error or by Ctrl-C, it removes its folder.
    A process that dies leaves the folder, and the next writer sweeps it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tables: dict[str, TableWriter] = {}
        self._work: Path | None = None

    def __enter__(self) -> Self:
        self._store.found()
        sweep(self._store.path)
        try:
            self._work = make_work(self._store.path)
            with durable.disk_errors(self._store.path):
                self._folder.mkdir()
                self.scratch.mkdir()
        except BaseException:  # Ctrl-C, too: nobody leaves what was not entered
            self._remove_work()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for writer in self._tables.values():
            writer.abandon()
        self._tables.clear()
        self._remove_work()

    def _remove_work(self) -> None:
        if self._work is not None:
            shutil.rmtree(self._work, ignore_errors=True)

    @property
    def scratch(self) -> Path:
        """Folder for whatever has to wait on disk; it goes when the writer ends."""
        return self._work_folder / "scratch"

    def add(self, chunk: Chunk) -> None:
        """Take rows of one table, in the order of its `sorted_by`.

        Raises:
            KeyError: no stored table has that name.
            ValueError: columns or types differ from the table's stored schema.
            StoreFull, StoreError: the disk refuses.
        """
        if chunk.rows.num_rows == 0:
            return
        with durable.disk_errors(self._store.path):
            writer = self._tables.get(chunk.table)
            if writer is None:
                table = tables.stored()[chunk.table]
                writer = TableWriter(table, self._folder / f"{table.name}.parquet")
                self._tables[table.name] = writer
            writer.add(chunk.rows)

    def finish(
        self,
        manifest: Manifest,
        *,
        source: str,
        name: str | None = None,
        group: str | None = None,
    ) -> Finished:
        """Bring everything to the disk and make the trace visible by one rename.

        Args:
            manifest: what made the trace; its `tables` are filled in here.
            source: where the file lay.
            name: a name for the trace instead of the file's stem.
            group: a group to join.

        Returns:
            The trace; `unchanged` where another process has just stored the same one.

        Raises:
            StoreBusy, StoreFull, StoreError: nothing has changed.
        """
        with durable.disk_errors(self._store.path):
            manifest = replace(manifest, tables=self._close())
            manifest.write(self._folder)
            durable.sync(self._folder / "manifest.json")
            durable.sync(self._folder)
        with locked(self._store.path), durable.disk_errors(self._store.path):
            return self._publish(manifest, source, name, group)

    @property
    def _work_folder(self) -> Path:
        if self._work is None:
            raise RuntimeError("a TraceWriter is used inside `with`")
        return self._work

    @property
    def _folder(self) -> Path:
        return self._work_folder / "trace"

    def _close(self) -> Mapping[str, TableFile]:
        files = {name: writer.close() for name, writer in self._tables.items()}
        self._tables.clear()
        return files

    def _publish(
        self, manifest: Manifest, source: str, name: str | None, group: str | None
    ) -> Finished:
        known = self._store.get(manifest.trace_id)
        if known is not None and is_current(known, manifest):
            return Finished(known, "unchanged")
        # The entry first: until the folder is there, nobody looks at it.
        default = naming.name_of(manifest.source_name)
        entered = self._store.enter(
            manifest.trace_id, source, name=name, group=group, default_name=default
        )
        place = entered.path
        place.parent.mkdir(exist_ok=True)
        if known is None:
            self._folder.rename(place)
        else:
            self._store.drop_results(manifest.trace_id, self._work_folder)
            if not durable.exchange(self._folder, place):
                place.rename(self._work_folder / f"{MOVED}{manifest.trace_id}")
                self._folder.rename(place)
        durable.sync(place.parent)
        return Finished(entered, "new" if known is None else "replaced")


def is_current(known: Trace, manifest: Manifest) -> bool:
    """Say whether a stored trace is whole, and what the manifest's recipe would make."""
    try:
        if known.manifest.recipe != manifest.recipe:
            return False
        files = known.manifest.tables.items()
        return all(
            (known.path / f"{name}.parquet").stat().st_size == file.bytes for name, file in files
        )
    except (StoreError, OSError):
        return False  # damaged, or of another version: it is replaced
