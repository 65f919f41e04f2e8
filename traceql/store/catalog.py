"""The catalog: which traces a store holds, under which names, in which groups."""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from traceql.errors import StoreError, StoreNotFound, TraceNotFound
from traceql.store import durable, naming
from traceql.store.lock import locked
from traceql.store.manifest import Manifest
from traceql.store.sweep import make_work

FORMAT = 1
"""Version of the layout of the folder; the tables have their own, `SCHEMA_VERSION`."""

MARKER = "traceql-store.json"
VIEWS = "views.sql"

_ID = re.compile(r"[0-9a-f]{32}")
_LEAST_PREFIX = 6
_ENTRY_BYTES = 1 << 16
_Stamp = tuple[int, int, int]
"""Time of change, ns; inode; size."""
_OWN = {MARKER, VIEWS, "traces", "catalog", "results", "tmp", ".lock"}


@dataclass(frozen=True)
class Trace:
    """One trace of a store."""

    id: str
    """xxh3-128 of the source's bytes as they lie, 32 hex digits."""
    name: str
    path: Path
    """Folder of its Parquet files; nothing in it ever changes."""
    groups: tuple[str, ...]
    ingested_at: datetime
    """In UTC."""
    source: str
    """Where the file lay, `-` for standard input."""

    @cached_property
    def manifest(self) -> Manifest:
        """What the files hold; read when first asked for.

        Raises:
            SchemaMismatch: written with another major version of the tables.
            StoreError: missing or damaged.
        """
        return Manifest.read(self.path)


