"""Progress bars: on stderr, and only where somebody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int, "int | None"], None]
Start = Callable[[str], "Advance | None"]


@contextmanager
def bars() -> Iterator[Start]:
    """Show bars while the block runs.

    Yields:
        A function that starts the bar of a name and gives what to call with (bytes done, total);
        None where stderr is no terminal.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def start(name: str) -> Advance:
            task = progress.add_task(Text(name).markup, total=None)

            def advance(done: int, total: int | None) -> None:
                progress.update(task, completed=done, total=total)
                if total is not None and done >= total:
                    progress.update(task, visible=False)

            return advance

        yield start
