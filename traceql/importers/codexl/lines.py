"""The lines of a trace: what each of its sections holds."""

from __future__ import annotations

import re
from typing import NamedTuple

_CALL = re.compile(r"^\s*\S+\s+(\w+)\s+(\d{1,18})\s+(\d{1,18})(?:\s+(.*))?$")
_COMMAND = re.compile(
    r"^\d+\s+(CL_COMMAND_\w+)\s+(\d{1,18})\s+(\d{1,18})\s+(\d{1,18})\s+(\d{1,18})\s+(\d{1,9})\s+"
    r"\S+\s+(\d{1,9})\s+\S+\s+(.*)$"
)
_KERNEL = re.compile(r"^(.*?)\s+0[xX][0-9a-fA-F]+\s+(.+?)\s+\{([^}]*)\}\s+\{([^}]*)\}\s*$")
_BYTES = re.compile(r"^(.*)\s+(\d{1,18})\s*$")
_WITH_BYTES = re.compile("READ|WRITE|COPY|FILL")
"""Commands that tell bytes; behind others a number belongs to the device's name."""
_HSA_KERNEL = re.compile(
    r"^\s*(\S+)\s+0[xX][0-9a-fA-F]+\s+(\d{1,18})\s+(\d{1,18})\s+(\S+)(?:\s+\S+\s+(\d{1,9}))?"
)
_MARKER = re.compile(r"^\s*(clBegin|clEnd)PerfMarker(?:Ex)?\s+(.*?)\s*(\d{6,18})(?:\s+(.*))?$")
_DIRECTIONS = (
    ("WRITE", "htod"), ("READ", "dtoh"), ("COPY", "dtod"), ("UNMAP", "htod"), ("MAP", "dtoh"),
    ("MIGRATE", "htod"),
)  # fmt: skip


class Work(NamedTuple):
    """What a device did for a call."""

    kind: str
    """kernel, memset, or how a copy goes: htod, dtoh, dtod, unknown."""
    name: str
    queued: int | None
    submitted: int | None
    start: int
    end: int
    queue: int | None
    device: str
    grid: tuple[int, ...]
    """Work-items in x, y and z; empty where it is no kernel."""
    group: tuple[int, ...]
    size: int | None


class Call(NamedTuple):
    """A call of the host."""

    name: str
    start: int
    end: int
    work: Work | None


class Marker(NamedTuple):
    """A begin or an end of a range."""

    ts: int
    is_end: bool
    name: str


def call_of(line: str) -> Call | None:
    """Read a line of a Timestamp section; None: it is none."""
    found = _CALL.match(line)
    if found is None:
        return None
    return Call(found[1], int(found[2]), int(found[3]), _work_of(found[4] or ""))


def _work_of(text: str) -> Work | None:
    found = _COMMAND.match(text)
    if found is None:
        return None
    command, *times, queue, _context, rest = found.groups()
    queued, submitted, start, end = map(int, times)
    if not 0 < start <= end:
        return None  # the device told no times
    kernel = _KERNEL.match(rest)
    if kernel is not None and "KERNEL" in command:
        return Work("kernel", kernel[2], queued, submitted, start, end, int(queue), kernel[1],
                    _sizes(kernel[3]), _sizes(kernel[4]), None)  # fmt: skip
    size = _BYTES.match(rest) if _WITH_BYTES.search(command) else None
    device = size[1] if size else rest.strip()
    kind = "memset" if "FILL" in command else next(
        (direction for word, direction in _DIRECTIONS if word in command), "unknown"
    )  # fmt: skip
    if "KERNEL" in command or "TASK" in command:
        kind = "kernel"
    return Work(kind, command, queued, submitted, start, end, int(queue), device, (), (),
                int(size[2]) if size else None)  # fmt: skip


def hsa_kernel_of(line: str) -> Work | None:
    """Read a line of HSA's Kernel Timestamp section; None: it is none."""
    found = _HSA_KERNEL.match(line)
    if found is None or not 0 < int(found[2]) <= int(found[3]):
        return None
    queue = int(found[5]) if found[5] else None
    return Work("kernel", found[1], None, None, int(found[2]), int(found[3]), queue, found[4],
                (), (), None)  # fmt: skip


def marker_of(line: str) -> Marker | None:
    """Read a line of a Perfmarker section; None: it is none."""
    found = _MARKER.match(line)
    if found is None:
        return None
    is_end = found[1] == "clEnd"
    return Marker(int(found[3]), is_end, "" if is_end else found[2].strip())


def _sizes(text: str) -> tuple[int, ...]:
    """Read sizes of up to three dimensions; those that are left out are 1."""
    found = [int(number) for number in re.findall(r"\d{1,9}", text)][:3]
    return (*found, *(1,) * (3 - len(found))) if found else ()
