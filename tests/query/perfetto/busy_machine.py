"""A small trace in Perfetto's own format: a machine with scheduling, clocks, marks and memory."""

from __future__ import annotations

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "importers"))
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

START = 1_000_000
PROCESSES = {100: "app", 200: "server", 300: "worker"}
THREADS = {100: [100, 101, 102], 200: [200, 201], 300: [300]}
UUIDS = {100: 10, 101: 11, 200: 12}
_NEVER = 4_294_967_295
"""What a CPU says that stops idling."""


def made(seed: int = 1) -> bytes:
    """Write the trace."""
    chance = random.Random(seed)
    packets = [snapshot((6, START), (3, START), (1, START))]
    packets.append(described(1, (3, process(100, "app"))))
    for tid, uuid in UUIDS.items():
        pid = 200 if tid >= 200 else 100
        packets.append(described(uuid, (4, thread(pid, tid, _name(tid)))))
    packets.append(described(60, (2, "level"), (5, 1), (8, b"")))
    packets.append(packet(START, (2, _tree())))
    packets += [packet(None, (1, bundle), sequence=7) for bundle in _kernel(chance)]
    packets += _marks(chance)
    packets += [
        event(START + 500 + 20_000 * k, 4, 60, (30, chance.randint(0, 100))) for k in range(12)
    ]
    packets += [packet(START + 100_000 * k, (9, _memory(chance))) for k in range(6)]
    return trace(*packets)


def _name(tid: int) -> str:
    return PROCESSES.get(tid) or (f"thread {tid}" if tid else "swapper")


def _tree() -> bytes:
    listed: list[tuple[int, Value]] = [
        (1, message((1, pid), (2, 1), (3, name), (5, 1000 + pid)))
        for pid, name in PROCESSES.items()
    ]
    listed += [
        (2, message((1, tid), (2, _name(tid)), (3, pid)))
        for pid, tids in THREADS.items() for tid in tids if tid != pid
    ]  # fmt: skip
    return message(*listed)


def _kernel(chance: random.Random) -> list[bytes]:
    """Bundles of two CPUs: switches, wakeups, clocks and idle states."""
    parts: dict[int, list[tuple[int, Value]]] = {cpu: [(1, cpu)] for cpu in (0, 1)}
    running = {0: 0, 1: 0}
    free = [tid for tids in THREADS.values() for tid in tids]
    ts = START
    for _ in range(120):
        ts += chance.randint(500, 8_000)
        cpu, kind = chance.randrange(2), chance.random()
        if kind < 0.6:
            before, after = running[cpu], chance.choice([0, *free])
            if before == after:
                continue
            state = chance.choice([0, 1, 2, 1]) if before else 0
            what = (4, message((1, _name(before)), (2, before), (3, 120), (4, state),
                               (5, _name(after)), (6, after), (7, 120)))  # fmt: skip
            by, running[cpu] = before, after
            free = [tid for tid in [*free, before] if tid not in {0, after}]
        elif kind < 0.8:
            woken, by = chance.choice(free), running[cpu]
            what = (20, message((1, _name(woken)), (2, woken), (3, 120), (4, 1), (5, cpu)))
        elif kind < 0.9:
            what, by = (11, message((1, chance.choice([300_000, 1_200_000])), (2, cpu))), 0
        else:
            what, by = (13, message((1, chance.choice([0, 1, _NEVER])), (2, cpu))), 0
        parts[cpu].append((2, message((1, ts), (2, by), what)))
    return [message(*fields) for fields in parts.values()]


def _marks(chance: random.Random) -> list[bytes]:
    """Slices, instants and flows of three threads."""
    packets, flows = [], [chance.randrange(1 << 40) for _ in range(4)]
    for uuid in UUIDS.values():
        ts, depth = START + 500, 0
        for _ in range(30):
            ts += chance.randint(50, 20_000)
            kind = 2 if depth and chance.random() < 0.45 else 3 if chance.random() < 0.1 else 1
            depth += {1: 1, 2: -1, 3: 0}[kind]
            fields: list[tuple[int, Value]] = []
            if kind != 2:
                fields += [(23, chance.choice(["alpha", "beta", "gamma"])), (22, "made")]
            if kind == 1 and chance.random() < 0.5:
                fields += [
                    (4, message((10, "count"), (4, chance.randint(0, 99)))),
                    (4, message((10, "text"), (6, chance.choice(["u", "v"])))),
                    (4, message((10, "inside"), (11, message((10, "k"), (4, 7))))),
                    (4, message((10, "list"), (12, message((5, 0.5))), (12, message((5, 1.5))))),
                ]
            if kind == 1 and chance.random() < 0.4:
                fields.append((47, Fixed(chance.choice(flows))))
            packets.append(event(ts, kind, uuid, *fields))
        packets += [event(ts + 1_000 * i, 2, uuid) for i in range(1, depth + 1)]
    return packets


def _memory(chance: random.Random) -> bytes:
    anonymous, of_files = chance.randint(100, 900), chance.randint(0, 99)
    app = message((1, 100), (3, anonymous + of_files + 3), (4, anonymous), (5, of_files), (6, 3),
                  (7, chance.randint(0, 9)), (10, chance.choice([0, 900])))  # fmt: skip
    return message((1, app))
