"""`bottleneck.attribution`: what each device waited for, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from traceql.model.protocols import Input, Scope, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

NAME = "bottleneck.attribution"
_NAMES = """
SELECT id, text, CASE
  WHEN regexp_matches(text, $loader_pattern, 'i') THEN 1
  WHEN regexp_matches(text, $wait_pattern) THEN 7
  WHEN regexp_matches(text, $sync_pattern) THEN 3
  WHEN regexp_matches(text, $allocation_pattern) THEN 4
  WHEN regexp_matches(text, $copy_pattern) THEN 5
  WHEN regexp_matches(text, $launch_pattern) THEN 6
  WHEN regexp_matches(text, $io_pattern) THEN 2
  ELSE 0 END AS class,
  regexp_full_match(text, $marker_pattern, 'i') AS is_marker
FROM dim_name
"""
# Ids ascend with ts: so many ids are one stretch of time.
_BLOCKS = """
SELECT id // $stretch AS block, ts AS lo,
       lead(ts, 1, 9223372036854775807) OVER (ORDER BY id) AS hi
FROM slice WHERE id % $stretch = 0
"""
_OPS = """
SELECT s.id, s.ts, s.ts + s.dur AS end_ts, g.device_id, g.kind, coalesce(s.name_id, -1) AS name_id,
       g.launch_slice_id
FROM gpu_op g JOIN slice s ON s.id = g.slice_id
WHERE s.dur >= 0 AND s.ts >= $window_start AND s.ts < $window_end
"""
_THREADS = f"""
WITH launch AS (
  SELECT t.utid, op.device_id, count(*) AS launches
  FROM ({_OPS}) op JOIN slice l ON l.id = op.launch_slice_id JOIN track t ON t.id = l.track_id
  WHERE t.utid IS NOT NULL GROUP BY ALL),
per_thread AS (SELECT utid, sum(launches)::BIGINT AS launches FROM launch GROUP BY utid),
busy AS (
  SELECT t.utid, sum(s.self_dur)::BIGINT AS busy
  FROM slice s JOIN track t ON t.id = s.track_id
  WHERE t.type = 'thread' AND t.utid IS NOT NULL AND s.dur >= 0
    AND s.category IS DISTINCT FROM 'Trace'
    AND s.ts >= $window_start AND s.ts < $window_end
  GROUP BY t.utid),
known AS (
  SELECT b.utid, h.upid, b.busy, coalesce(p.launches, 0) AS launches
  FROM busy b JOIN thread h ON h.utid = b.utid LEFT JOIN per_thread p ON p.utid = b.utid),
kept AS (
  SELECT * FROM known
  WHERE NOT EXISTS (SELECT 1 FROM per_thread)
     OR upid IN (SELECT k.upid FROM known k WHERE k.launches > 0)
  ORDER BY launches DESC, busy DESC, utid LIMIT 16)
SELECT k.utid, k.upid, k.busy, k.launches, l.device_id, coalesce(l.launches, 0) AS device_launches
FROM kept k LEFT JOIN launch l ON l.utid = k.utid ORDER BY k.launches DESC, k.busy DESC, k.utid
"""  # noqa: S608
_DEVICES = f"""
SELECT device_id, min(ts) AS ts, max(end_ts) AS end_ts, count(*) AS op_count
FROM ({_OPS}) GROUP BY device_id ORDER BY device_id
"""  # noqa: S608
_GAPS = f"""
SELECT device_id, id, ts, gap_dur FROM (
  SELECT device_id, id, ts, ts - max(end_ts) OVER (
    PARTITION BY device_id ORDER BY ts, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  ) AS gap_dur FROM ({_OPS}))
