"""Kernel events in Perfetto traces: scheduling against a state machine by hand, and the rest."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from perfetto_encoder import Value, event, message, packet, trace
from test_perfetto_events import MAIN, PROCESS, Asked

from traceql.importers.perfetto.task_states import task_state

SWITCH, WAKING, PRINT = 4, 20, 3
_STATES = {0: "R", 0x100: "R+", 1: "S", 2: "D"}


def bundle(cpu: int, *events: bytes, **keys: Value) -> bytes:
    numbers = {"compact": 4, "clock": 5, "ftrace": 6, "boot": 7}
    more = [(numbers[name], value) for name, value in keys.items()]
    return packet(None, (1, message((1, cpu), *((2, e) for e in events), *more)))


def kernel(ts: int, tid: int, kind: int, *fields: tuple[int, Value], flags: int = 0) -> bytes:
    named: list[tuple[int, Value]] = [(1, ts), (2, tid), (kind, message(*fields))]
    return message(*named, (5, flags)) if flags else message(*named)


def mark(ts: int, tid: int, text: str) -> bytes:
    return kernel(ts, tid, PRINT, (2, text + "\n"))


@dataclass
class Machine:
    """Threads on CPUs, at random; what happened is kept beside what is written."""

    seed: int
    cpus: int = 3
    switches: dict[int, list[tuple[int, int, int, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """By CPU: time, thread that left, its state, thread that came."""
    wakings: dict[int, list[tuple[int, int, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """By CPU: time, thread woken, thread that woke it."""

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        running = dict.fromkeys(range(self.cpus), 0)
        ready, asleep = set(range(100, 110)), set(range(110, 116))
        for ts in range(1000, 1000 + 7 * 300, 7):
            cpu = chance.randrange(self.cpus)
            if asleep and chance.random() < 0.4:
                tid = chance.choice(sorted(asleep))
                asleep.discard(tid)
                ready.add(tid)
                self.wakings[cpu].append((ts, tid, running[cpu]))
                continue
            before, state = running[cpu], chance.choice(sorted(_STATES))
            after = chance.choice([0, *sorted(ready)])
            if before == after:
                continue
            ready.discard(after)
            if before:
                (ready if _STATES[state][0] == "R" else asleep).add(before)
            running[cpu] = after
            self.switches[cpu].append((ts, before, state if before else 0, after))

    def sched(self) -> list[tuple[Any, ...]]:
        rows = []
        for cpu, events in self.switches.items():
            for one, following in zip(events, [*events[1:], None], strict=True):
                end = following and (following[0] - one[0], _STATES[following[2]])
                rows.append((one[0], *(end[:1] if end else (-1,)), cpu, one[3],
                             end[1] if end else None))  # fmt: skip
        return sorted(rows)

    def states(self, *, compact: bool) -> list[tuple[Any, ...]]:
        """Go through the events of all CPUs in order of time.

        Compact wakeups do not say who woke: it is who runs there, once a switch has told.
        """
        told: set[int] = set()
        now: dict[int, tuple[Any, ...]] = {}
        rows = []

        def enter(tid: int, ts: int, state: str, cpu: int | None, waker: int | None) -> None:
            if tid:
                if tid in now:
                    rows.append((now[tid][0], ts - now[tid][0], *now[tid][1:]))
                now[tid] = (ts, tid, state, cpu, waker)

        events = [(ts, 0, cpu, a, b, c) for cpu, s in self.switches.items() for ts, a, b, c in s]
        events += [(ts, 1, cpu, a, b, 0) for cpu, w in self.wakings.items() for ts, a, b in w]
        for ts, is_waking, cpu, a, b, c in sorted(events):
            if is_waking:
                if a not in now or now[a][2] in {"S", "D"}:
                    enter(a, ts, "R", None, None if compact and cpu not in told else b)
            else:
                enter(a, ts, _STATES[b], None, None)
                enter(c, ts, "Running", cpu, None)
                told.add(cpu)
        rows += [(ts, -1, *rest) for ts, *rest in now.values()]
        return sorted(rows, key=lambda row: (row[0], row[2]))

    def written(self, *, compact: bool) -> bytes:
        """Write bundles, CPU after CPU, in pieces of ten events."""
        packets = [packet(None, (45, message((1, message((3, "6.1.0"))))))]
        for cpu in range(self.cpus):
            switches, wakings = self.switches[cpu], self.wakings[cpu]
            for start in range(0, max(len(switches), len(wakings)), 10):
                some, woken = switches[start : start + 10], wakings[start : start + 10]
                if compact:
                    packets.append(bundle(cpu, compact=_compact(some, woken)))
                    continue
                events = [
                    kernel(ts, a, SWITCH, (2, a), (4, state), (5, f"t{c}"), (6, c))
                    for ts, a, state, c in some
                ] + [kernel(ts, waker, WAKING, (1, f"t{a}"), (2, a)) for ts, a, waker in woken]
                packets.append(bundle(cpu, *events))
        return trace(*packets)


def _compact(
    switches: list[tuple[int, int, int, int]], wakings: list[tuple[int, int, int]]
) -> bytes:
    names = sorted({f"t{s[3]}" for s in switches} | {f"t{w[1]}" for w in wakings})

    def deltas(times: list[int]) -> list[int]:
        return [b - a for a, b in zip([0, *times], times, strict=False)]

    return message(
        (1, deltas([s[0] for s in switches])), (2, [s[2] for s in switches]),
        (3, [s[3] for s in switches]), *((5, name) for name in names),
        (6, [names.index(f"t{s[3]}") for s in switches]),
        (7, deltas([w[0] for w in wakings])), (8, [w[1] for w in wakings]),
        (11, [names.index(f"t{w[1]}") for w in wakings]),
    )  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("compact", [False, True])
def test_scheduling_is_what_happened(seed: int, compact: bool, tmp_path: Path) -> None:
    machine = Machine(seed)
    ask = Asked(machine.written(compact=compact), tmp_path)
    found = ask(
        "SELECT s.ts, s.dur, s.cpu, t.tid, s.end_state FROM sched s JOIN thread t USING (utid) "
        "ORDER BY ALL"
    )
    assert found == machine.sched()
    states = ask(
        "SELECT s.ts, s.dur, t.tid, s.state, s.cpu, w.tid FROM thread_state s "
        "JOIN thread t USING (utid) LEFT JOIN thread w ON w.utid = s.waker_utid ORDER BY s.ts, 3"
    )
    assert states == machine.states(compact=compact)
    names = dict(ask("SELECT tid, name FROM thread"))
    assert all(name == f"t{tid}" for tid, name in names.items() if tid and name)
    assert names[0] == "swapper"


def test_why_a_thread_was_blocked(tmp_path: Path) -> None:
    symbols = (12, message((26, message((1, 9), (2, "io_schedule")))))
    ask = Asked(trace(
        packet(None, symbols, flags=1),
        bundle(0,
               kernel(10, 5, SWITCH, (2, 5), (4, 2), (6, 0)),
               kernel(30, 6, 18, (1, 5), (2, 9), (3, 1)),
               kernel(31, 6, WAKING, (2, 5), flags=0x10),
               kernel(40, 0, SWITCH, (2, 0), (4, 0), (6, 5)),
               kernel(50, 5, SWITCH, (2, 7), (4, 1), (6, 0))),
    ), tmp_path)  # fmt: skip
    assert ask(
        "SELECT s.ts, s.dur, s.state, s.io_wait, s.blocked_function, s.waker_utid "
        "FROM thread_state s JOIN thread t USING (utid) WHERE t.tid = 5 ORDER BY s.ts"
    ) == [
        (10, 21, "D", True, "io_schedule", None), (31, 9, "R", None, None, None),
        (40, -1, "Running", None, None, None),
    ]  # fmt: skip
    assert ask.codes()["mismatched_sched_switch_tids"] == 1  # 5 had entered, 7 left


def test_marks_of_programs_are_slices_counters_and_async_slices(tmp_path: Path) -> None:
    ask = Asked(trace(
        PROCESS, MAIN,
        bundle(0, mark(10, 5, "B|5|draw|it"), mark(12, 5, "B|5|inner"), mark(14, 5, "E|5"),
               mark(20, 5, "E"), mark(30, 6, "C|5|queue|7"), mark(31, 6, "S|5|load|42"),
               mark(35, 5, "F|5|load|42"), mark(36, 6, "I|5|now"), mark(37, 6, "hello"),
               mark(38, 6, "N|5|marks|here"), mark(40, 6, "G|5|frames|frame 1|3"),
               mark(44, 6, "H|5|frames|3")),
    ), tmp_path)  # fmt: skip
    assert ask("SELECT s.name, s.ts, s.dur, s.depth, k.name, t.tid FROM slice s "
               "JOIN track k ON k.id = s.track_id LEFT JOIN thread t USING (utid) "
               "ORDER BY s.ts") == [
        ("draw|it", 10, 10, 0, None, 5), ("inner", 12, 2, 1, None, 5),
        ("load", 31, 4, 0, "load", None), ("now", 36, 0, 0, None, 6),
        ("here", 38, 0, 0, "marks", None), ("frame 1", 40, 4, 0, "frames", None),
    ]  # fmt: skip
    assert ask("SELECT c.ts, c.value, k.name, p.pid FROM counter c JOIN process_counter_track k "
               "ON k.id = c.track_id JOIN process p USING (upid)") == [
        (30, 7, "queue", 5)
    ]  # fmt: skip
    assert ask("SELECT tid, pid FROM thread t JOIN process USING (upid) ORDER BY 1") == [
        (5, 5), (6, 5)
    ]  # fmt: skip
    assert ask.codes()["atrace_unread"] == 1


def test_frequencies_interrupts_and_what_is_not_read(tmp_path: Path) -> None:
    ask = Asked(trace(
        bundle(1, kernel(10, 0, 11, (1, 2_000_000), (2, 3)),
               kernel(11, 0, 13, (1, 2**32 - 1), (2, 1)),
               kernel(12, 0, 332, (1, 0), (2, 800_000)),
               kernel(20, 0, 36, (1, 44), (2, "eth0")), kernel(25, 0, 37, (1, 44), (2, 1)),
               kernel(30, 0, 24, (1, 3)), kernel(38, 0, 25, (1, 3)),
               kernel(40, 0, 113, (1, "suspend"), (2, 1), (3, 1)),
               kernel(49, 0, 113, (1, "suspend"), (2, 1), (3, 0)),
               kernel(50, 0, 400, (1, 1)), kernel(51, 0, 401, (1, 1)), kernel(52, 0, 400, (1, 1))),
    ), tmp_path)  # fmt: skip
    assert ask("SELECT k.name, k.cpu, k.unit, c.value FROM counter c JOIN track k "
               "ON k.id = c.track_id ORDER BY c.ts") == [
        ("cpufreq", 3, "kHz", 2e6), ("cpuidle", 1, None, 2**32 - 1), ("gpufreq", None, "kHz", 8e5),
    ]  # fmt: skip
    assert ask("SELECT s.name, s.dur, k.type, k.cpu FROM slice s JOIN track k "
               "ON k.id = s.track_id ORDER BY s.ts") == [
        ("IRQ (eth0)", 5, "cpu_irq", 1), ("NET_RX", 8, "cpu_softirq", 1),
        ("suspend(1)", 9, "suspend_resume", None),
    ]  # fmt: skip
    assert ask.codes()["ftrace_event_unread"] == 3
    assert dict(ask("SELECT name, int_value FROM metadata")) == {
        "ftrace.unread.400": 2, "ftrace.unread.401": 1,
    }  # fmt: skip


def test_tasks_are_born_renamed_and_die(tmp_path: Path) -> None:
    ask = Asked(trace(
        packet(5, (2, message((1, message((1, 1), (3, "/sbin/init"))),
                              (1, message((1, 50), (2, 1), (3, "sh"), (3, "-c"))),
                              (2, message((1, 51), (2, "helper"), (3, 50)))))),
        bundle(0, kernel(10, 50, 235, (1, 60), (2, "sh")),
               kernel(11, 60, 236, (1, 60), (2, "sh"), (3, "make")),
               kernel(12, 60, 235, (1, 61), (2, "make"), (3, 0x10000)),
               kernel(20, 61, 238, (2, 61)), kernel(21, 0, 240, (2, 61)),
               kernel(22, 0, 240, (2, 60)), kernel(30, 50, 235, (1, 60), (2, "again"))),
    ), tmp_path)  # fmt: skip
    assert ask("SELECT p.pid, p.name, p.start_ts, p.end_ts, q.pid, p.cmdline FROM process p "
               "LEFT JOIN process q ON q.upid = p.parent_upid ORDER BY p.upid") == [
        (1, "/sbin/init", None, None, None, "/sbin/init"), (50, "sh", None, None, 1, "sh -c"),
        (60, "make", 10, 22, 50, None), (60, "again", 30, None, 50, None),
    ]  # fmt: skip
    assert ask("SELECT t.tid, t.name, p.start_ts, t.end_ts FROM thread t JOIN process p "
               "USING (upid) WHERE t.tid > 50 ORDER BY t.utid") == [
        (51, "helper", None, None), (60, "make", 10, 22), (61, "make", 10, 21),
        (60, "again", 30, None),
    ]  # fmt: skip


def test_memory_and_time_of_processes_and_of_the_system(tmp_path: Path) -> None:
    ask = Asked(trace(
        PROCESS,
        packet(10, (9, message((1, message((1, 5), (3, 4), (4, 2), (10, -900)))))),
        packet(20, (7, message((1, message((1, 2), (2, 3))), (2, message((1, 1), (2, 77))),
                               (3, message((1, 1), (2, 500), (5, 600))), (4, 12),
                               (11, 1_500_000), (15, message((1, "tz0"), (2, 45), (3, "cpu")))))),
        packet(30, (38, message((1, 100), (5, ""), (7, 3_700_000)))),
        packet(40, (40, message((1, message((1, 2), (2, "core"))),
                                (2, message((1, 2), (2, 5), (3, 2_500_000)))))),
    ), tmp_path)  # fmt: skip
    assert ask("SELECT k.name, k.unit, k.cpu, c.ts, c.value FROM counter c JOIN track k "
               "ON k.id = c.track_id ORDER BY c.ts, k.name") == [
        ("mem.rss", "bytes", None, 10, 4096), ("mem.rss.anon", "bytes", None, 10, 2048),
        ("oom_score_adj", None, None, 10, -900),
        ("MemFree", "bytes", None, 20, 3072), ("cpu", "°C", None, 20, 45),
        ("cpu.times.idle_ns", "ns", 1, 20, 600), ("cpu.times.user_ns", "ns", 1, 20, 500),
        ("cpufreq", "kHz", 0, 20, 1.5e6), ("nr_free_pages", None, None, 20, 77),
        ("num_forks", "count", None, 20, 12),
        ("batt.charge_uah", "µAh", None, 30, 100), ("batt.voltage_uv", "µV", None, 30, 3.7e6),
        ("power.rails.core", "J", None, 5_000_000, 2.5),
    ]  # fmt: skip


def test_counters_and_stages_of_a_gpu(tmp_path: Path) -> None:
    spec = message((1, message((1, 4), (2, "power"), (7, 29))),
                   (1, message((1, 5), (2, "reads"), (7, 7), (8, 22))))  # fmt: skip
    names = (12, message((24, message((1, 1), (2, "Queue A"))),
                         (24, message((1, 2), (2, "Dispatch"), (4, 2))),
                         (24, message((1, 3), (2, "Fragment"), (4, 1)))))  # fmt: skip
    launch = message((1, message((1, 8), (2, 2))), (2, message((1, 64))))
    ask = Asked(trace(
        packet(10, (52, message((1, spec), (2, message((1, 4), (2, 1))), (3, 1)))),
        packet(20, (52, message((2, message((1, 4), (3, 2.5))),
                                (2, message((1, 5), (2, 9))), (3, 1)))),
        packet(30, (52, message((2, message((1, 4), (3, 3.5))),
                                (2, message((1, 5), (2, 8))), (3, 1)))),
        packet(None, names, flags=1),
        packet(40, (53, message((1, 1), (2, 7), (13, 1), (14, 3), (11, 1), (10, 99),
                                (6, message((1, "k"), (2, "v")))))),
        packet(50, (53, message((1, 2), (2, 5), (13, 1), (14, 2), (11, 1), (17, "axpy"),
                                (21, launch)))),
    ), tmp_path)  # fmt: skip
    assert ask("SELECT k.name, k.unit, k.gpu_id, c.ts, c.value FROM counter c "
               "JOIN gpu_counter_track k ON k.id = c.track_id ORDER BY c.ts, k.name") == [
        ("power", "W", 1, 10, 2.5), ("power", "W", 1, 20, 3.5), ("reads", "B/s", 1, 20, 8),
    ]  # fmt: skip
    assert ask("SELECT s.name, s.ts, s.dur, k.name, s.args FROM slice s JOIN track k "
               "ON k.id = s.track_id ORDER BY s.ts") == [
        ("Fragment", 40, 7, "Queue A", '{"submission_id":99,"event_id":1,"k":"v"}'),
        ("axpy", 50, 5, "Queue A", '{"event_id":2}'),
    ]  # fmt: skip
    assert ask("SELECT s.name, g.kind, g.device_id, g.grid_x, g.grid_y, g.grid_z, g.block_x "
               "FROM gpu_op g JOIN slice s ON s.id = g.slice_id") == [
        ("axpy", "kernel", 1, 8, 2, 1, 64)
    ]  # fmt: skip


def test_devices_waits_and_counters_that_look_forwards(tmp_path: Path) -> None:
    gpu = message((1, "A100"), (2, "NVIDIA"), (5, bytes(range(16))),
                  (6, message((1, "driver"), (2, "535"))))  # fmt: skip
    spec = message((1, message((1, 1), (2, "load"), (7, 25), (8, 21), (8, 22), (11, 2))))
    register = message((2, "registers_per_thread"), (4, 32))
    ask = Asked(trace(
        packet(None, (128, message((1, gpu)))),
        packet(10, (52, message((1, spec), (2, message((1, 1), (2, 100)))))),
        packet(20, (52, message((2, message((1, 1), (2, 0)))))),
        packet(30, (53, message((1, 1), (2, 5), (3, 0), (17, "first")))),
        packet(40, (53, message((1, 2), (2, 5), (3, 1), (17, "second"), (18, 1),
                                (21, message((3, register)))))),
        packet(50, (53, message((1, 3), (2, 5), (3, 1), (17, "third"), (18, 1), (18, 99)))),
    ), tmp_path)  # fmt: skip
    assert ask("SELECT name, vendor, uuid, args FROM device") == [
        ("A100", "nvidia", bytes(range(16)).hex(), '{"driver":"535"}')
    ]  # fmt: skip
    assert ask("SELECT k.unit, c.ts, c.value FROM counter c JOIN track k "
               "ON k.id = c.track_id ORDER BY 2") == [
        ("Vertex/ms:s", 10, 100), ("Vertex/ms:s", 20, 0),
    ]  # fmt: skip
    assert ask("SELECT o.name, i.name FROM flow f JOIN slice o ON o.id = f.slice_out "
               "JOIN slice i ON i.id = f.slice_in ORDER BY i.ts") == [
        ("first", "second"), ("first", "third"),
    ]  # fmt: skip
    assert ask("SELECT registers_per_thread FROM gpu_op") == [(32,)]


def test_kernels_know_their_launches_names_and_limits(tmp_path: Path) -> None:
    """As tools on CUPTI write them: fields 1000 and 1001 of interned data, 3000 of events."""
    static = message((1, 1), (4, 1024))
    interned = (12, message(
        (23, message((1, 1), (2, 5), (3, 4))), (24, message((1, 1), (2, "Stream 7"), (4, 2))),
        (24, message((1, 2), (2, "Kernel"), (4, 2))),
        (1000, message((1, 1), (2, "_Z4axpy"), (3, "axpy(float*)"), (4, "sm_80"), (5, static))),
        (1001, message((1, 1), (2, "shared_mem_static"))),
    ))  # fmt: skip
    launch = message((1, message((1, 256))), (2, message((1, 128), (2, 2))),
                     (3, message((2, "shared_mem_dynamic"), (4, 4096))))  # fmt: skip
    submits = (3000, message((1, 70), (1, 71)))
    ask = Asked(trace(
        MAIN, packet(None, interned, flags=1),
        event(5, 1, 11, (23, "cudaGraphLaunch"), submits), event(9, 2, 11),
        packet(20, (53, message((1, 70), (2, 5), (13, 1), (14, 2), (5, 1), (19, 1),
                                (21, launch))), flags=2),
        packet(30, (53, message((1, 71), (2, 5), (13, 1), (14, 2), (5, 1))), flags=2),
    ), tmp_path)  # fmt: skip
    assert ask("SELECT s.name, l.name, g.grid_x, g.block_y, g.shared_bytes, g.correlation_id "
               "FROM gpu_op g JOIN slice s ON s.id = g.slice_id "
               "JOIN slice l ON l.id = g.launch_slice_id ORDER BY s.ts") == [
        ("axpy(float*)", "cudaGraphLaunch", 256, 2, 5120, 70),
        ("Kernel", "cudaGraphLaunch", None, None, None, 71),
    ]  # fmt: skip
    ((args,),) = ask("SELECT args FROM slice WHERE name = 'axpy(float*)'")
    assert json.loads(args) == {
        "context": 1, "event_id": 70, "pid": 5, "api": "CUDA", "kernel_name": "_Z4axpy",
        "arch": "sm_80", "shared_mem_static": 1024, "shared_mem_dynamic": 4096,
    }  # fmt: skip


def test_numbers_beyond_all_bounds_are_no_error(tmp_path: Path) -> None:
    huge = 2**64 - 1
    odd = message((2, "x"), (5, float("nan")))
    ask = Asked(trace(
        MAIN, packet(1, (66, message((17, huge)))), packet(2, (66, message((17, huge)))),
        packet(3, (53, message((1, huge), (2, 5), (3, -1), (4, -1), (11, 2**31),
                                (21, message((3, odd)))))),
        packet(4, (52, message((2, message((1, 2**32 - 1), (2, 1))), (3, -5)))),
        packet(huge, (9, message((1, message((1, 5), (3, huge)))))),
        packet(5, (9, message((1, message((1, -7), (3, huge)))))),
        packet(6, (7, message((3, message((1, 2**32 - 1), (2, huge))), (4, huge)))),
        packet(7, (54, message((1, [1, 2]), (2, [2**62, 2**62])))),
        bundle(3, kernel(8, 2**32 - 1, SWITCH, (2, -1), (4, -1), (6, 2**31 - 1)),
               kernel(9, 1, 11, (1, 2**32 - 1), (2, 2**32 - 1)), kernel(huge, 1, 13)),
        packet(9, (89, message((1, huge), (2, huge)))),
        packet(10, (45, message((16, huge), (3, -(2**63))))),
    ), tmp_path)  # fmt: skip
    assert ask.codes()["perf_samples_lost"] == 2**63 - 1
    assert ask("SELECT args FROM slice")[0][0].endswith('"x":"nan"}')


def test_losses_that_the_trace_counts_are_said(tmp_path: Path) -> None:
    def cpus(phase: int, overrun: int) -> bytes:
        return packet(None, (34, message((1, phase), (2, message((1, 0), (3, overrun))))))

    ask = Asked(trace(
        PROCESS, cpus(1, 100), cpus(2, 130),
        packet(None, (35, message((1, message((3, 5), (19, 2))), (1, message((19, 3)))))),
    ), tmp_path)  # fmt: skip
    assert ask.codes() == {
        "ftrace_cpu_overrun": 30, "traced_buf_chunks_overwritten": 5,
        "traced_buf_trace_writer_packet_loss": 5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "release", "letters"),
    [
        (0, "6.8.0", "R"), (0x100, "6.8.0", "R+"), (1, "", "S"), (0x82, "5.10", "DI"),
        (0x80, "4.9", "K"), (0x1000, "4.9", "R+"), (0x800, "3.18.1", "R+"), (0x20, "5.4", "Z"),
    ],
)  # fmt: skip
def test_states_are_letters_of_the_kernel(state: int, release: str, letters: str) -> None:
    assert task_state(state, release) == letters
