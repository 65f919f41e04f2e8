"""Perfetto: whatever a trace holds, columns give the rows that reading one by one gives."""

from __future__ import annotations

import random
import re
import sys
import zlib
from pathlib import Path
from typing import Any

import perfetto_traces as made
import pytest
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

from traceql.importers.perfetto import Perfetto, bundles, fast
from traceql.model import tables

sys.path.append(str(Path(__file__).resolve().parents[1] / "contracts"))
import importer_runs as runs


def rows(data: bytes, path: str, step: int = 1 << 22) -> dict[str, list[dict[str, Any]]]:
    """Read all rows; integers that were lifted out of args are put back."""
    found: dict[str, list[dict[str, Any]]] = {}
    for chunk in Perfetto(path=path).read(runs.MemorySource(data, step)):
        tables.validate(chunk.table, chunk.rows)
        lifted = tables.has_templates(chunk.rows.schema)
        for row in chunk.rows.to_pylist():
            holes = {k: row.pop(k) for k in list(row) if lifted and k.startswith("arg_")}
            if holes and row["args"]:
                row["args"] = re.sub(
                    "\x01(.)", lambda m, h=holes: str(h[f"arg_{ord(m[1]) - 65}"]), row["args"]
                )
            found.setdefault(chunk.table, []).append(row)
    return found


def chance_trace(seed: int, count: int = 400) -> bytes:
    """Events of all kinds on several sequences, plain ones and odd ones among each other."""
    chance = random.Random(seed)
    names, keys = ["a", "b", "", "é\n"], ["x", "corr_id", "bytes", "s"]
    categories = ["ui", "hip_api", "hsa_api", "marker_api"]
    texts = [(1, categories), (2, names), (3, keys), (29, ["one", 'tw"o'])]
    interned = (12, message(*((n, message((1, i), (2, t)))
                              for n, table in texts for i, t in enumerate(table, 1))))  # fmt: skip
    running = message(
        (1, message((1, 6), (2, 1500))), (1, message((1, 64), (2, 1), (3, 1), (4, 3)))
    )
    packets = [snapshot((6, 1000), (3, 400)), packet(0, (41, 1), sequence=9)]
    packets += [packet(None, (6, running), sequence=s) for s in (1, 2)]
    for s in (1, 2):
        defaults = (59, message((58, 3), (11, message((11, 10 * s)))))
        packets += [
            described(10 * s, (4, thread(s, s, f"t{s}")), sequence=s),
            described(10 * s + 1, (2, "async"), sequence=s),
            described(10 * s + 2, (2, "count"), (8, message((3, 3), (4, 1024))), sequence=s),
            described(10 * s + 3, (8, message((5, 1))), sequence=s),
            packet(0, interned, defaults, sequence=s, flags=1),
        ]

    def annotation() -> tuple[int, Value]:
        if chance.random() < 0.2:
            inner = message((10, "n"), chance.choice([(5, 0.5), (2, 1), (6, "x")]))
            return 4, chance.choice([
                message((10, "free"), (6, chance.choice("abcdefgh") * chance.randrange(3))),
                message((1, 2), (5, chance.random())), message((1, 1), (7, 1 << 63)),
                message((10, "nested"), (11, inner)), message((10, "array"), (12, inner)),
                message((10, "json"), (9, "[1]")), message((10, ""), (3, 1)), message((3, 1 << 63)),
                message((1, 4), (6, "x"), (6, "y")), message((1, 3), (17, 3)),
            ])  # fmt: skip
        kind = chance.choice([2, 3, 3, 4, 4, 17, 6])
        value = {
            2: chance.randrange(2), 3: chance.randrange(1 << 40), 17: 1,
            4: chance.randrange(-(1 << 62), 1 << 62), 6: chance.choice(["", 'q"', "é"]),
        }[kind]  # fmt: skip
        return 4, message((1, chance.randint(1, 4)), (kind, value))

    ts = 2000
    for _ in range(count):
        s, kind = chance.choice([1, 2]), chance.choice([1, 1, 2, 2, 3, 4])
        ts += chance.randrange(-50, 200)
        inner: list[tuple[int, Value]] = []
        if chance.random() < 0.8:
            inner.append(chance.choice([(10, chance.randint(1, 4)), (23, f"e{ts % 5}")]))
            inner.append(chance.choice([(3, [chance.randint(1, 4)]), (22, "hip_api"), (22, "io")]))
        inner += [annotation() for _ in range(chance.choice([0, 0, 1, 2, 3]))]
        track: int | None = chance.choice([None, 10 * s, 10 * s, 11, 700 + chance.randrange(30)])
        if kind == 4:
            track = 10 * s + 2
            inner = [(30, chance.randrange(-9, 1 << 30)) if chance.random() < 0.7 else (44, 1.25)]
        if chance.random() < 0.3:
            inner.append((chance.choice([47, 48]), Fixed(chance.randrange(12))))
        if chance.random() < 0.2:
            place = message((2, "a.cc"), (3, "f"), (4, 7))
            inner.append(
                chance.choice(
                    [
                        (33, place),
                        (34, 1),
                        (52, ts % 3),
                        (53, "id"),
                        (21, b""),
                        (900, b"ab"),
                        (5, 3),
                        (902, 0.5),
                        (33, b"\xff"),
                    ]
                )
            )
        clock: list[tuple[int, Value]] = [(58, 6)] if chance.random() < 0.3 else []
        late = ts
        if not clock and chance.random() < 0.1:
            clock, late = [(58, 64)], chance.randrange(40)
        body: list[tuple[int, Value]] = [(9, kind), *inner]
        if track is not None:
            body.append((11, track))
        odd = chance.random()
        if odd < 0.02:
            body.append((23, "named"))
        elif odd < 0.04:
            body.append((4, message((10, "text"), (5, 0.5))))
        elif odd < 0.05 and kind == 4:
            body = [(9, 4), (11, 10 * s + 3), (30, 5)]
        elif odd < 0.055:
            body[0] = (9, 5)
        flags = 2 if chance.random() < 0.9 else 0
        packets.append(packet(late, (11, message(*body)), *clock, sequence=s, flags=flags))
        if odd > 0.995:
            packets.append(packet(ts, interned, sequence=s, flags=1))  # defaults are forgotten
    middle = len(packets) // 2
    packed = message((50, zlib.compress(trace(*packets[middle : middle + 60]))))
    return trace(*packets[:middle], packed, *packets[middle + 60 :])


