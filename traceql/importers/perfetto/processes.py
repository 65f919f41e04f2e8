"""Processes and threads as the system lists them, and what they use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traceql.importers.perfetto.actors import OF_TREE
from traceql.importers.perfetto.context import MOST_NS
from traceql.importers.perfetto.messages import (
    PROCESS_STATS,
    PROCESS_TREE,
    STATS_PROCESS,
    TREE_PROCESS,
    TREE_THREAD,
)
from traceql.importers.perfetto.wire import decode

if TYPE_CHECKING:
    from traceql.importers.perfetto.context import Context

_KB = {
    "vm_size_kb": "mem.virt", "vm_rss_kb": "mem.rss", "rss_anon_kb": "mem.rss.anon",
    "rss_file_kb": "mem.rss.file", "rss_shmem_kb": "mem.rss.shmem", "vm_swap_kb": "mem.swap",
    "vm_locked_kb": "mem.locked", "vm_hwm_kb": "mem.rss.watermark",
    "smr_rss_kb": "mem.smaps.rss", "smr_pss_kb": "mem.smaps.pss",
    "smr_pss_anon_kb": "mem.smaps.pss.anon", "smr_pss_file_kb": "mem.smaps.pss.file",
    "smr_pss_shmem_kb": "mem.smaps.pss.shmem", "smr_swap_pss_kb": "mem.smaps.swap.pss",
    "dmabuf_rss_kb": "mem.dmabuf_rss",
}  # fmt: skip
"""Fields in KiB and the counters, in bytes, that they become; names are Perfetto's."""
_PLAIN = {
    "oom_score_adj": ("oom_score_adj", None),
    "runtime_user_mode": ("runtime.user_ns", "ns"),
    "runtime_kernel_mode": ("runtime.kernel_ns", "ns"),
}


class Processes:
    """Reads `process_tree` and `process_stats`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def tree(self, data: bytes) -> None:
        """Read a list of processes and threads.

        Raises:
            WireError: it is damaged.
        """
        tree = decode(PROCESS_TREE, data)
        actors = self._context.actors
        for raw in tree.get("processes", ()):
            fields = decode(TREE_PROCESS, raw)
            # The parent is numbered first, as in Perfetto.
            parent = actors.process(fields["ppid"]) if fields.get("ppid") else None
            process = actors.process(fields.get("pid", 0))
            process.parent = parent or process.parent
            cmdline = fields.get("cmdline")
            if cmdline:
                process.cmdline = " ".join(cmdline)
                if process.sure <= OF_TREE:
                    process.name, process.sure = cmdline[0], OF_TREE
            if "uid" in fields:
                process.args["uid"] = fields["uid"]
            start = fields.get("process_start_from_boot")
            if start and start < MOST_NS and process.start_ts is None:
                process.start_ts = start
        for raw in tree.get("threads", ()):
            fields = decode(TREE_THREAD, raw)
            thread = actors.thread(fields.get("tid", 0), fields.get("tgid", 0))
            thread.call(fields.get("name"), OF_TREE)

    def stats(self, data: bytes, ts: int) -> None:
        """Read what processes use.

        Raises:
            WireError: it is damaged.
        """
        context = self._context
        for raw in decode(PROCESS_STATS, data).get("processes", ()):
            fields = decode(STATS_PROCESS, raw)
            process = context.actors.process(fields.get("pid", 0))
            for name, called in _KB.items():
                if name in fields:
                    track = context.tracks.counter(called, process=process, unit="bytes")
                    context.count_value(track, ts, float(fields[name] * 1024))
            for name, (called, unit) in _PLAIN.items():
                if name in fields:
                    track = context.tracks.counter(called, process=process, unit=unit)
                    context.count_value(track, ts, float(fields[name]))
