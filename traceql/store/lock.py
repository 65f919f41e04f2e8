"""The store's lock: held while something is renamed, never while something is computed."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from traceql.errors import StoreBusy
from traceql.store import durable

TIMEOUT_S = 30.0
"""How long to wait for the lock; who holds it needs milliseconds."""

_PAUSE_S = 0.02


@contextmanager
def locked(store: Path, timeout_s: float | None = None) -> Iterator[None]:
    """Hold the lock of the store; the system lets go of it when the process dies.

    Not reentrant.

    Raises:
        StoreBusy: another process holds it for longer than `timeout_s` (default TIMEOUT_S).
        StoreError: the store cannot be written.
    """
    limit = TIMEOUT_S if timeout_s is None else timeout_s
    with durable.disk_errors(store):
        number = os.open(store / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _wait(number, store, limit)
        yield
    finally:
        os.close(number)


def _wait(number: int, store: Path, limit: float) -> None:
    end = time.monotonic() + limit
    while True:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= end:
                raise StoreBusy(store, limit) from error
            time.sleep(_PAUSE_S)
        else:
            return
