"""Kill -9 before every single step that touches the disk: the store is the old or the new one."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trace_maker as make

from traceql.store import durable
from traceql.store.catalog import Store
from traceql.store.verify import verify
from traceql.store.writer import TraceWriter

STEPS = ((os, "mkdir"), (os, "rename"), (os, "replace"), (os, "fsync"), (os, "unlink"),
         (os, "rmdir"), (durable, "exchange"))  # fmt: skip


def dies_before(step: int) -> None:
    """Let this process kill itself before its `step`-th change of the disk."""
    count = itertools.count(1)

    def guarded(call: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*args: Any, **options: Any) -> Any:
            if next(count) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **options)

        return stepping

    for module, name in STEPS:
        setattr(module, name, guarded(getattr(module, name)))


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Do the work in a forked process; whether it died at the step."""
    pid = os.fork()
    if pid == 0:
        dies_before(step)
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in {0, -signal.SIGKILL}
    return code != 0


def state(store: Store) -> list[tuple[str, int]]:
    return sorted((t.name, t.manifest.tables["slice"].rows) for t in store.traces())


@pytest.mark.parametrize(("replace", "swap"), [(False, True), (True, True), (True, False)])
def test_a_write_killed_at_any_step(
    tmp_path: Path, replace: bool, swap: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not swap:
        monkeypatch.setattr(durable, "exchange", lambda _one, _other: False)
    changed = {"importer_version": "2"} if replace else {}
    number = 1 if replace else 2
    old = [("run1", 10)]
    new = [("run1", 30)] if replace else [("run1", 10), ("run2", 30)]
    make.store_with(tmp_path / "before", 1)
    seen = set()
    for step in itertools.count(1):
        store = Store.open(shutil.copytree(tmp_path / "before", tmp_path / f"{step}"))
        died = killed_at(
            step, lambda store=store: make.write(store, number, count=30, changed=changed)
        )
        if swap or not replace:
            assert state(store) in (old, new), step
            assert list(verify(store.traces())) == [], step
        with TraceWriter(store):
            pass  # any next ingest sweeps
        assert state(store) in (old, new), step
        seen.add(str(state(store)))
        assert list(verify(store.traces())) == [], step
        assert not list((store.path / "tmp").iterdir()), step
        if not died:
            break
    assert step > 20
    assert seen == {str(old), str(new)}


def test_a_removal_killed_at_any_step(tmp_path: Path) -> None:
    make.store_with(tmp_path / "before", 1, 2)
    seen = set()
    for step in itertools.count(1):
        store = Store.open(shutil.copytree(tmp_path / "before", tmp_path / f"{step}"))
        trace = store.resolve("run1")
        died = killed_at(step, lambda store=store, trace=trace: store.remove(trace))
        assert state(store) in ([("run1", 10), ("run2", 10)], [("run2", 10)]), step
        assert list(verify(store.traces())) == [], step
        seen.add(len(store.traces()))
        if not died:
            break
    assert seen == {1, 2}