def work_trace(seed: int, count: int = 300) -> bytes:
    """Calls, kernels and copies of AMD's tools, with args of many spellings."""
    chance = random.Random(seed)
    packets = [described(1, (3, process(7, "app"))), described(2, (4, thread(7, 7, "t")), (5, 1))]
    packets += [described(u, (2, f"COMPUTE GPU [{u}] QUEUE [0] GPU"), (5, 1)) for u in (3, 4)]
    packets.append(described(5, (2, "THREAD 1 (77)"), (5, 1)))
    for n in range(count):
        category = chance.choice(["hip_api", "kernel_dispatch", "rocm_kernel_dispatch",
                                  "memory_copy", "hsa_api", "other"])  # fmt: skip
        args: dict[str, int | str] = {"corr_id": n // 2, "begin_ns": n}
        if chance.random() < 0.1:
            args = {"stack_id": -n} if chance.random() < 0.5 else {}
        if "api" not in category:
            args |= {chance.choice(["agent", "dst_agent", "node_id"]): f"GPU-{n % 3}",
                     "stream_ID": chance.randrange(3), "LDS_Block_Size": n % 2 * 512}  # fmt: skip
            sizes: list[int | str] = [256, "(64,2,1)", "(0,1,1)"]
            args |= {"workgroup_size": chance.choice(sizes), "grid_size": chance.choice(sizes)}
            args |= {"copy_bytes": chance.randrange(-1, 9)} if chance.random() < 0.7 else {}
        made: list[tuple[int, Value]] = [
            (4, message((10, key), (6 if isinstance(value, str) else 4, value)))
            for key, value in args.items()
        ]
        name = chance.choice(["MEMORY_COPY_HOST_TO_DEVICE", "MEMORY_COPY_DEVICE_TO_HOST", "k<1>"])
        track = chance.choice([2, 3, 4]) if chance.random() < 0.95 else chance.choice([5, 9])
        kind = chance.choice([1, 1, 2])
        packets.append(event(n * 10, kind, track, (23, name), (22, category), *made))
    return trace(*packets)


@pytest.mark.parametrize("seed", [*range(6), *(pytest.param(s, marks=pytest.mark.fuzz)
                                               for s in range(6, 100))])  # fmt: skip
def test_the_same_work_both_ways(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "_SHORTEST", [1, 30][seed % 2])
    compare(work_trace(seed), 1 << 22)


def kernel_trace(seed: int, count: int = 40) -> bytes:
    """Bundles of kernel events of all kinds and oddities, between other packets."""
    chance = random.Random(seed)
    packets = [snapshot((6, 1000), (3, 400))] if chance.random() < 0.8 else []
    ts = 5000

    def pid() -> int:
        return chance.choice([0, 5, 6, 7, 8, 9, 300])

    def one() -> bytes:
        nonlocal ts
        ts += chance.randrange(90)
        comm = chance.choice(["", "a", "b", "c\xff"])
        mark = chance.choice([
            f"B|{pid()}|draw", f"B|{pid()}|", f"E|{pid()}", "E", "E|", "I|5|now", "C|5|heap|7",
            f"C|6|heap|{ts}", "C|5|x|y", f"S|5|load|{ts % 3}", f"F|5|load|{ts % 3}", "N|5|t|event",
            "G|5|track|run|1", "H|5|track|run|1", "no mark", "B|x|y", "S|5|z", "B|5|draw",
        ])  # fmt: skip
        kinds = [
            (4, message((1, comm), (2, pid()), (4, ts % 3 * 128), (6, pid()), (7, 9))),
            (4, message((2, pid()), (4, 1), (5, "x"), (6, pid()), (9, "new"))),
            (20, message((1, comm), (2, pid()))), (17, message((2, pid()), (1, comm))),
            (114, message((2, pid()))), (3, message((1, 77), (2, mark + "\n"))),
            (3, message((2, mark))), (11, message((1, ts), (2, chance.randrange(3)))),
            (13, message((1, 1))), (999, b"??"),
        ]  # fmt: skip
        if chance.random() < 0.1:
            kinds = [
                (235, message((1, pid()), (2, "new"), (3, chance.choice([0, 0x10000])))),
                (236, message((1, pid()), (3, "renamed"))), (240, message((2, pid()))),
                (36, message((1, 3), (2, "irq"))), (18, message((1, pid()), (3, 1))),
                (4, b"\x08"), (113, b""), (4, message((2, 1 << 63))), (4, b"\xff" * 11),
            ]  # fmt: skip
        extra = [(5, chance.choice([0, 8, 1]))] if chance.random() < 0.3 else []
        return message((1, ts), (2, pid()), *extra, chance.choice(kinds))

    def compact() -> bytes:
        n, comms = chance.randrange(30), ["a", "b", ""]
        columns = {1: [ts, *(chance.randrange(9) for _ in range(n))]}
        for field, values in ((2, [0, 1]), (4, [99]), (3, [0, 5, 6]), (6, [0, 1, 2, 3]),
                              (8, [5, 6]), (11, [0, 9]), (12, [0, 8])):  # fmt: skip
            columns[field] = [chance.choice(values) for _ in range(n + 1)]
        columns[7] = columns[1]
        if chance.random() < 0.2:
            columns[chance.choice([2, 3, 4, 6, 8, 11, 12])].pop()
        return message(*((5, comm) for comm in comms), *columns.items())

    for _ in range(count):
        parts: list[tuple[int, Value]] = [(2, one()) for _ in range(chance.choice([0, 3, 60]))]
        parts.append((1, chance.randrange(3)))
        if chance.random() < 0.3:
            parts.append((4, compact()))
        if chance.random() < 0.1:
            parts.append(chance.choice([(3, 1), (5, 3), (8, b""), (5, 1), (1, 1 << 40)]))
        packets.append(packet(None, (1, message(*parts)), sequence=chance.choice([3, 4])))
        if chance.random() < 0.1:
            packets.append(event(ts, 1, None, (23, "other")))
            packets.append(packet(ts, (2, message((1, message((1, pid()), (3, "listed")))))))
    return trace(*packets)


@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(s, marks=pytest.mark.fuzz)
                                               for s in range(8, 200))])  # fmt: skip
