"""One line of progress: on stderr, and only where somebody watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from traceql.model.units import format_count

Advance = Callable[[int, "int | None", int], None]
"""Told (bytes read, bytes in all or None, events read)."""


@contextmanager
def display(what: str) -> Iterator[Advance | None]:
    """Show bytes, events a second and the time that is left while the block runs.

    Args:
        what: what is being done.

    Yields:
        What to call now and then; None where stderr is no terminal.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(),
               TextColumn("{task.fields[rate]}"), TimeRemainingColumn())  # fmt: skip
    start = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None, rate="")

        def advance(done: int, total: int | None, events: int) -> None:
            passed = max(time.monotonic() - start, 1e-3)
            rate = f"{format_count(int(events / passed))} events/s" if events else ""
            progress.update(task, completed=min(done, total) if total else done,
                            total=total or None, rate=rate)  # fmt: skip

        yield advance