class Store:
    """A directory of traces. Holds nothing open: every question looks at the directory.

    Entries of the catalog that have not changed since the last look are not read again, so that
    one more trace in a large store costs little.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._traces = path / "traces"
        self._is_fresh = False
        self._seen: dict[str, tuple[_Stamp, Trace]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_seen": {}}

    @classmethod
    def open(cls, path: str | Path, create: bool = False) -> Self:  # noqa: FBT001, FBT002
        """Open a store; a store of 0 traces is one too.

        Args:
            path: its folder.
            create: make one where there is none; the folder may exist if it is empty.

        Raises:
            StoreNotFound: there is none, and `create` is false.
            StoreError: the folder holds something else, another layout, or cannot be read.
        """
        store = cls(Path(path))
        marker = store.path / MARKER
        try:
            found = json.loads(marker.read_bytes())["format"]
        except (FileNotFoundError, NotADirectoryError) as error:
            if not create:
                raise StoreNotFound(path) from error
            store.found()
            store._is_fresh = True
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{marker}: damaged; it should read {_marker_text()}") from error
        except OSError as error:
            raise StoreError(f"{marker}: {error.strerror}.") from error
        else:
            if found != FORMAT:
                raise StoreError(f"{path}: a store of layout {found}; this version reads {FORMAT}.")
        return store

    def found(self) -> None:
        """Make the folder a store, if it is none.

        Raises:
            StoreError: something else lies there, or it cannot be written.
        """
        with durable.disk_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            strange = [p.name for p in self.path.iterdir() if not _is_own(p.name)]
        if (self.path / MARKER).is_file():
            return
        if strange:
            raise StoreError(
                f"{self.path}: not a store, and not empty ({min(strange)!r} lies there). "
                "Choose another folder with --store."
            )
        durable.write_text(self.path / MARKER, _marker_text())

    def traces(self) -> tuple[Trace, ...]:
        """Give all traces in order of ingestion."""
        with durable.disk_errors(self.path):
            ids = [name for name in _names(self.path / "traces") if _is_id(name)]
            stamps = _stamps(self.path / "catalog")
        found: list[Trace] = []
        lost: list[str] = []
        for content in ids:
            trace = self._looked_up(content, stamps.get(f"{content}.json"))
            if trace is None:
                lost.append(content)
            else:
                found.append(trace)
        taken = {trace.name for trace in found}
        for content in sorted(lost):
            with suppress(FileNotFoundError):  # another process has just removed it
                trace = self._rebuilt(content, taken)
                taken.add(trace.name)
                found.append(trace)
        return tuple(sorted(found, key=lambda trace: (trace.ingested_at, trace.id)))

    def get(self, content: str) -> Trace | None:
        """Give the trace of an id, None where there is none."""
        if not (self.path / "traces" / content).is_dir():
            return None
        known = self._entry(content)
        return known or next((trace for trace in self.traces() if trace.id == content), None)

    def resolve(self, text: str) -> Trace:
        """Find a trace by its name, or by six or more of the first digits of its id.

        Raises:
            TraceNotFound: none, or several; it says which names come close.
        """
        traces = self.traces()
        named = [trace for trace in traces if trace.name == text]
        if not named and len(text) >= _LEAST_PREFIX:
            named = [trace for trace in traces if trace.id.startswith(text.lower())]
        if len(named) == 1:
            return named[0]
        names = [trace.name for trace in named or traces]
        raise TraceNotFound(text, names if named else difflib.get_close_matches(text, names))

    def last(self) -> Trace:
        """Give the trace that was ingested last.

        Raises:
            TraceNotFound: the store is empty.
        """
        traces = self.traces()
        if not traces:
            raise TraceNotFound("--last")
        return traces[-1]

    def groups(self) -> dict[str, tuple[Trace, ...]]:
        """Give the groups by name, each with its traces in order of ingestion."""
        found: dict[str, list[Trace]] = {}
        for trace in self.traces():
            for group in trace.groups:
                found.setdefault(group, []).append(trace)
        return {name: tuple(found[name]) for name in sorted(found)}

    def group(self, name: str) -> tuple[Trace, ...]:
        """Give the traces of a group, in order of ingestion.

        Raises:
            TraceNotFound: no trace is in it.
        """
        groups = self.groups()
        if name not in groups:
            raise TraceNotFound(name, difflib.get_close_matches(name, groups))
        return groups[name]

    def enter(
        self, content: str, source: str, *, name: str | None, group: str | None, default_name: str
    ) -> Trace:
        """Write the catalog's entry of a trace that comes or comes anew; hold the lock around it.

        An id that is known keeps its name and groups unless told otherwise.

        Args:
            content: id of the trace; its folder need not be there yet.
            source: where the file lay.
            name: the name that was asked for; one that is taken gets `-2`.
            group: a group to join.
            default_name: the name of one that has none yet.
        """
        traces = self.traces()
        known = next((trace for trace in traces if trace.id == content), None)
        taken = {trace.name for trace in traces if trace.id != content}
        now = datetime.now(UTC)
        if traces:  # clocks stand still and step back; the order of ingestion does not
            now = max(now, traces[-1].ingested_at + timedelta(microseconds=1))
        wanted = naming.checked(name) if name is not None else known.name if known else default_name
        groups = known.groups if known else ()
        if group is not None and naming.checked(group) not in groups:
            groups = (*groups, naming.checked(group))
        place = self.path / "traces" / content
        trace = Trace(content, naming.unique(wanted, taken), place, groups, now, source)
        self._write(trace)
        return trace

    def rename(self, trace: Trace, name: str) -> Trace:
        """Give a trace another name; one that is taken gets `-2`."""
        name = naming.checked(name)

        def renamed(now: Trace) -> Trace:
            taken = {other.name for other in self.traces() if other.id != trace.id}
            return replace(now, name=naming.unique(name, taken))

        return self._change(trace, renamed)

    def join(self, trace: Trace, group: str) -> Trace:
        """Put a trace into a group."""
        group = naming.checked(group)

        def joined(now: Trace) -> Trace:
            return now if group in now.groups else replace(now, groups=(*now.groups, group))

        return self._change(trace, joined)

    def remove(self, trace: Trace) -> None:
        """Remove a trace and every result about it.

        Raises:
            StoreBusy, StoreError: the store cannot be changed; then nothing is lost.
        """
        work = make_work(self.path)
        try:
            with locked(self.path), durable.disk_errors(self.path):
                self.drop_results(trace.id, work)
                if trace.path.exists():
                    trace.path.rename(work / "removed")
                self._place(trace.id).unlink(missing_ok=True)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def drop_results(self, content: str, work: Path) -> None:
        """Move every result about a trace into a work folder; hold the lock around it."""
        for number, folder in enumerate(sorted((self.path / "results").glob("*/*"))):
            try:
                about = json.loads((folder / "result.json").read_bytes())["trace_ids"]
            except (OSError, ValueError, KeyError, TypeError):
                continue
            if content in about:
                folder.rename(work / f"result-{number}")

    def discard_if_empty(self) -> None:
        """Remove the folder that `open` made here, if it holds nothing and nobody works on it."""
        if not self._is_fresh:
            return
        with suppress(OSError):
            for folder in ("traces", "catalog", "results", "tmp"):
                if (self.path / folder).is_dir():
                    (self.path / folder).rmdir()
            if {path.name for path in self.path.iterdir()} - {MARKER, VIEWS, ".lock"}:
                return
            for name in (VIEWS, MARKER, ".lock"):
                (self.path / name).unlink(missing_ok=True)
            self.path.rmdir()

    def sizes(self, traces: Iterable[Trace]) -> int:
        """Give the bytes of some traces' files; a damaged manifest counts as 0."""
        total = 0
        for trace in traces:
            with suppress(StoreError):
                total += trace.manifest.bytes
        return total

    def _change(self, trace: Trace, change: Callable[[Trace], Trace]) -> Trace:
        with locked(self.path):
            now = self.get(trace.id)
            if now is None:
                raise TraceNotFound(trace.name)
            changed = change(now)
            self._write(changed)
            return changed

    def _place(self, content: str) -> Path:
        return self.path / "catalog" / f"{content}.json"

    def _write(self, trace: Trace) -> None:
        entry = {
            "name": trace.name,
            "groups": list(trace.groups),
            "ingested_at": trace.ingested_at.isoformat(),
            "source": trace.source,
        }
        place = self._place(trace.id)
        with durable.disk_errors(place):
            place.parent.mkdir(exist_ok=True)
        durable.write_text(place, json.dumps(entry, indent=1, ensure_ascii=False) + "\n")

    def _looked_up(self, content: str, stamp: _Stamp | None) -> Trace | None:
        """Give the entry of a trace as it was read last, or read it if its file is another."""
        if stamp is None:
            return None
        known = self._seen.get(content)
        if known is not None and known[0] == stamp:
            return known[1]
        trace = self._entry(content)
        if trace is not None:
            self._seen[content] = (stamp, trace)
        return trace

    def _entry(self, content: str) -> Trace | None:
        """Read the entry of a trace; None where it is lost or damaged."""
        try:
            # Thousands are read one after another: the plain calls are several times quicker.
            entry: dict[str, Any] = json.loads(_read(f"{self.path}/catalog/{content}.json"))
            return Trace(
                content,
                str(entry["name"]),
                self._traces / content,
                tuple(str(group) for group in entry["groups"]),
                datetime.fromisoformat(entry["ingested_at"]).astimezone(UTC),
                str(entry["source"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _rebuilt(self, content: str, taken: Sequence[str] | set[str]) -> Trace:
        place = self.path / "traces" / content
        source = ""
        with suppress(StoreError):
            source = Manifest.read(place).source_name
        name = naming.unique(naming.name_of(source) if source else content[:12], taken)
        changed = datetime.fromtimestamp(place.stat().st_mtime, UTC)
        return Trace(content, name, place, (), changed, source)


def _names(folder: Path) -> list[str]:
    """Give the names in a folder; none where there is no folder."""
    try:
        return os.listdir(folder)  # noqa: PTH208  (thousands of names, and only names)
    except FileNotFoundError:
        return []


def _read(path: str) -> bytes:
    """Read a file to its end."""
    number = os.open(path, os.O_RDONLY)
    try:
        parts = [os.read(number, _ENTRY_BYTES)]
        while len(parts[-1]) == _ENTRY_BYTES:
            parts.append(os.read(number, _ENTRY_BYTES))
        return b"".join(parts)
    finally:
        os.close(number)


def _stamps(folder: Path) -> dict[str, _Stamp]:
    """Give what tells each file of a folder from its next version, by name."""
    found = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    status = entry.stat()
                    found[entry.name] = (status.st_mtime_ns, status.st_ino, status.st_size)
    except FileNotFoundError:
        pass
    return found


def _is_id(name: str) -> bool:
    return _ID.fullmatch(name) is not None


def _is_own(name: str) -> bool:
    return name in _OWN or name.startswith(f".{MARKER}.")


def _marker_text() -> str:
    return json.dumps({"format": FORMAT}) + "\n"
