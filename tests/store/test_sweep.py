"""Work folders: those of the living stay, those of the dead go, half a replacement is undone."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trace_maker as make

from traceql.errors import StoreBusy
from traceql.store import sweep
from traceql.store.catalog import Store
from traceql.store.lock import locked


def dead_pid() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_the_living_are_left_alone(tmp_path: Path) -> None:
    work = sweep.make_work(tmp_path)

    assert sweep.sweep(tmp_path) == 0
    assert work.is_dir()


def test_leftovers_of_the_dead_are_removed(tmp_path: Path) -> None:
    work = sweep.make_work(tmp_path)
    host, _, started, end = work.name.rsplit("-", 3)
    for name in (f"{host}-{dead_pid()}-{started}-{end}", f"{host}-{os.getpid()}-1-{end}"):
        (tmp_path / "tmp" / name / "scratch").mkdir(parents=True)
        (tmp_path / "tmp" / name / "scratch" / "run").write_text("x")

    assert sweep.sweep(tmp_path) == 2
    assert list((tmp_path / "tmp").iterdir()) == [work]


def test_another_host_has_a_week(tmp_path: Path) -> None:
    fresh, old = (tmp_path / "tmp" / f"other-host-{n}-77-ab" for n in (1, 2))
    for path in (fresh, old):
        path.mkdir(parents=True)
        (path / "file").touch()
    long_ago = time.time() - 8 * 24 * 3600
    for path in (old / "file", old):
        os.utime(path, (long_ago, long_ago))

    assert sweep.sweep(tmp_path) == 1
    assert list((tmp_path / "tmp").iterdir()) == [fresh]


def test_a_trace_moved_away_is_put_back(tmp_path: Path) -> None:
    store, (trace,) = make.store_with(tmp_path / "s", 1)
    work = sweep.make_work(store.path)
    dead = work.with_name(work.name.replace(f"-{os.getpid()}-", f"-{dead_pid()}-"))
    work.rename(dead)
    trace.path.rename(dead / f"{sweep.MOVED}{trace.id}")
    assert store.traces() == ()

    make.write(store, 2)
    assert [t.name for t in store.traces()] == ["run1", "run2"]
    assert store.resolve("run1").manifest == trace.manifest


def test_the_lock_is_waited_for_and_then_said(tmp_path: Path) -> None:
    Store.open(tmp_path / "s", create=True)
    number = os.open(tmp_path / "s" / ".lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(number, fcntl.LOCK_EX)
    try:
        with pytest.raises(StoreBusy, match="another process"), locked(tmp_path / "s", 0.1):
            pass
    finally:
        os.close(number)
    with locked(tmp_path / "s", 0.1):
        pass