def test_the_same_kernel_events_both_ways(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "_SHORTEST", [1, 6, 24][seed % 3])
    compare(kernel_trace(seed), [1 << 22, 5000][seed % 2])


@pytest.mark.parametrize("count", [8, pytest.param(100, marks=pytest.mark.fuzz)])
def test_the_same_rows_of_damaged_kernel_events(count: int) -> None:
    for damaged in runs.flips(kernel_trace(5, 12), count, "bundles"):
        compare(damaged, 1 << 22)


def compare(data: bytes, step: int) -> None:
    one, other = rows(data, "slow"), rows(data, "fast", step)
    assert one.keys() == other.keys()
    for table, expected in one.items():
        assert other[table] == expected, table


@pytest.mark.parametrize("seed", [*range(12), *(pytest.param(s, marks=pytest.mark.fuzz)
                                                for s in range(12, 300))])  # fmt: skip
def test_the_same_rows_both_ways(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "_SHORTEST", [1, 5, 48][seed % 3])
    compare(chance_trace(seed), [1 << 22, 5000, 333][seed % 3])


@pytest.mark.parametrize("name", sorted(made.SAMPLES))
def test_the_same_rows_of_the_samples(name: str) -> None:
    compare(made.SAMPLES[name](), 1 << 22)


@pytest.mark.parametrize("count", [8, pytest.param(200, marks=pytest.mark.fuzz)])
def test_the_same_rows_of_damaged_traces(count: int) -> None:
    for damaged in runs.flips(chance_trace(77, 150), count, "perfetto"):
        compare(damaged, 4096)