WHERE gap_dur > 0
QUALIFY row_number() OVER (PARTITION BY device_id ORDER BY gap_dur DESC, id) <= 100
ORDER BY device_id, gap_dur DESC, id
"""  # noqa: S608
_EVENTS = f"""
WITH ops AS (
  SELECT op.*, l.ts + l.dur AS launch_end, t.utid AS launch_utid,
    least(op.ts, coalesce(max(op.end_ts) OVER (
      PARTITION BY op.device_id ORDER BY op.ts, op.id
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)) AS from_ts
  FROM ({_OPS}) op
  LEFT JOIN slice l ON l.id = op.launch_slice_id AND l.dur >= 0
  LEFT JOIN track t ON t.id = l.track_id),
host AS (
  SELECT s.id, s.ts, s.ts + s.dur AS end_ts, t.utid, coalesce(s.name_id, -1) AS name_id, s.depth,
         s.parent_id, coalesce(s.category = 'python_function', false) AS is_python,
         coalesce(s.category = 'Trace', false) AS is_marker
  FROM slice s JOIN track t ON t.id = s.track_id
  WHERE s.dur >= 0 AND t.utid IS NOT NULL AND t.type = 'thread'
    AND s.ts >= $window_start AND s.ts < $window_end
    AND (EXISTS (SELECT 1 FROM gpu_op)
         OR EXISTS (SELECT 1 FROM dim_name WHERE regexp_full_match(text, $marker_pattern, 'i')))),
comm AS (SELECT id FROM dim_name WHERE regexp_matches(text, $comm_pattern, 'i')),
event AS (
  SELECT id, from_ts, ts, end_ts, coalesce(device_id, -1) AS place, launch_utid AS other,
         launch_end AS far, false AS is_python, false AS is_marker, 0::TINYINT AS depth,
         CASE WHEN kind = 'memcpy' THEN 2 WHEN kind = 'memset' THEN 3
              WHEN name_id IN (SELECT id FROM comm) THEN 1 ELSE 0 END::TINYINT AS part
  FROM ops
  UNION ALL BY NAME
  SELECT id, ts AS from_ts, ts, end_ts, utid AS place, name_id AS other, parent_id AS far,
         is_python, is_marker, depth, (-1)::TINYINT AS part
  FROM host),
block AS ({_BLOCKS})
-- A device operation: place is the device, other the thread that launched it, far the end of the
-- launch. A host slice (part -1): place is the thread, other its name, far its parent.
SELECT e.id // $stretch AS block, true AS is_home, e.* EXCLUDE (from_ts) FROM event e
UNION ALL BY NAME
SELECT b.block, false AS is_home, e.* EXCLUDE (from_ts, home_lo, home_hi)
FROM (SELECT e.*, b.lo AS home_lo, b.hi AS home_hi
      FROM event e JOIN block b ON b.block = e.id // $stretch) e
JOIN block b ON b.lo < e.end_ts AND b.hi > e.from_ts AND b.block <> e.id // $stretch
WHERE e.end_ts > e.home_hi OR e.from_ts < e.home_lo
UNION ALL BY NAME
SELECT block, false AS is_home, (-2)::TINYINT AS part FROM block
"""  # noqa: S608


@dataclass(frozen=True)
class Attribution:
    """Split the wall time of every device by what it did, or by what kept it waiting.

    The wall lasts from the first step or operation to the last. Where the device works, the time is
    kernels, then communication, copies and fills that no kernel hides. Each gap is charged along
    the chain that ends it: to the host until the call that launched the next operation returned,
    then to the queue. Host time is what the launching thread did at each instant: a data loader
    whatever it calls; else the innermost API call (synchronisation, allocation, copy, launch,
    wait); else the outermost operation. Where that thread did nothing, other threads of its process
    are asked, busiest launcher first (training frameworks run the backward pass on one); the rest
    is host code outside any slice. Without device operations the wall of the busiest thread is
    split in the same way. Shares add up to 1.

    A bound class is named when it leads by ten points: compute, memory (copies, fills), comm,
    io (data loading, files), latency (launches, queue), host. Only waiting is a finding: its
    `impact_ratio` is its share of the wall, and also the bound of the gain: without it the run
    would be at most 1 / (1 - share) times as fast. The rule that a gap belongs to the chain of
    launches that ends it is that of critical-path analysis; exposed times are defined as in
    TraceLens. What the busiest thread of a trace without devices computes is no waiting.

    Parameters:
        least_ratio: what costs a smaller share of the wall makes no finding.
        loader_pattern: regular expression, any case, for names of data loading.
        io_pattern: of calls that read or write files or sockets.
        sync_pattern: of calls that wait for a device.
        allocation_pattern: of calls that allocate or free device memory.
        copy_pattern: of calls that copy or fill device memory.
        launch_pattern: of calls that launch kernels or graphs.
        wait_pattern: of calls in which a thread sleeps until another wakes it.
        marker_pattern: for the whole name of a step marker, any case; a step is no activity.
        comm_pattern: names of communication kernels, any case.
        stretch: rows looked at in one go; changes memory, not results.
    """

    scope: ClassVar[Scope] = "trace"
    family: ClassVar[str] = "bottlenecks"
    question: ClassVar[str] = "What bounds the run: what did each device wait for?"
    needs: ClassVar[tuple[str, ...]] = ("iteration",)
    inputs: ClassVar[Mapping[str, Input]] = {
        "name": Input(_NAMES),
        "block": Input(_BLOCKS),
        "thread": Input(_THREADS),
        "device": Input(_DEVICES),
        "gap": Input(_GAPS),
        "event": Input(_EVENTS, partition_by="block"),
    }

    least_ratio: float = 0.05
    loader_pattern: str = (
        r"data_?\s?loader|dataload|data[ _.:/\-]?(loading|fetch)|"
        r"(load|fetch|next|get|read)[ _.:/\-]?(mini)?[ _]?batch|input[ _]?pipeline|prefetch"
    )
    io_pattern: str = (
        r"^(__)?(p?read(v|64)?|p?write(v|64)?|f(read|write|open|close|flush|gets|puts)|open(at|64)?|"
        r"close|fsync|lseek|recv(msg|from)?|send(msg|to)?|mmap|munmap|stat|sendfile)$"
    )
    sync_pattern: str = r"^(cuda|hip|cu)\w*(Synchronize|EventQuery|StreamQuery|StreamWaitEvent)"
    allocation_pattern: str = (
        r"^(cuda|hip|cu)(Mem|Host|Array)?(Malloc|Free|Alloc|Create|Register|Map)\w*|"
        r"^(cuda|hip)(Malloc|Free|Host)\w*"
    )
    copy_pattern: str = r"^(cuda|hip|cu)(Memcpy|Memset|MemPrefetch)\w*"
    launch_pattern: str = r"^(cuda|hip|cu)\w*Launch\w*"
    wait_pattern: str = (
        r"^(p?poll|p?select|epoll_p?wait|futex|nanosleep|usleep|sleep|sigtimedwait|waitpid|accept4?|"
        r"sem_(timed)?wait|pthread_(cond_(timed|clock)?wait|mutex_(timed)?lock|join|"
        r"rwlock_\w*lock|barrier_wait))$"
    )
    marker_pattern: str = (
        r"ProfilerStep[*#]?\d*|(global |train |training )?(iteration|iter|step|batch|frame)"
        r"[ _#:\-]*\d+"
    )
    comm_pattern: str = "nccl|rccl"
    stretch: int = 400_000

    def __post_init__(self) -> None:
        if self.stretch < 1:
            raise ValueError("stretch is at least 1")

    def measure(self, tables: Tables) -> pa.Table:
        """Charge the time of one stretch of the trace."""
        from traceql.analyses.bottleneck import _blame

        return _blame.measure(tables)

    def conclude(self, measured: pa.Table) -> Result:
        """Add up the stretches, name what bounds each device, and rank what it waited for."""
        from traceql.analyses.bottleneck import _verdict

        return _verdict.conclude(NAME, measured, self.least_ratio, self.comm_pattern)


PLUGIN = Attribution
