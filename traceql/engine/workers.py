"""Share work among processes: one that dies costs no more than the item that killed it.

The processes are spawned, so they inherit no thread, lock or memory of this one. They take no
Ctrl-C (whoever started them ends them) and outlive nobody.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from itertools import islice
from multiprocessing import active_children, connection, get_context, parent_process
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from traceql.errors import StoreError

if TYPE_CHECKING:
    from traceql.store.catalog import Trace

DIED = "its process died, perhaps for want of memory"
"""What to say of an item that killed its process."""

_FEW_TRACES = 8
_SMALL_BYTES = 50_000_000
"""What one process asks sooner than several are started: so few traces, so few bytes in all."""

_AHEAD = 2
"""Tasks under way or waiting, per process."""

T = TypeVar("T")
R = TypeVar("R")


class Share(NamedTuple):
    """What each of several processes gets."""

    jobs: int
    memory_limit_bytes: int | None
    """None: no limit."""
    threads: int | None
    """None: as many as there are cores."""


class Counters:
    """Numbers that several processes add to; goes to them by `facts`."""

    def __init__(self, numbers: Any) -> None:
        self._numbers = numbers

    def add(self, *amounts: int) -> None:
        """Add to each number."""
        with self._numbers.get_lock():
            for index, amount in enumerate(amounts):
                self._numbers[index] += amount

    def values(self) -> tuple[int, ...]:
        """Give the numbers as they stand."""
        with self._numbers.get_lock():
            return tuple(self._numbers[:])


def jobs_for(traces: Sequence[Trace]) -> int:
    """Give how many processes pay for looking at traces: 1 where there is little to read."""
    if len(traces) <= _FEW_TRACES and sum(map(_bytes, traces)) < _SMALL_BYTES:
        return 1
    return os.cpu_count() or 1


def share(traces: Sequence[Trace], jobs: int | None, memory_limit_bytes: int | None) -> Share:
    """Share the machine among the processes that look at traces.

    Args:
        traces: what is looked at.
        jobs: processes that are asked for; None: as many as there are cores, where that pays.
        memory_limit_bytes: of all processes together.
    """
    jobs = max(1, min(jobs_for(traces) if jobs is None else jobs, len(traces)))
    return Share(
        jobs,
        memory_limit_bytes // jobs if memory_limit_bytes else None,
        max(1, (os.cpu_count() or 1) // jobs) if jobs > 1 else None,
    )


def _bytes(trace: Trace) -> int:
    try:
        return trace.manifest.bytes
    except StoreError:
        return 0


def counters(count: int) -> Counters:
    """Make counters that start at 0."""
    return Counters(get_context("spawn").Array("q", count))


@contextmanager
def mapped(
    function: Callable[..., R],
    items: Iterable[T],
    *,
    jobs: int,
    per_task: int = 1,
    ordered: bool = True,
    begin: Callable[..., Any] | None = None,
    facts: tuple[Any, ...] = (),
) -> Iterator[Iterator[tuple[T, R | None]]]:
    """Apply a function to items in processes, a few ahead of who asks for the results.

    The processes end with the block, so an interrupt of whoever looks at a result waits for none
    of them. A process that dies ends all those of its time; what they had not ended is done again,
    one by one, so that only an item that kills its process twice has no result.

    Args:
        function: known by its module and name; called in the processes with one item, after what
            `begin` gave if that is anything.
        items: what it is given, one at a time.
        jobs: processes.
        per_task: items that travel together.
        ordered: give the results in the order of the items, else as they come.
        begin: called once in each process, before anything else; makes what all its items need.
        facts: arguments of `begin`.

    Yields:
        pairs of an item and its result; None as the result where the item killed its process.
    """
    with closing(_mapped(function, items, jobs, per_task, ordered, begin, facts)) as found:
        yield found


def _mapped(
    function: Callable[..., R],
    items: Iterable[T],
    jobs: int,
    per_task: int,
    ordered: bool,  # noqa: FBT001
    begin: Callable[..., Any] | None,
    facts: tuple[Any, ...],
) -> Generator[tuple[T, R | None], None, None]:
    rest = iter(items)
    lost: list[T] = []
    while True:
        try:
            with closing(
                _together(function, rest, jobs, per_task, ordered, begin, facts, lost)
            ) as parts:
                for part in parts:
                    yield from part
        except BrokenProcessPool:
            for item in lost:
                yield item, _alone(function, item, begin, facts)
            lost = []
        else:
            return


def _together(
    function: Callable[..., R],
    rest: Iterator[T],
    jobs: int,
    per_task: int,
    ordered: bool,  # noqa: FBT001
    begin: Callable[..., Any] | None,
    facts: tuple[Any, ...],
    lost: list[T],
) -> Generator[list[tuple[T, R]], None, None]:
    """Give the results task by task; `lost` gets the items under way when a process died."""
    waiting: dict[Future[list[R]], list[T]] = {}
    with _crew(jobs, begin, facts) as submit:
        try:
            while True:
                while len(waiting) < jobs * _AHEAD and (part := list(islice(rest, per_task))):
                    waiting[submit(_each, function, part)] = part
                if not waiting:
                    return
                if ordered:
                    done = [next(iter(waiting))]
                else:
                    done = list(wait(waiting, return_when=FIRST_COMPLETED).done)
                for task in done:
                    results = task.result()
                    yield list(zip(waiting.pop(task), results, strict=True))
        except BrokenProcessPool:
            lost.extend(item for part in waiting.values() for item in part)
            raise


def _alone(
    function: Callable[..., R], item: T, begin: Callable[..., Any] | None, facts: tuple[Any, ...]
) -> R | None:
    try:
        with _crew(1, begin, facts) as submit:
            results: list[R] = submit(_each, function, [item]).result()
            return results[0]
    except BrokenProcessPool:
        return None


_begun: tuple[Any, ...] = ()
"""What `begin` gave in this process."""


def _each(function: Callable[..., R], items: Sequence[Any]) -> list[R]:
    return [function(*_begun, item) for item in items]


@contextmanager
def _crew(
    jobs: int, begin: Callable[..., Any] | None, facts: tuple[Any, ...]
) -> Iterator[Callable[..., Future[Any]]]:
    """Give a function that submits work to processes, which end with the block."""
    before = set(active_children())
    pool = ProcessPoolExecutor(
        jobs, get_context("spawn"), initializer=_settle, initargs=(begin, facts)
    )

    def submit(*call: Any) -> Future[Any]:
        # A process inherits what is blocked where it is started.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return pool.submit(*call)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    try:
        yield submit
    except BrokenProcessPool:
        raise
    except BaseException:
        # Whoever interrupts does not want to wait for what is half done.
        for process in set(active_children()) - before:
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _settle(begin: Callable[..., Any] | None, facts: tuple[Any, ...]) -> None:
    """Begin a process: it ends when the one that started it does."""
    global _begun  # noqa: PLW0603  (one for each process)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    made = None if begin is None else begin(*facts)
    _begun = () if made is None else (made,)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
