"""INCLUDE PERFETTO MODULE: which modules there are, and what lies in a user's own folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from traceql.query import library
from traceql.query.perfetto import standard

_ALWAYS_THERE = (
    "slices.slices", "slices.with_context", "slices.self_dur", "slices.hierarchy",
    "time.conversion", "counters.intervals", "prelude", "prelude.after_eof.core",
    "prelude.after_eof.slices", "prelude.after_eof.counters", "prelude.after_eof.tables_views",
    "common.slices", "common.counters", "common.timestamps", "common.args", "experimental.slices",
    "std.metasql.unparenthesize", "metasql.column_list", "sched.with_context", "sched.runnable",
    "linux.cpu.utilization.general", "linux.cpu.utilization.system", "linux.memory.general",
    "linux.memory.high_watermark", "linux.perf.samples", "stacks.cpu_profiling",
    "callstacks.stack_profile", "intervals.create_intervals", "intervals.self_intersect",
    "linux.cpu.utilization.process", "linux.cpu.utilization.thread", "linux.cpu.utilization.slice",
    "linux.cpu.utilization.thread_cpu", "linux.cpu.idle_stats", "linux.cpu.idle_time_in_state",
    "linux.cpu_idle", "linux.block_io", "slices.cycles", "slices.cpu_cycles",
    "sched.thread_executing_span_with_slice", "sched.utilization.system",
    "sched.utilization.process", "sched.utilization.thread", "sched.utilization.general",
)  # fmt: skip
"""Modules of Perfetto, present and past, whose objects this library has under other modules."""


def known() -> list[str]:
    """Give the modules that INCLUDE takes without a folder of the user's."""
    ours = {module.name for module in library.modules()}
    macros = {module for module, _ in standard.macros().values()}
    programs = {module for module, _ in standard.BUILTINS.values()}
    return sorted(ours | macros | programs | set(_ALWAYS_THERE))


def is_known(name: str) -> bool:
    """Whether INCLUDE takes a module, or all that a `.*` at the end stands for."""
    found = known()
    if name == "*" or name.endswith(".*"):
        return any(module.startswith(name.removesuffix("*")) for module in found)
    return name in found


def files(name: str, packages: Sequence[Path]) -> list[tuple[str, Path]]:
    """Give the modules of the user's folders that a name means, and where they lie.

    Args:
        name: as in INCLUDE: `a.b.c`, or `a.b.*`.
        packages: folders; in `DIR`, module `a.b` is `DIR/a/b.sql`, or `DIR/b.sql` where the folder
            itself is called `a`, as Perfetto has it.
    """
    parts = name.split(".")
    if not all(part.isidentifier() or part == "*" for part in parts):
        return []
    for folder in packages:
        for root, rest in ((folder, parts), (folder.parent, parts)):
            if root is folder.parent and parts[0] != folder.name:
                continue
            place = root.joinpath(*rest[:-1])
            one = [place / f"{rest[-1]}.sql"]
            found = sorted(place.rglob("*.sql")) if rest[-1] == "*" else one
            inside = [path for path in found if path.is_file()]
            if inside:
                prefix = root
                return [
                    (".".join(path.relative_to(prefix).with_suffix("").parts), path)
                    for path in inside
                ]
    return []
