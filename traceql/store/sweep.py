"""Work in progress under `<store>/tmp/`, and the sweeping of what dead processes left there.

The name of a work folder says whose it is: host, process id, when that process started, and a
random part. A folder is swept when its process is gone from this host; that of another host,
whose processes cannot be seen, when nothing in it has changed for a week.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import time
from pathlib import Path
from uuid import uuid4

from traceql.store import durable
from traceql.store.lock import locked

_FOREIGN_AGE_S = 7 * 24 * 3600
_STATE, _STARTED = 0, 19
"""Places in /proc/<pid>/stat behind the command's name; the start is in clock ticks."""

MOVED = "old-"
"""Prefix of a trace's folder that was moved into a work folder to make way for a new one."""


def make_work(store: Path) -> Path:
    """Make a fresh folder under `<store>/tmp/` for this process.

    Raises:
        StoreFull, StoreError: it cannot be made.
    """
    work = store / "tmp" / f"{owner()}-{uuid4().hex[:8]}"
    with durable.disk_errors(store):
        work.mkdir(parents=True)
    return work


def owner() -> str:
    """Give the beginning of the names of this process's work folders: host, pid, start."""
    pid = os.getpid()
    return f"{_host()}-{pid}-{_started(pid)}"


def sweep(store: Path) -> int:
    """Remove the leftovers of dead processes; put back a trace that one had moved away.

    Returns:
        How many were removed.
    """
    work = store / "tmp"
    if not work.is_dir():
        return 0
    dead = [path for path in sorted(work.iterdir()) if _is_dead(path)]
    for path in dead:
        for old in path.glob(f"{MOVED}*"):
            _put_back(store, old)
        shutil.rmtree(path, ignore_errors=True)
    return len(dead)


def _put_back(store: Path, old: Path) -> None:
    """Undo half a replacement: the old trace is moved away and the new one not yet in place."""
    place = store / "traces" / old.name.removeprefix(MOVED)
    with locked(store):
        if not place.exists():
            old.rename(place)


def _is_dead(path: Path) -> bool:
    parts = path.name.rsplit("-", 3)
    if len(parts) != 4 or not parts[1].isdigit():
        return _age(path) > _FOREIGN_AGE_S
    host, pid, started, _ = parts
    if host != _host():
        return _age(path) > _FOREIGN_AGE_S
    return _started(int(pid)) != started


def _age(path: Path) -> float:
    try:
        newest = max(inner.lstat().st_mtime for inner in (path, *path.rglob("*")))
    except FileNotFoundError:
        return 0.0  # its owner is removing it
    return time.time() - newest


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname()) or "host"


def _started(pid: int) -> str:
    """Give when a process started, "0" where the system does not tell, "" if there is none."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass  # it lives, under another user
    try:
        # The command's name stands in parentheses and may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1").rpartition(")")[2].split()
    except OSError:
        return "0"
    return "" if fields[_STATE] == "Z" else fields[_STARTED]
