"""States of tasks as the kernel writes them in `prev_state`.

Source: include/linux/sched.h and include/trace/events/sched.h of Linux; the bits changed in 4.14.
"""

from __future__ import annotations

import re

_RELEASE = re.compile(r"(\d+)\.(\d+)")
_NEW: tuple[tuple[int, str], ...] = (
    (0x1, "S"), (0x2, "D"), (0x4, "T"), (0x8, "t"), (0x10, "X"), (0x20, "Z"), (0x40, "P"),
    (0x80, "I"),
)  # fmt: skip
_NEW_PREEMPTED = 0x100
_OLD = ((0x1, "S"), (0x2, "D"), (0x4, "T"), (0x8, "t"), (0x10, "X"), (0x20, "Z"), (0x40, "x"),
        (0x80, "K"), (0x100, "W"), (0x200, "P"), (0x400, "N"))  # fmt: skip
_OLD_PREEMPTED, _OLDER_PREEMPTED = 0x1000, 0x800


def task_state(state: int, release: str) -> str:
    """Write a state in letters: R, R+ (preempted), S, D and so on, several bits in a row.

    Args:
        state: `prev_state` of a switch.
        release: of the kernel, such as `6.8.0-100-generic`; empty: a recent one.
    """
    found = _RELEASE.match(release)
    version = (int(found[1]), int(found[2])) if found else (6, 0)
    bits, preempted = _NEW, _NEW_PREEMPTED
    if version < (4, 14):
        bits = _OLD
        preempted = _OLD_PREEMPTED if version >= (4, 8) else _OLDER_PREEMPTED
    letters = "".join(letter for bit, letter in bits if state & bit)
    if letters:
        return letters
    return "R+" if state & preempted else "R"


def is_asleep(state: str) -> bool:
    """Tell whether a thread in a state must be woken before it runs."""
    return not state.startswith("R")
