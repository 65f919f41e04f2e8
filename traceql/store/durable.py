"""Write files so that a crash leaves the old or the new one, and say what the disk refuses."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from traceql.errors import StoreError, StoreFull

_FULL = {errno.ENOSPC, errno.EDQUOT}
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Translate what the operating system refuses while `path` is read or written.

    Raises:
        StoreFull: no space is left.
        StoreError: anything else, such as a read-only disk.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise StoreFull(path, None, None) from error
        raise StoreError(f"{path}: {error.strerror or error}.") from error


def is_full(error: OSError) -> bool:
    """Say whether an error means that the disk, or the user's share of it, is full."""
    return error.errno in _FULL


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def write_text(path: Path, text: str) -> None:
    """Replace a file by one rename; its folder must exist.

    Raises:
        StoreFull, StoreError: as in `disk_errors`.
    """
    fresh = path.with_name(f".{path.name}.{uuid4().hex[:12]}")
    with disk_errors(path):
        try:
            fresh.write_text(text, encoding="utf-8")
            sync(fresh)
            fresh.replace(path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        sync(path.parent)


def exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step.

    Returns:
        False where the system or the file system cannot: nothing has happened then.
    """
    if not sys.platform.startswith("linux"):
        return False
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    first, second = os.fsencode(one), os.fsencode(other)
    return bool(renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE) == 0)