def test_a_real_trace_goes_through_columns(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = next((shared / "traces" / "rocprof").rglob("3635359_results.pftrace"))
    taken: list[int] = []
    run = fast.Fast.run

    def counted(self: fast.Fast, buffer: bytes, packets: Any) -> Any:
        found = run(self, buffer, packets)
        taken.append(packets.columns.shape[1] if found is not None else 0)
        return found

    monkeypatch.setattr(fast.Fast, "run", counted)
    compare(path.read_bytes(), 1 << 22)
    assert sum(taken) > 1500


def test_large_traces_are_read_fast_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    from traceql.importers.perfetto import reading

    def refuse(*_: Any) -> None:
        raise AssertionError("too small for the kernels")

    monkeypatch.setattr(reading.Reading, "_batches", refuse)
    rows(made.track_events(), "auto")
    monkeypatch.setattr(reading, "LARGE_BYTES", 1000)
    with pytest.raises(AssertionError, match="too small"):
        rows(made.track_events(), "auto")
    with pytest.raises(ValueError, match="path is auto, fast or slow"):
        Perfetto(path="quick")


def test_unplain_events_are_kept_exact() -> None:
    """Values that a double does not hold are read one by one."""
    data = trace(
        snapshot((6, 1)), described(1, (2, "c"), (8, message((6, "W")))),
        *(event(i, 4, 1, (30, (1 << 53) + 1 + i), sequence=3) for i in range(60)),
    )  # fmt: skip
    compare(data, 1 << 22)
