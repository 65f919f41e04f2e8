"""Bring many files into a store: find them, share them among processes, go on past failures."""

from __future__ import annotations

import glob
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from traceql.engine import memory, sql_script
from traceql.engine.detect import is_one_trace
from traceql.engine.folder import FolderSource
from traceql.engine.ingest import Ingested, Progress, ingest
from traceql.errors import InputError, TraceQLError, UnknownFormat, WorkerFailed
from traceql.store.catalog import MARKER, Store
from traceql.store.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from traceql.engine import workers

STANDARD_INPUT = "-"
_TELL_EVERY_S = 0.2


class File(NamedTuple):
    """One file to ingest."""

    path: str
    named: bool
    """Named by the user; one found in a folder may be no trace, which is no failure."""
    missing: InputError | None = None
    """Why there is nothing to read under this name."""


@dataclass(frozen=True)
class Outcome:
    """What became of one file: `ingested`, or `error`; neither: it is no trace."""

    file: File
    ingested: Ingested | None = None
    error: TraceQLError | None = None


def find_files(words: Sequence[str], importer: str | None = None) -> list[File]:
    """Find the files that are meant.

    Args:
        words: files, folders (every file in them, hidden ones and stores left out; a folder that
            an importer takes for one run's is one trace), patterns with * ? [ ] and **, or `-`
            for standard input. A word that names nothing gives a File that is `missing`.
        importer: the only importer to ask about folders, if the user named one.
    """
    found: dict[str, File] = {}
    for word in words:
        for file in _found(word, importer):
            found.setdefault(file.path, file)
    return list(found.values())


def _found(word: str, importer: str | None) -> list[File]:
    path = Path(word)
    if word == STANDARD_INPUT or (path.exists() and not path.is_dir()):
        return [File(word, named=True)]
    if path.is_dir():
        if _is_one_trace(path, importer):
            return [File(word, named=True)]
        inside = [File(str(p), named=False) for p in _walk(path, importer)]
        if not inside:
            return [_missing(word, "no files in this folder")]
        return inside
    # Path.glob knows no absolute patterns
    matches = [m for m in sorted(glob.glob(word, recursive=True)) if not Path(m).is_dir()]  # noqa: PTH207
    if not matches:
        return [_missing(word, "no such file")]
    return [File(match, named=True) for match in matches]


def _missing(word: str, why: str) -> File:
    return File(word, named=True, missing=InputError(f"{word}: {why}."))


def _walk(folder: Path, importer: str | None) -> Iterator[Path]:
    if (folder / MARKER).exists():
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if path.is_symlink():
                continue
            if _is_one_trace(path, importer):
                yield path
            else:
                yield from _walk(path, importer)
        elif path.is_file():
            yield path


def _is_one_trace(folder: Path, importer: str | None) -> bool:
    if (folder / MARKER).exists():
        return False
    try:
        with FolderSource(folder) as source:
            return is_one_trace(source.head(), importer)
    except InputError:
        return False


