"""`bottleneck.contention`: time that threads spend waiting for devices, locks and each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "bottleneck.contention"
_WAITS = """
SELECT n.text AS name, n.kind, s.ts, s.ts + s.dur AS end_ts, t.utid
FROM slice s
JOIN (SELECT id, text, CASE
        WHEN regexp_matches(text, $sync_pattern) THEN 'device sync'
        WHEN regexp_matches(text, $lock_pattern, 'i') THEN 'lock'
        WHEN regexp_matches(text, $sleep_pattern) THEN 'sleep' END AS kind
      FROM dim_name) n ON n.id = s.name_id
JOIN track t ON t.id = s.track_id
WHERE n.kind IS NOT NULL AND t.type = 'thread' AND t.utid IS NOT NULL AND s.dur > 0
  AND s.ts >= $window_start AND s.ts < $window_end
"""
_THREADS = """
SELECT t.utid, min(s.ts) AS ts, max(s.ts + s.dur) AS end_ts
FROM slice s JOIN track t ON t.id = s.track_id
WHERE t.type = 'thread' AND t.utid IS NOT NULL AND s.dur >= 0
  AND s.category IS DISTINCT FROM 'Trace' AND s.ts >= $window_start AND s.ts < $window_end
GROUP BY t.utid ORDER BY t.utid
"""


@dataclass(frozen=True)
class Contention:
    """Sum the time in calls that wait, by name, and how long several threads waited at once.

    Calls are told by name: of synchronisation with a device, of locks, and of sleep until another
    thread or a clock wakes (condition variables, polls, joins). Nested waits of one name on one
    thread count once. The wall of a thread is from its first slice to its last end. A thread that
    sleeps may simply have nothing to do, and one that waits for a device may keep it busy by that;
    both are listed only (what a device loses by them is told by bottleneck.attribution). Waiting
    for a lock is work that could run: a finding, if a lock call takes `least_ratio` of the wall of
    a thread. Without it that thread would be done at most so much earlier.

    Parameters:
        least_ratio: lock time below this share of a thread's wall makes no finding.
        sync_pattern: regular expression for names of calls that wait for a device.
        lock_pattern: of calls that wait for a lock, any case.
        sleep_pattern: of calls that sleep.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "bottlenecks"
    question: ClassVar[str] = "How long do threads wait for devices, locks and each other?"
    needs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Input]] = {
        "thread": Input(_THREADS),
        "wait": Input(_WAITS, order_by=("utid", "ts", "end_ts"), partition_by="name"),
    }

    least_ratio: float = 0.05
    sync_pattern: str = r"^(cuda|hip|cu)\w*(Synchronize|EventQuery|StreamQuery)"
    lock_pattern: str = (
        r"^(__)?(pthread_(mutex_(timed|clock)?lock|rwlock_(timed)?(rd|wr)lock|spin_lock)|"
        r"(std::)?(recursive_|shared_|timed_)*mutex::lock(_shared)?|EnterCriticalSection|"
        r"AcquireSRWLock(Exclusive|Shared)|take_gil|PyEval_(AcquireLock|RestoreThread)|"
        r"omp_set_(nest_)?lock|__kmpc_critical\w*|lock contention.*|monitor contention.*)$"
    )
    sleep_pattern: str = (
        r"^(p?poll|p?select|epoll_p?wait|futex|nanosleep|clock_nanosleep|usleep|sleep|waitpid|"
        r"accept4?|sem_(timed|clock)?wait|pthread_(cond_(timed|clock)?wait|join|barrier_wait)|"
        r"_thread\.lock\.acquire|Thread\.join|MPI_(Wait|Waitall|Waitany|Barrier|Recv|Probe))$"
    )

    def measure(self, tables: Tables) -> pa.Table:
        """Sum the waits of one name."""
        from traceql.analyses.bottleneck import _queues

        return _queues.measure(tables)

    def conclude(self, measured: pa.Table) -> Result:
        """Rank the waits, and find locks that cost."""
        from traceql.analyses.bottleneck import _queues

        return _queues.conclude(NAME, measured, self.least_ratio)


PLUGIN = Contention
