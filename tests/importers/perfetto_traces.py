"""Make small Perfetto traces with what the real tools write.

`python tests/importers/perfetto_traces.py` writes them to sample_traces/synthetic/perfetto. Fields
are those of the protos of Perfetto 0.59; rocprofv3's conventions are those of its writer.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from pathlib import Path

from perfetto_encoder import (
    Fixed,
    Value,
    described,
    event,
    message,
    packet,
    process,
    snapshot,
    thread,
    trace,
)

FOLDER = Path(__file__).resolve().parents[2] / "sample_traces" / "synthetic" / "perfetto"
MARK = packet(None, (46, message((1, "synthetic"), (2, "traceql tests"))))
"""A trigger: what the trace says of itself."""


def system() -> list[bytes]:
    """What the service writes first: clocks, uuid, system, configuration."""
    utsname = message((1, "Linux"), (2, "#1 SMP"), (3, "6.8.0-100-generic"), (4, "x86_64"))
    config = message(
        (1, message((1, 65536), (4, 1))),
        (2, message((1, message((1, "track_event"))))),
        (3, 10_000),
    )
    return [
        snapshot((6, 5_000_000_000), (3, 4_900_000_000), (1, 1_750_000_005_000_000_000)),
        packet(None, (36, bytes(range(16)))),
        packet(None, (89, message((1, 0x1122334455667788), (2, 0x99AABBCCDDEEFF00)))),
        packet(None, (45, message((1, utsname), (4, "Perfetto v52.0"), (8, 4)))),
        packet(None, (33, config)),
        MARK,
    ]


def interned(*tables: tuple[int, list[str]]) -> tuple[int, bytes]:
    """Interned data: field of the table, and its texts numbered from 1."""
    entries: list[tuple[int, Value]] = []
    for number, texts in tables:
        entries += [(number, message((1, i), (2, t))) for i, t in enumerate(texts, 1)]
    return 12, message(*entries)


def track_events(seed: int = 1) -> bytes:
    """Slices, instants, counters, flows and async tracks of two processes."""
    chance = random.Random(seed)
    packets = system()
    names = ["Frame", "Layout", "Paint", "Upload", "Submit"]
    for number in (1, 2):
        pid = 100 * number
        packets.append(described(number, (3, process(pid, f"app{number}")), sequence=number))
        packets += [
            described(10 * number + i,
                      (4, thread(pid, pid + i, f"worker{i}" if i else "main")), (5, number),
                      sequence=number)
            for i in range(3)
        ]  # fmt: skip
        packets.append(described(1000 + number, (2, "requests"), (5, number), sequence=number))
        packets.append(described(2000 + number, (2, "queue length"), (5, number),
                                 (8, message((3, 2))), sequence=number))  # fmt: skip
        packets.append(packet(0, interned((1, ["ui", "io"]), (2, names), (3, ["size", "url"])),
                              (59, message((58, 3))), sequence=number, flags=1))  # fmt: skip
    ts = {1: 5_000_000_000, 2: 5_000_300_000}
    for step in range(60):
        for number in (1, 2):
            at, track = ts[number], 10 * number + step % 3
            arg = message((1, 1), (4, chance.randrange(1 << 20)))
            flow = (47, Fixed(step + 1))
            kinds = {"sequence": number, "flags": 2}
            packets += [
                event(at, 1, track, (10, 1), (3, [1]), (4, arg), flow, **kinds),
                event(at + 1_000, 1, track, (10, 2 + step % 4), (3, [1, 2]), **kinds),
                event(at + 3_000 + chance.randrange(5_000), 2, track, **kinds),
                event(at + 9_000 + chance.randrange(5_000), 2, track, **kinds),
                event(at + 500, 4, 2000 + number, (30, chance.randrange(30)), **kinds),
            ]
            if step % 10 == 0:
                packets.append(event(at + 2_000, 1, 1000 + number, (23, f"GET /{step}"), **kinds))
                packets.append(event(at + 40_000, 2, 1000 + number, **kinds))
                packets.append(event(at + 100, 3, number, (23, "vsync"), **kinds))
            ts[number] = at + 20_000 + chance.randrange(3_000)
    return trace(*packets)


def rocprofv3(seed: int = 2) -> bytes:
    """HIP calls, kernels and copies of a device, as rocprofv3 writes them."""
    chance = random.Random(seed)
    pid, uuid, queue, copies, stats = 4321, 77, 78, 79, 80
    packets = system()
    packets += [
        described(1, (3, process(pid, "a.out")), sequence=2),
        described(uuid, (4, thread(pid, pid, "a.out")), (5, 1), sequence=2),
        described(queue, (2, "COMPUTE GPU [1] QUEUE [0] GPU"), (5, 1), sequence=2),
        described(copies, (2, "COPY to AGENT [1] THREAD [0] (GPU)"), (5, 1), sequence=2),
        described(stats, (2, "COPY BYTES to GPU [1] (GPU)"), (8, message((3, 3), (4, 1024))),
                  sequence=2),
    ]  # fmt: skip
    keys = ["begin_ns", "end_ns", "delta_ns", "tid", "kind", "operation", "corr_id", "agent",
            "queue", "kernel_id", "Scratch_Size", "LDS_Block_Size", "VGPR_Count",
            "workgroup_size", "grid_size", "stream_ID", "src_agent", "dst_agent",
            "copy_bytes"]  # fmt: skip
    categories = ["hip_api", "kernel_dispatch", "memory_copy", "marker_api"]
    packets.append(packet(0, interned((1, categories), (3, keys)), sequence=2, flags=1))

    def slice_(track: int, name: str, category: int, ts: int, dur: int, **args: int | str) -> None:
        given: dict[str, int | str] = {"begin_ns": ts, "end_ns": ts + dur, "delta_ns": dur, **args}
        made = [(4, message((1, keys.index(k) + 1), (6 if isinstance(v, str) else 3, v)))
                for k, v in given.items()]  # fmt: skip
        flow = (47, Fixed(pid << 20 ^ int(args["corr_id"])))
        packets.append(event(ts, 1, track, (23, name), (3, [category]), *made, flow,
                             sequence=2, flags=2))  # fmt: skip
        packets.append(event(ts + dur, 2, track, sequence=2, flags=2))

    ts = 5_000_000_000
    for step in range(40):
        call, size = 3_000 + chance.randrange(900), 4096 << step % 5
        slice_(uuid, f"step {step}", 4, ts - 1_000, 20_000, tid=pid, corr_id=1000 + step)
        slice_(uuid, "hipMemcpyAsync", 1, ts, call, tid=pid, corr_id=2 * step + 1)
        slice_(copies, "MEMORY_COPY_HOST_TO_DEVICE", 3, ts + call, size // 16,
               corr_id=2 * step + 1, src_agent="CPU-0", dst_agent="GPU-1", copy_bytes=size,
               stream_ID=1)  # fmt: skip
        packets.append(event(ts + call, 4, stats, (30, size // 1024), sequence=2, flags=2))
        at = ts + call + 10_000
        slice_(uuid, "hipLaunchKernel", 1, at, 2_000, tid=pid, corr_id=2 * step + 2)
        slice_(queue, "vcopy(double*, double*, int)", 2, at + 4_000, 20_000 + step,
               corr_id=2 * step + 2, agent="GPU-1", queue=0, kernel_id=3, Scratch_Size=0,
               LDS_Block_Size=1024, VGPR_Count=24, workgroup_size=256, grid_size=1 << 20,
               stream_ID=1)  # fmt: skip
        ts = at + 40_000
    # What the service adds at the end, packed as it does in long traces.
    return trace(*packets[:40], message((50, zlib.compress(trace(*packets[40:]), 9))))


def kernel(seed: int = 3) -> bytes:
    """Scheduling of two CPUs in both forms, marks of programs, counters of processes and system."""
    chance = random.Random(seed)
    packets = system()
    tree = [(1, message((1, 1), (3, "/sbin/init"))), (1, message((1, 300), (2, 1), (3, "server")))]
    tree += [(2, message((1, 300 + i), (2, f"pool-{i}"), (3, 300))) for i in range(1, 4)]
    packets.append(packet(5_000_000_000, (2, message(*tree))))
    names = ["swapper", "server", "pool-1", "pool-2", "pool-3"]
    start = 5_000_000_000
    for round_ in range(20):
        for cpu in (0, 1):
            ts, current, events = start + round_ * 1_000_000, 0, []
            switches: list[tuple[int, int, int]] = []
            for _ in range(12):
                ts += 20_000 + chance.randrange(60_000)
                # Threads of one CPU never run on the other.
                after = 0 if current else 300 + cpu * 2 + chance.randrange(2)
                state = chance.choice([1, 1, 2, 0]) if current else 0
                switches.append((ts, state, after))
                wake = message((1, names[after - 299 if after else 0]), (2, after or current))
                if cpu == 0 and after:
                    woken = ts - 5_000
                    events.append(message((1, woken), (2, 0), (20, wake)))
                    mark = message((2, f"B|300|request {round_}\n"))
                    events.append(message((1, ts + 100), (2, after), (3, mark)))
                    mark = message((2, "B|300|parse\n"))
                    events.append(message((1, ts + 300), (2, after), (3, mark)))
                elif cpu == 0:
                    mark = message((2, "E|300\n"))
                    events.append(message((1, ts - 400), (2, current), (3, mark)))
                    events.append(message((1, ts - 100), (2, current), (3, mark)))
                if cpu == 0:
                    comm = names[after - 299 if after else 0]
                    switch = message((2, current), (4, state), (5, comm), (6, after))
                    events.append(message((1, ts), (2, current), (4, switch)))
                current = after
            parts: list[tuple[int, Value]] = [(1, cpu), *((2, e) for e in events)]
            if cpu == 1:
                times = [s[0] for s in switches]
                compact = message(
                    (1, [b - a for a, b in zip([0, *times], times, strict=False)]),
                    (2, [s[1] for s in switches]), (3, [s[2] for s in switches]),
                    *((5, name) for name in names),
                    (6, [s[2] - 299 if s[2] else 0 for s in switches]),
                )  # fmt: skip
                parts.append((4, compact))
            packets.append(packet(None, (1, message(*parts)), sequence=3))
        at = start + round_ * 1_000_000
        frequency = message((1, at), (2, 0), (11, message((1, 1_200_000 + 100_000 * (round_ % 4)),
                                                          (2, 0))))  # fmt: skip
        packets.append(packet(None, (1, message((1, 0), (2, frequency))), sequence=3))
        rss = message((1, 300), (3, 5_000 + 16 * round_), (10, 0))
        packets.append(packet(at, (9, message((1, rss)))))
        free = message((1, message((1, 2), (2, 1_000_000 - 64 * round_))))
        packets.append(packet(at, (7, free)))
    return trace(*packets)


SAMPLES: dict[str, Callable[[], bytes]] = {
    "track_events.pftrace": track_events,
    "rocprofv3.pftrace": rocprofv3,
    "kernel.pftrace": kernel,
}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in SAMPLES.items():
        (FOLDER / name).write_bytes(make())


if __name__ == "__main__":
    main()
