"""Bring many files into a store: find them, share them among processes, go on past failures."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import active_children, get_context
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

STANDARD_INPUT = "-"


class File(NamedTuple):
    """One file to ingest."""

    path: str
    named: bool
    """Named by the user; one found in a folder may be no trace, which is no failure."""


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
            for standard input.
        importer: the only importer to ask about folders, if the user named one.

    Raises:
        InputError: a word names nothing.
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
            raise InputError(f"{word}: no files in this folder.")
        return inside
    # Path.glob knows no absolute patterns
    matches = [m for m in sorted(glob.glob(word, recursive=True)) if not Path(m).is_dir()]  # noqa: PTH207
    if not matches:
        raise InputError(f"{word}: no such file.")
    return [File(match, named=True) for match in matches]


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
    progress: Callable[[File], Progress | None] = lambda _: None,
    options: Mapping[str, Any] | None = None,
) -> list[Outcome]:
    """Ingest files one by one or in processes of their own; a failure stops nobody else.

    Args:
        files: as from `find_files`.
        store: where to.
        jobs: processes; 1: this one.
        memory_limit_bytes: of all together.
        done: told each outcome as it comes.
        progress: asked for each file's progress callback, when `jobs` is 1.
        options: further arguments of `ingest`: importer, name, group.

    Returns:
        The outcomes in the order of the files.
    """
    limit = memory.limit_bytes(memory_limit_bytes)
    further = dict(options or {})
    jobs = min(jobs, len(files))
    try:
        if jobs <= 1:
            return [
                _told(_one(store, file, limit, further, progress(file)), done) for file in files
            ]
        return _in_processes(files, store, jobs, limit, further, done)
    finally:
        if store.path.is_dir():
            sql_script.refresh(store)


def _in_processes(
    files: Sequence[File],
    store: Store,
    jobs: int,
    limit: int,
    further: dict[str, Any],
    done: Callable[[Outcome], None],
) -> list[Outcome]:
    """Ingest in a pool; what it did not end because a process died, one by one after it."""
    try:
        outcomes = _pool(files, store, jobs, limit // jobs, further, done)
        for file in files:
            if file not in outcomes:
                outcomes |= _pool([file], store, 1, limit, further, done)
            if file not in outcomes:
                cause = "its process died, perhaps for want of memory"
                outcomes[file] = _told(Outcome(file, error=WorkerFailed(file.path, cause)), done)
    finally:
        sweep(store.path)
    return [outcomes[file] for file in files]


def _pool(
    files: Sequence[File],
    store: Store,
    jobs: int,
    limit: int,
    further: dict[str, Any],
    done: Callable[[Outcome], None],
) -> dict[File, Outcome]:
    """Give the outcomes of the files that were ended; a process that dies ends the pool."""
    outcomes: dict[File, Outcome] = {}
    before = set(active_children())
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
    try:
        tasks = [pool.submit(_one, store, file, limit, further) for file in files]
        for task in as_completed(tasks):
            outcome = task.result()
            outcomes[outcome.file] = _told(outcome, done)
    except BrokenProcessPool:
        pass  # those that are missing tell
    except BaseException:
        # Whoever interrupts does not want to wait for files that are half read.
        for process in set(active_children()) - before:
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return outcomes


def _one(
    store: Store,
    file: File,
    limit: int,
    further: dict[str, Any],
    progress: Progress | None = None,
) -> Outcome:
    try:
        return Outcome(
            file,
            ingest(
                file.path,
                store=store,
                memory_limit_bytes=limit,
                progress=progress,
                views=False,
                **further,
            ),
        )
    except UnknownFormat as error:
        return Outcome(file, error=error if file.named else None)
    except TraceQLError as error:
        return Outcome(file, error=error)


def _told(outcome: Outcome, done: Callable[[Outcome], None]) -> Outcome:
    done(outcome)
    return outcome
