"""Perfetto traces: runs of packets by kernels beside reading packet by packet.

    python benchmarks/perfetto.py --events 1e6 --rounds 3 --kind plain amd sched

Every contender is a process of its own; figures are medians of alternating rounds, in CPU seconds
of the whole process. Reading means all rows of the importer, as Arrow batches.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

import measured

READ = """
import sys
from pathlib import Path
from traceql.engine.source import open_source
from traceql.importers.perfetto import Perfetto
with open_source(Path(sys.argv[1])) as source:
    assert sum(chunk.rows.num_rows for chunk in Perfetto(path=sys.argv[2]).read(source))
"""
WAYS = ("fast", "slow")
EVENTS_OF_ARGS = 4
"""Integers in the args of each begin."""


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def interned(*tables: tuple[int, list[str]]) -> bytes:
    return b"".join(field(kind, field(1, i) + field(2, text.encode()))
                    for kind, texts in tables for i, text in enumerate(texts, 1))  # fmt: skip


def plain(out: BinaryIO, events: int) -> None:
    """Write begins with args, ends, and counters, on eight threads of one sequence."""
    chance = random.Random(1)
    texts = interned(*((kind, [f"{what} {i}" for i in range(8)])
                       for kind, what in ((1, "category"), (2, "name"), (3, "key"))))  # fmt: skip
    head = [field(10, 1) + field(13, 1) + field(12, texts)]
    for i in range(1, 9):
        thread = field(1, 7) + field(2, 7 + i) + field(5, b"thread")
        head.append(field(10, 1) + field(60, field(1, i) + field(4, thread)))
    head.append(field(10, 1) + field(60, field(1, 9) + field(2, b"counter") + field(8, b"")))
    tail, ts = field(10, 1) + field(13, 2), 1 << 40
    out.writelines(field(1, packet) for packet in head)
    for n in range(events // 3):
        ts += chance.randrange(3000)
        track = field(11, n % 8 + 1)
        args = b"".join(field(4, field(1, k + 1) + field(3, chance.randrange(1 << 30)))
                        for k in range(EVENTS_OF_ARGS))  # fmt: skip
        begin = field(9, 1) + field(10, n % 7 + 1) + field(3, n % 5 + 1) + track + args
        counted = field(9, 4) + field(11, 9) + field(30, n)
        three = ((ts, begin), (ts + 900, field(9, 2) + track), (ts, counted))
        out.writelines(field(1, field(8, at) + tail + field(11, inner)) for at, inner in three)


def amd(out: BinaryIO, events: int) -> None:
    """Write HIP calls and the kernels they launch, with the args of rocprofv3."""
    chance = random.Random(2)
    keys = ["begin_ns", "end_ns", "tid", "corr_id", "agent", "queue", "kernel_id", "Scratch_Size",
            "LDS_Block_Size", "VGPR_Count", "workgroup_size", "grid_size", "stream_ID"]  # fmt: skip
    texts = interned((1, ["hip_api", "kernel_dispatch"]), (3, keys))
    out.write(field(1, field(10, 1) + field(13, 1) + field(12, texts)))
    thread = field(4, field(1, 7) + field(2, 7))
    out.write(field(1, field(10, 1) + field(60, field(1, 1) + thread)))
    for i in (2, 3):
        queue = field(1, i) + field(2, f"COMPUTE GPU [{i}] QUEUE [0] GPU".encode())
        out.write(field(1, field(10, 1) + field(60, queue)))
    tail, ts = field(10, 1) + field(13, 2), 1 << 40

    def slice_(at: int, track: int, name: bytes, category: int, said: dict[str, int | str]) -> None:
        args = b"".join(
            field(4, field(1, keys.index(key) + 1)
                  + (field(3, v) if isinstance(v, int) else field(6, v.encode())))
            for key, v in said.items()
        )  # fmt: skip
        begin = field(9, 1) + field(11, track) + field(23, name) + field(3, category) + args
        out.write(field(1, field(8, at) + tail + field(11, begin)))
        out.write(field(1, field(8, at + 900) + tail + field(11, field(9, 2) + field(11, track))))

    for n in range(events // 4):
        ts += 1000 + chance.randrange(2000)
        times: dict[str, int | str] = {"begin_ns": ts, "end_ns": ts + 900, "corr_id": n}
        slice_(ts, 1, b"hipLaunchKernel", 1, {**times, "tid": 7})
        slice_(ts + 950, 2 + n % 2, b"void kernel_%d<float>(float*, int)" % (n % 300), 2, {
            **times, "agent": f"GPU-{n % 2}", "queue": 0, "kernel_id": n % 300, "Scratch_Size": 0,
            "LDS_Block_Size": 512 * (n % 3), "VGPR_Count": 32, "workgroup_size": 256,
            "grid_size": 256 * chance.randrange(99), "stream_ID": n % 3,
        })  # fmt: skip


def sched(out: BinaryIO, events: int) -> None:
    """Write switches and wakeups of eight CPUs, a hundred to a packet."""
    chance = random.Random(3)
    ts, current, written = [1 << 40] * 8, [0] * 8, 0
    while written < events:
        for cpu in range(8):
            found = b""
            for _ in range(100):
                ts[cpu] += chance.randrange(1000, 50_000)
                after = chance.randrange(200)
                head = field(1, ts[cpu]) + field(2, current[cpu])
                if chance.random() < 0.5:
                    woken = field(1, b"task-%d" % after) + field(2, after)
                    found += field(2, head + field(20, woken))
                    written += 1
                switch = (field(1, b"task-%d" % current[cpu]) + field(2, current[cpu])
                          + field(4, chance.randrange(3)) + field(5, b"task-%d" % after)
                          + field(6, after) + field(7, 120))  # fmt: skip
                found += field(2, head + field(4, switch))
                current[cpu] = after
                written += 1
            out.write(field(1, field(1, field(1, cpu) + found) + field(10, 3)))


KINDS: dict[str, Callable[[BinaryIO, int], None]] = {"plain": plain, "amd": amd, "sched": sched}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=float, default=1e6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kind", nargs="+", choices=list(KINDS), default=list(KINDS))
    given = parser.parse_args()
    rows = []
    for kind in given.kind:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "trace.pftrace"
            with path.open("wb") as out:
                KINDS[kind](out, int(given.events))

            def run(way: str, path: Path = path) -> measured.Usage:
                return measured.run([sys.executable, "-c", READ, str(path), way])

            run("fast")  # kernels are compiled beforehand
            found = measured.alternating({way: partial(run, way) for way in WAYS}, given.rounds)
            size = path.stat().st_size / 1e6
        rows += [
            (kind, way, f"{size / used.cpu_s:.1f}", f"{given.events / used.cpu_s / 1e6:.2f}",
             f"{found['slow'].cpu_s / used.cpu_s:.1f}", f"{used.peak_mb:.0f}")
            for way, used in found.items()
        ]  # fmt: skip
    measured.table(("kind", "way", "MB/CPU s", "Mevent/CPU s", "ratio", "peak MB"), rows)


if __name__ == "__main__":
    main()
