"""Events of the kernel: bundles of one CPU each."""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING, NamedTuple

from traceql.importers.perfetto import ftrace_messages as messages
from traceql.importers.perfetto.actors import OF_FTRACE
from traceql.importers.perfetto.atrace import Atrace
from traceql.importers.perfetto.clocks import BOOTTIME
from traceql.importers.perfetto.sched import IMPLIED, NONE, Sched
from traceql.importers.perfetto.tracks import INT32
from traceql.importers.perfetto.wire import UNKNOWN, Fields, WireError, decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from traceql.importers.perfetto.actors import Thread
    from traceql.importers.perfetto.context import Context
    from traceql.importers.perfetto.sequences import Sequence
    from traceql.importers.perfetto.tracks import Track

_CLONE_THREAD = 0x10000
_IN_INTERRUPT = 0x18
"""Flags of an event that happened in a hard or soft interrupt."""
_SOFTIRQS = ("HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER",
             "RCU")  # fmt: skip
_COMMON = frozenset({"timestamp", "pid", "common_flags", UNKNOWN})
_OWN_CLOCKS = (2, 3, 4)
_COMPACT_PARTS = (
    ("switch_timestamp", "switch_prev_state", "switch_next_pid", "switch_next_comm_index"),
    ("waking_timestamp", "waking_pid", "waking_comm_index"),
)


class Where(NamedTuple):
    """Of an event: time, CPU, thread and flags."""

    ts: int
    cpu: int
    tid: int
    flags: int


