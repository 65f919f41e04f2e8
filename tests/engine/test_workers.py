"""Work in processes: order, deaths, interrupts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest

from traceql.engine import workers


def square(number: int) -> int:
    return number * number


def deadly(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def dies_once(path: str) -> str:
    mark = Path(f"{path}.seen")
    if Path(path).name == "1" and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return path


def raising(number: int) -> int:
    raise ValueError(number)


def results(function: Callable[..., Any], items: Iterable[Any], **more: Any) -> list[Any]:
    with workers.mapped(function, items, jobs=2, **more) as found:
        return list(found)


def count(counters: workers.Counters) -> None:
    counters.add(1, 10)


@pytest.mark.parametrize(("per_task", "ordered"), [(1, True), (4, True), (3, False)])
def test_results_come_with_their_items(per_task: int, ordered: bool) -> None:
    found = results(square, range(10), per_task=per_task, ordered=ordered)

    assert sorted(found) == [(n, n * n) for n in range(10)]
    if ordered:
        assert found == sorted(found)
    assert active_children() == []


def test_a_death_costs_only_the_item_that_killed() -> None:
    found = results(deadly, range(8), per_task=2)

    assert found == [(n, None if n == 3 else n) for n in range(8)]


def test_an_item_that_died_by_chance_is_done_again(tmp_path: Path) -> None:
    paths = [str(tmp_path / str(n)) for n in range(4)]

    assert results(dies_once, paths) == [(p, p) for p in paths]


def test_an_error_and_an_early_end_leave_no_process() -> None:
    with pytest.raises(ValueError, match="0"):
        results(raising, range(3))
    assert active_children() == []
    with workers.mapped(time.sleep, [0, 60, 60], jobs=2) as found:
        assert next(found) == (0, None)
    assert active_children() == []


def test_counters_are_shared() -> None:
    counters = workers.counters(2)
    results(square, [1], begin=count, facts=(counters,))

    assert counters.values() == (1, 10)


PARENT = """
import os, time
from traceql.engine import workers
if __name__ == "__main__":
    with workers.mapped(os.getpgid, [0, 0], jobs=2) as found:
        list(found)
    with workers.mapped(time.sleep, [0, 300, 300, 300], jobs=2) as found:
        next(found)
        time.sleep(0.3)
        from multiprocessing import active_children
        print(*[p.pid for p in active_children()], flush=True)
        {then}
"""


@pytest.mark.parametrize("then", ["next(found)", "time.sleep(300)"])
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_processes_end_with_their_parent(tmp_path: Path, sign: signal.Signals, then: str) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT.format(then=then))
    parent = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    children = [int(word) for word in parent.stdout.readline().split()]
    assert len(children) == 2
    if sign == signal.SIGINT:
        os.killpg(parent.pid, sign)  # as a terminal does
    else:
        parent.send_signal(sign)
    _, err = parent.communicate(timeout=60)

    assert err.count("Traceback") == (sign == signal.SIGINT)  # the parent's own
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}/cmdline").exists() for pid in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)
