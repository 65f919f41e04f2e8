"""Publish results: choose the report by the file's suffix, write it, put it in place at once."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast
from uuid import uuid4

from traceql.engine import plugins
from traceql.errors import InputError, StoreFull

if TYPE_CHECKING:
    from traceql.model.protocols import Report
    from traceql.model.result import Result
    from traceql.store.catalog import Store, Trace


def formats() -> dict[str, str]:
    """Give the reports: name to suffix, sorted by name."""
    return {name: plugins.load("reports", name).suffix for name in plugins.names("reports")}


def publish(results: Sequence[Result], path: str | Path, *, report: str | None = None) -> Path:
    """Write results as a report.

    The file appears complete or not at all; one that was there stays until then.

    Args:
        results: what to report, in the order of the analyses.
        path: of the report; folders above it must exist.
        report: name of the report; None: the one with the suffix of `path`.

    Returns:
        The path.

    Raises:
        InputError: no report has that suffix or name, or the file cannot be written.
        StoreFull: the disk is full.
    """
    path = Path(path)
    name = report or by_suffix(path)
    content = io.BytesIO()
    write(results, content, name)
    fresh = path.with_name(f".{path.name[:100]}.{uuid4().hex[:12]}")
    try:
        fresh.write_bytes(content.getbuffer())
        fresh.replace(path)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StoreFull(path, content.tell(), None) from error
        raise InputError(f"{path}: cannot be written: {error.strerror or error}.") from error
    finally:
        fresh.unlink(missing_ok=True)
    return path


def write(results: Sequence[Result], sink: BinaryIO, report: str) -> None:
    """Write results to an open file.

    Args:
        results: what to report.
        sink: where to, binary.
        report: name of the report.

    Raises:
        InputError: there is no such report.
    """
    if report not in plugins.names("reports"):
        raise InputError(f"no report named {report!r}; there are: {_known()}.")
    cast("Report", plugins.load("reports", report)()).write(results, sink)


def by_suffix(path: Path) -> str:
    """Give the name of the report whose suffix a path has.

    Raises:
        InputError: none has it; names those there are.
    """
    suffix = path.suffix.lower()
    for name, known in formats().items():
        if suffix == known:
            return name
    what = f"a report cannot end in {suffix!r}" if suffix else "the report's suffix says its kind"
    raise InputError(f"{path}: {what}; known: {_known()}. Or name one with --format.")


def writable(path: Path) -> None:
    """Check, before long work, that a report can be put at `path`.

    Raises:
        InputError: its folder does not exist or cannot be written, or `path` is a folder.
    """
    folder = path.parent
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file in it.")
    if not folder.is_dir():
        raise InputError(f"{path}: there is no folder {folder}.")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{path}: the folder {folder} cannot be written.")


def kept(store: Store, traces: Sequence[Trace], only: Sequence[str] = ()) -> list[Result]:
    """Give results that the store has kept about some of the traces and no others.

    Args:
        store: where they were kept.
        traces: what they are about.
        only: names of analyses; none: all.
    """
    from traceql.store import results

    place = {trace.name: number for number, trace in enumerate(traces)}
    found = [
        result
        for result in results.load(store)
        if set(result.traces) <= set(place) and (not only or result.analysis in only)
    ]
    # As `analyze` gives them: by trace, then analysis; those over several traces last.
    found.sort(key=lambda result: (len(result.traces), [place[name] for name in result.traces]))
    return found


def verdict(results: Sequence[Result]) -> str:
    """Say in one sentence what a report of these results says."""
    from traceql.reports import _outline

    return _outline.outline(results).verdict


def _known() -> str:
    return ", ".join(f"{name} ({suffix})" for name, suffix in formats().items())