class Ftrace:
    """Reads `ftrace_events` packets."""

    def __init__(self, context: Context) -> None:
        self._context, self._actors = context, context.actors
        self.sched = Sched(context)
        self.atrace = Atrace(context)
        self._idle: set[int] = set()
        self._readers: dict[str, Callable[[bytes, Where, Sequence], None]] = {
            "print": self._print,
            "tracing_mark_write": self._mark,
            "sched_switch": self._switch,
            "sched_waking": self._waking,
            "sched_wakeup": self._wakeup,
            "sched_wakeup_new": self._waking,
            "sched_blocked_reason": self._blocked,
            "sched_process_exit": self._exit,
            "sched_process_free": self._free,
            "task_newtask": self._newtask,
            "task_rename": self._rename,
            "cpu_frequency": self._frequency,
            "cpu_idle": self._cpu_idle,
            "gpu_frequency": self._gpu_frequency,
            "gpu_mem_total": self._gpu_memory,
            "irq_handler_entry": self._irq_entry,
            "irq_handler_exit": self._irq_exit,
            "softirq_entry": self._softirq_entry,
            "softirq_exit": self._softirq_exit,
            "suspend_resume": self._suspend,
        }

    def bundle(self, data: bytes, sequence: Sequence) -> None:
        """Read a bundle; damaged events in it are counted and left out.

        Raises:
            WireError: it is damaged itself.
        """
        bundle = decode(messages.BUNDLE, data)
        count = self._context.diagnostics.count
        cpu = bundle.get("cpu", 0)
        if cpu >= INT32:
            raise WireError("a CPU of a number that none has")
        if bundle.get("lost_events"):
            count("ftrace_cpu_has_data_loss")
        count("ftrace_bundle_tokenizer_errors", n=len(bundle.get("error", ())))
        shift = self._shift(bundle)
        if shift is None:
            count("ftrace_clock_unrelated")
            return
        if "compact_sched" in bundle:
            self.compact(decode(messages.COMPACT_SCHED, bundle["compact_sched"]), cpu, shift,
                          sequence)  # fmt: skip
        for raw in bundle.get("event", ()):
            try:
                self.event(decode(messages.EVENT, raw), cpu, shift, sequence)
            except WireError:
                count("message_damaged")

    def _shift(self, bundle: Fields) -> int | None:
        """Give what leads from the clock of a bundle to that of boot time."""
        clock = bundle.get("ftrace_clock", 0)
        if clock not in _OWN_CLOCKS:
            return 0
        if "ftrace_timestamp" in bundle and "boot_timestamp" in bundle:
            return int(bundle["boot_timestamp"] - bundle["ftrace_timestamp"])
        return None

    def event(self, event: Fields, cpu: int, shift: int, sequence: Sequence) -> None:
        """Read one event; `shift` leads from its clock to that of boot time.

        Raises:
            WireError: it is damaged.
        """
        ts = self._context.ts(event.get("timestamp", 0) + shift, BOOTTIME, sequence)
        if ts is None:
            return
        where = Where(ts, cpu, event.get("pid", 0), event.get("common_flags", 0))
        for name, content in event.items():
            if name not in _COMMON:
                self._readers[name](content, where, sequence)
        for number, _ in event.get(UNKNOWN, ()):
            self._context.diagnostics.count("ftrace_event_unread")
            self._context.unread[f"ftrace.unread.{number}"] += 1

    def thread(self, tid: int, comm: str | None = None) -> Thread:
        """Give the thread that has a tid now, and the name that the kernel calls it by."""
        thread = self._actors.thread_of(tid)
        if tid == 0:
            self._idle.add(thread.utid)
        elif comm and thread.sure <= OF_FTRACE:
            thread.call(comm, OF_FTRACE)
        return thread

    def _switch(self, data: bytes, where: Where, _: Sequence) -> None:
        e = decode(messages.SWITCH, data)
        before = self.thread(e.get("prev_pid", 0), e.get("prev_comm"))
        after = self.thread(e.get("next_pid", 0), e.get("next_comm"))
        self.sched.switch(
            where.ts, where.cpu, before.utid, e.get("prev_state", 0), after.utid,
            e.get("next_prio", 0),
        )  # fmt: skip

    def _waking(self, data: bytes, where: Where, _: Sequence) -> None:
        self._wake(data, where, is_waking=True)

    def _wakeup(self, data: bytes, where: Where, _: Sequence) -> None:
        self._wake(data, where, is_waking=False)

    def _wake(self, data: bytes, where: Where, *, is_waking: bool) -> None:
        e = decode(messages.WAKING, data)
        thread = self.thread(e.get("pid", 0), e.get("comm"))
        waker = NONE if where.flags & _IN_INTERRUPT else self.thread(where.tid).utid
        self.sched.wake(where.ts, where.cpu, thread.utid, waker, is_waking=is_waking)

    def compact(self, e: Fields, cpu: int, shift: int, sequence: Sequence) -> None:
        """Read scheduling events written as columns; times are differences."""
        comms: list[str] = e.get("intern_table", [])
        switches, wakings = ([e.get(name, []) for name in part] for part in _COMPACT_PARTS)
        lengths = {len(column) for column in switches}, {len(column) for column in wakings}
        if any(len(found) > 1 for found in lengths):
            self._context.diagnostics.count("compact_sched_damaged")
        time = shift
        priorities = chain(e.get("switch_next_prio", ()), repeat(0))
        for (delta, state, tid, comm), priority in zip(zip(*switches, strict=False), priorities,
                                                       strict=False):  # fmt: skip
            time += delta
            ts = self._context.ts(time, BOOTTIME, sequence)
            if ts is not None:
                after = self.thread(tid, comms[comm] if comm < len(comms) else None)
                self.sched.switch(ts, cpu, IMPLIED, state, after.utid, priority)
        time = shift
        flags = e.get("waking_common_flags", [])
        for number, (delta, tid, comm) in enumerate(zip(*wakings, strict=False)):
            time += delta
            ts = self._context.ts(time, BOOTTIME, sequence)
            if ts is not None:
                thread = self.thread(tid, comms[comm] if comm < len(comms) else None)
                interrupt = number < len(flags) and flags[number] & _IN_INTERRUPT
                self.sched.wake(ts, cpu, thread.utid, NONE if interrupt else IMPLIED,
                                is_waking=True)  # fmt: skip

    def _blocked(self, data: bytes, where: Where, sequence: Sequence) -> None:
        e = decode(messages.BLOCKED_REASON, data)
        caller = e.get("caller")
        function = sequence.text("kernel_symbols", caller) if caller else None
        thread = self.thread(e.get("pid", 0))
        self.sched.blocked(where.ts, thread.utid, min(e.get("io_wait", 0), 1), function)

    def _exit(self, data: bytes, where: Where, _: Sequence) -> None:
        e = decode(messages.PROCESS_EXIT, data)
        thread = self.thread(e.get("pid", 0), e.get("comm"))
        if e.get("tgid"):
            self._actors.thread(thread.tid, e["tgid"])
        thread.end_ts = where.ts

    def _free(self, data: bytes, where: Where, _: Sequence) -> None:
        e = decode(messages.PROCESS_EXIT, data)
        self._actors.end(e.get("pid", 0), where.ts)

    def _newtask(self, data: bytes, where: Where, _: Sequence) -> None:
        e = decode(messages.NEWTASK, data)
        parent, tid = self.thread(where.tid), e.get("pid", 0)
        if e.get("clone_flags", 0) & _CLONE_THREAD:
            thread = self._actors.start_thread(tid, where.ts, parent.process)
            thread.call(e.get("comm"), OF_FTRACE)
            return
        process = self._actors.start_process(tid, where.ts, parent.process)
        self._actors.thread(tid, tid).call(e.get("comm"), OF_FTRACE)
        if process.sure <= OF_FTRACE:
            process.name, process.sure = e.get("comm"), OF_FTRACE

    def _rename(self, data: bytes, _: Where, __: Sequence) -> None:
        e = decode(messages.RENAME, data)
        thread = self.thread(e.get("pid", 0), e.get("newcomm"))
        process = thread.process
        if process is not None and process.pid == thread.tid and process.sure <= OF_FTRACE:
            process.name, process.sure = e.get("newcomm"), OF_FTRACE

    def _print(self, data: bytes, where: Where, _: Sequence) -> None:
        text = decode(messages.PRINT, data).get("buf", "")
        self.atrace.text(text, where.ts, where.tid)

    def _mark(self, data: bytes, where: Where, _: Sequence) -> None:
        e = decode(messages.MARK, data)
        kind = "B" if e.get("trace_begin") else "E"
        self.atrace.text(f"{kind}|{e.get('pid', 0)}|{e.get('trace_name', '')}", where.ts, where.tid)

    def _frequency(self, data: bytes, where: Where, _: Sequence) -> None:
        e = decode(messages.CPU_STATE, data)
        track = self._context.tracks.counter("cpufreq", cpu=e.get("cpu_id", 0), unit="kHz")
        self._context.count_value(track, where.ts, float(e.get("state", 0)))

    def _cpu_idle(self, data: bytes, where: Where, _: Sequence) -> None:
        e = decode(messages.CPU_STATE, data)
        track = self._context.tracks.counter("cpuidle", cpu=e.get("cpu_id", 0))
        self._context.count_value(track, where.ts, float(e.get("state", 0)))

    def _gpu_frequency(self, data: bytes, where: Where, _: Sequence) -> None:
        e = decode(messages.GPU_FREQUENCY, data)
        track = self._context.tracks.counter("gpufreq", device_id=e.get("gpu_id", 0), unit="kHz")
        self._context.count_value(track, where.ts, float(e.get("state", 0)))

    def _gpu_memory(self, data: bytes, where: Where, _: Sequence) -> None:
        self.gpu_memory(decode(messages.GPU_MEMORY, data), where.ts)

    def gpu_memory(self, e: Fields, ts: int) -> None:
        """Count what a process, or all of them, hold of the memory of a device."""
        pid = e.get("pid", 0)
        track = self._context.tracks.counter(
            "GPU Memory", process=self._actors.process(pid) if pid else None,
            device_id=e.get("gpu_id", 0), unit="bytes",
        )  # fmt: skip
        self._context.count_value(track, ts, float(e.get("size", 0)))

    def _irq_entry(self, data: bytes, where: Where, _: Sequence) -> None:
        e = decode(messages.IRQ_ENTRY, data)
        track = self._context.tracks.on_cpu("cpu_irq", f"Irq Cpu {where.cpu}", where.cpu)
        args = f'{{"irq":{e.get("irq", 0)}}}'
        self._edge(track, where, f"IRQ ({e.get('name', '')})", args)

    def _irq_exit(self, data: bytes, where: Where, _: Sequence) -> None:
        e = decode(messages.IRQ_EXIT, data)
        track = self._context.tracks.on_cpu("cpu_irq", f"Irq Cpu {where.cpu}", where.cpu)
        result = "handled" if e.get("ret") == 1 else "unhandled"
        self._edge(track, where, None, f'{{"irq":{e.get("irq", 0)},"ret":"{result}"}}')

    def _softirq_entry(self, data: bytes, where: Where, _: Sequence) -> None:
        vec = decode(messages.SOFTIRQ, data).get("vec", 0)
        track = self._context.tracks.on_cpu("cpu_softirq", f"SoftIrq Cpu {where.cpu}", where.cpu)
        name = _SOFTIRQS[vec] if vec < len(_SOFTIRQS) else f"SoftIrq {vec}"
        self._edge(track, where, name, f'{{"vec":{vec}}}')

    def _softirq_exit(self, _: bytes, where: Where, __: Sequence) -> None:
        track = self._context.tracks.on_cpu("cpu_softirq", f"SoftIrq Cpu {where.cpu}", where.cpu)
        self._edge(track, where, None, None)

    def _suspend(self, data: bytes, where: Where, _: Sequence) -> None:
        e = decode(messages.SUSPEND, data)
        name = f"{e.get('action', '')}({e.get('val', 0)})"
        track, _new = self._context.tracks.get("suspend_resume", None, "Suspend/Resume Latency")
        self._context.rows["edge"].append((
            self._context.ordinal(), where.ts, track.track_id, not e.get("start"), name,
            None, None, None, None, None,
        ))  # fmt: skip

    def _edge(self, track: Track, where: Where, name: str | None, args: str | None) -> None:
        self._context.rows["edge"].append((
            self._context.ordinal(), where.ts, track.track_id, name is None, name, None, None,
            None, args, None,
        ))  # fmt: skip

    @property
    def idle(self) -> set[int]:
        """Utids of the idle threads."""
        return self._idle
