"""Run a program, and say what it used as the system counted it."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

ROUNDS = 5


class Usage(NamedTuple):
    """What one run, or the median of several, used."""

    cpu_s: float
    wall_s: float
    peak_mb: float


def run(command: Sequence[str], env: Mapping[str, str] | None = None) -> Usage:
    """Run a program to its end.

    Raises:
        subprocess.CalledProcessError: it ended with an error; what it wrote is in the message.
    """
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **(env or {})},
    )
    said = process.stderr.read() if process.stderr else b""
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.stderr.write(said.decode(errors="replace")[-2000:])
        raise subprocess.CalledProcessError(process.returncode, command[0])
    peak = used.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e6 / 1024)
    return Usage(used.ru_utime + used.ru_stime, wall, peak)


def median(usages: Sequence[Usage]) -> Usage:
    """Give the median of each figure."""
    return Usage(*(statistics.median(column) for column in zip(*usages, strict=True)))


def alternating(
    contenders: Mapping[str, Callable[[], Usage]], rounds: int = ROUNDS
) -> dict[str, Usage]:
    """Run all contenders in turn, several rounds, so that a busy machine is unfair to none.

    One that fails is left out, and said so.
    """
    found: dict[str, list[Usage]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name in list(found):
            try:
                found[name].append(contenders[name]())
            except (subprocess.CalledProcessError, OSError) as error:
                print(f"{name}: left out: {error}", file=sys.stderr)
                del found[name]
        print(f"round {number + 1} of {rounds} done", file=sys.stderr)
    return {name: median(usages) for name, usages in found.items()}


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, first column to the left, others to the right."""
    widths = [max(len(row[k]) for row in [header, *rows]) for k in range(len(header))]
    for row in [header, ["-" * width for width in widths], *rows]:
        cells = [
            cell.ljust(w) if k == 0 else cell.rjust(w)
            for k, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
    print()
