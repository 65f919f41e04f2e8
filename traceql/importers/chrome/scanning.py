"""Scan parts, on several threads if asked, and give them in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from traceql.importers.chrome.lexicon import Lexicon
from traceql.kernels.split import Events

if TYPE_CHECKING:
    from traceql.importers.chrome.feed import Part
    from traceql.importers.chrome.kineto import Kineto
    from traceql.kernels.scan_columns import Columns

    Scanned = tuple[Part, Lexicon, Columns]


def scanned(
    parts: Iterator[Part],
    lexicons: list[Lexicon],
    lifted: Sequence[str],
    kineto: Kineto,
    threads: int,
) -> Generator[Scanned, None, None]:
    """Scan parts.

    Args:
        parts: what to scan; asked for in the caller's thread.
        lexicons: those at rest; they are used, and put back in the end.
        lifted: keys of args whose integers are lifted.
        kineto: knows the roles of categories.
        threads: how many work, the caller's counted; 1: it scans itself.

    Yields:
        Each part with the lexicon of its numbers and its columns, valid until the next is asked
        for.
    """
    if threads == 1:
        for part in parts:
            lexicon = lexicons.pop() if lexicons else Lexicon(lifted, kineto)
            yield part, lexicon, _scan(lexicon, part)
            _put_back(lexicons, lexicon)
        return
    waiting: deque[tuple[Part, Lexicon, Future[Columns]]] = deque()
    # Each part that waits needs a lexicon of its own, and each lexicon learns all texts anew.
    with ThreadPoolExecutor(threads - 1, "traceql-scan") as pool:
        try:
            for part in parts:
                lexicon = lexicons.pop() if lexicons else Lexicon(lifted, kineto)
                waiting.append((part, lexicon, pool.submit(_scan, lexicon, part)))
                if len(waiting) >= threads:
                    yield from _next(waiting, lexicons)
            while waiting:
                yield from _next(waiting, lexicons)
        finally:
            for _, _, future in waiting:
                future.cancel()


def _next(
    waiting: deque[tuple[Part, Lexicon, Future[Columns]]], lexicons: list[Lexicon]
) -> Iterator[Scanned]:
    part, lexicon, future = waiting.popleft()
    yield part, lexicon, future.result()
    _put_back(lexicons, lexicon)


def _scan(lexicon: Lexicon, part: Part) -> Columns:
    events = Events(part.starts, part.ends, 0, 0, closed=False, irregular=0)
    return lexicon.scanner.scan(part.content, events).columns


def _put_back(lexicons: list[Lexicon], lexicon: Lexicon) -> None:
    if not lexicon.full and not lexicon.spoiled:
        lexicons.append(lexicon)