def ingest_many(
    files: Sequence[File],
    *,
    store: Store,
    jobs: int = 1,
    memory_limit_bytes: int | None = None,
    done: Callable[[Outcome], None] = lambda _: None,
    progress: Progress | None = None,
    options: Mapping[str, Any] | None = None,
) -> list[Outcome]:
    """Ingest files one by one or in processes of their own; a failure stops nobody else.

    Args:
        files: as from `find_files`.
        store: where to.
        jobs: processes; 1: this one.
        memory_limit_bytes: of all together.
        done: told each outcome as it comes.
        progress: told (bytes read, bytes of all files, rows read) of all files together.
        options: further arguments of `ingest`: importer, name, group.

    Returns:
        The outcomes in the order of the files.
    """
    limit = memory.limit_bytes(memory_limit_bytes)
    further = dict(options or {})
    jobs = min(jobs, len(files))
    tally = _Tally(files, progress)
    outcomes = {f: _told(Outcome(f, error=f.missing), done) for f in files if f.missing is not None}
    found = [file for file in files if file.missing is None]
    try:
        if jobs <= 1:
            work = _Work(store, limit, further, tally.add)
            for file in found:
                outcomes[file] = _told(work.outcome(file), done)
        else:
            outcomes |= _in_processes(
                found, jobs, _Work(store, limit // jobs, further, _unheard), tally, done
            )
    finally:
        if store.path.is_dir():
            sql_script.refresh(store)
    return [outcomes[file] for file in files]


def _in_processes(
    files: Sequence[File],
    jobs: int,
    work: _Work,
    tally: _Tally,
    done: Callable[[Outcome], None],
) -> dict[File, Outcome]:
    """Ingest in processes; what one leaves that dies is swept."""
    from traceql.engine import workers

    shared = workers.counters(2)
    outcomes = {}
    try:
        with tally.following(shared), workers.mapped(
            _Work.outcome, files, jobs=jobs, ordered=False,
            begin=_counting, facts=(work, shared),
        ) as found:  # fmt: skip
            for file, outcome in found:
                died = Outcome(file, error=WorkerFailed(file.path, workers.DIED))
                outcomes[file] = _told(outcome or died, done)
    finally:
        sweep(work.store.path)
    return outcomes


@dataclass
class _Work:
    """What is the same for every file."""

    store: Store
    limit_bytes: int
    further: dict[str, Any]
    add: Callable[[int, int], None]
    """Told how many bytes and rows were read since it was told last."""

    def outcome(self, file: File) -> Outcome:
        """Ingest one file."""
        told = last = last_rows = 0

        def progress(done: int, _total: int | None, rows: int) -> None:
            nonlocal told, last, last_rows
            more = done - last if done >= last else done  # the next file of a folder begins at 0
            self.add(more, rows - last_rows)
            told, last, last_rows = told + more, done, rows

        try:
            done = ingest(
                file.path,
                store=self.store,
                memory_limit_bytes=self.limit_bytes,
                progress=progress,
                views=False,
                **self.further,
            )
        except UnknownFormat as error:
            return Outcome(file, error=error if file.named else None)
        except TraceQLError as error:
            return Outcome(file, error=error)
        finally:
            self.add(max(0, _size(file) - told), 0)
        return Outcome(file, done)


class _Tally:
    """What was read of all files together."""

    def __init__(self, files: Sequence[File], tell: Progress | None) -> None:
        self._tell = tell
        self._total = sum(map(_size, files)) if tell is not None else 0
        self._bytes = self._rows = 0

    def add(self, size: int, rows: int) -> None:
        """Count what was read since the last call, and tell."""
        self._bytes += size
        self._rows += rows
        if self._tell is not None:
            self._tell(self._bytes, self._total, self._rows)

    @contextmanager
    def following(self, shared: workers.Counters) -> Iterator[None]:
        """Tell now and then what the processes have counted, until the block ends."""
        if self._tell is None:
            yield
            return
        ended = threading.Event()

        def follow() -> None:
            while not ended.wait(_TELL_EVERY_S):
                size, rows = shared.values()
                self.add(size - self._bytes, rows - self._rows)

        teller = threading.Thread(target=follow, daemon=True)
        teller.start()
        try:
            yield
        finally:
            ended.set()
            teller.join()


def _unheard(_size: int, _rows: int) -> None:
    """Take the place of a tally until the process has one."""


def _counting(work: _Work, shared: workers.Counters) -> _Work:
    """Give the work as it is done in a process, which counts for all."""
    return replace(work, add=shared.add)


def _size(file: File) -> int:
    path = Path(file.path)
    try:
        if path.is_dir():
            return sum(inner.stat().st_size for inner in path.rglob("*") if inner.is_file())
        return path.stat().st_size
    except OSError:
        return 0


def _told(outcome: Outcome, done: Callable[[Outcome], None]) -> Outcome:
    done(outcome)
    return outcome
