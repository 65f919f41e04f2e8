"""Perfetto traces: runs of plain track events by kernels beside reading packet by packet.

    python benchmarks/perfetto.py --events 1e6 --rounds 3

Every contender is a process of its own; figures are medians of alternating rounds, in CPU seconds
of the whole process. Reading means all rows of the importer, as Arrow batches.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from functools import partial
from pathlib import Path

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


def write_trace(path: Path, events: int) -> None:
    """Write begins with args, ends, and counters, on eight threads of one sequence."""
    chance = random.Random(1)
    texts = b"".join(field(kind, field(1, i) + field(2, b"%s %d" % (what, i)))
                     for kind, what in ((1, b"category"), (2, b"name"), (3, b"key"))
                     for i in range(1, 9))  # fmt: skip
    head = [field(10, 1) + field(13, 1) + field(12, texts)]
    for i in range(1, 9):
        thread = field(1, 7) + field(2, 7 + i) + field(5, b"thread")
        head.append(field(10, 1) + field(60, field(1, i) + field(4, thread)))
    head.append(field(10, 1) + field(60, field(1, 9) + field(2, b"counter") + field(8, b"")))
    tail, ts = field(10, 1) + field(13, 2), 1 << 40
    with path.open("wb") as out:
        out.writelines(field(1, packet) for packet in head)
        for n in range(events // 3):
            ts += chance.randrange(3000)
            track = field(11, n % 8 + 1)
            args = b"".join(field(4, field(1, k + 1) + field(3, chance.randrange(1 << 30)))
                            for k in range(EVENTS_OF_ARGS))  # fmt: skip
            begin = field(9, 1) + field(10, n % 7 + 1) + field(3, n % 5 + 1) + track + args
            for at, inner in ((ts, begin), (ts + 900, field(9, 2) + track),
                              (ts, field(9, 4) + field(11, 9) + field(30, n))):  # fmt: skip
                out.write(field(1, field(8, at) + tail + field(11, inner)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=float, default=1e6)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.pftrace"
        write_trace(path, int(given.events))

        def run(way: str) -> measured.Usage:
            return measured.run([sys.executable, "-c", READ, str(path), way])

        run("fast")  # kernels are compiled beforehand
        found = measured.alternating({way: partial(run, way) for way in WAYS}, given.rounds)
        size = path.stat().st_size / 1e6
    measured.table(
        ("way", "MB/CPU s", "Mevent/CPU s", "ratio", "peak MB"),
        [(way, f"{size / used.cpu_s:.1f}", f"{given.events / used.cpu_s / 1e6:.2f}",
          f"{found['slow'].cpu_s / used.cpu_s:.1f}", f"{used.peak_mb:.0f}")
         for way, used in found.items()],
    )  # fmt: skip


if __name__ == "__main__":
    main()
