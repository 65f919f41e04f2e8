-- What threads did from one wakeup to the next, who woke them, and what they waited for.

-- Spans of threads from when they become runnable after a sleep to when they sleep again; within one
-- a thread may be preempted and run on. Each has a key to the span that woke it: together they are
-- the graph of wakeups. As Perfetto's `_wakeup_graph`, but who woke whom is found by thread and time:
-- the state in which the waker was just before.
--
--   thread 1: S from 0, R from 10 (woken by 2), Running from 12, S from 20 to 30
--   thread 2: R from 2, Running from 3, S from 15
--   gives   the span of 1 (ts 10, dur 10, waker_id: the span of 2, idle_dur 10), of 2 (ts 2, dur 13)
--
-- Columns:
--   id: the runnable state that it begins with, in `thread_state`.
--   ts, dur: from then to the sleep before the next such span, or to the end of the thread, ns.
--   utid: the thread.
--   waker_utid: the thread that woke it.
--   waker_id: the span of that thread; null where it did not run, or where an interrupt woke it.
--   idle_state: what it slept in: S, D or I; IRQ where it waited for input or output; null at first.
--   idle_reason: the kernel's function it slept in.
--   idle_dur: how long it slept before, ns; null at first.
--   is_idle_reason_self: whether the sleep counts as its own work, not as waiting for a thread.
--   prev_id, next_id: the spans of the thread before and after.
--   trace: name of the trace.
CREATE VIEW thread_executing_span AS
WITH
  __tq_states AS (
    SELECT
      id, ts, utid, state, waker_utid, coalesce(io_wait, false) AS is_irq, trace,
      row_number() OVER w AS place, lag(state) OVER w AS idle_state,
      lag(blocked_function) OVER w AS idle_reason, lag(ts) OVER w AS idle_ts,
      lag(ts + dur) OVER w AS idle_end,
      max(CASE WHEN state IN ('S', 'D', 'I') THEN ts ELSE ts + dur END) OVER (PARTITION BY utid)
        AS thread_end
    FROM thread_state WHERE dur <> -1 WINDOW w AS (PARTITION BY utid ORDER BY ts, id)
  ),
  __tq_begun AS (
    SELECT * FROM __tq_states
    WHERE state = 'R' AND (
      place = 1
      OR (waker_utid IS NOT NULL AND idle_state IN ('S', 'D', 'I') AND idle_end = ts))
  ),
  __tq_woken AS (
    SELECT b.*, CASE WHEN w.state = 'Running' AND NOT b.is_irq THEN b.waker_utid END AS by_utid
    FROM __tq_begun b
    ASOF LEFT JOIN thread_state w ON w.utid = b.waker_utid AND b.ts > w.ts
  ),
  __tq_linked AS (
    SELECT b.*, w.id AS waker_id
    FROM __tq_woken b ASOF LEFT JOIN __tq_begun w ON w.utid = b.by_utid AND b.ts > w.ts
  )
SELECT
  id, ts, coalesce(lead(idle_ts) OVER w, thread_end) - ts AS dur, utid, waker_utid, waker_id,
  CASE WHEN is_irq THEN 'IRQ' WHEN place > 1 THEN idle_state END AS idle_state,
  CASE WHEN place > 1 THEN idle_reason END AS idle_reason, ts - idle_ts AS idle_dur,
  is_irq OR waker_id IS NULL OR (place > 1 AND idle_state <> 'S') AS is_idle_reason_self,
  lag(id) OVER w AS prev_id, lead(id) OVER w AS next_id, trace
FROM __tq_linked WINDOW w AS (PARTITION BY utid ORDER BY ts, id);

-- Under the name that it has in Perfetto.
CREATE VIEW _wakeup_graph AS SELECT * FROM thread_executing_span;

-- For every span of a thread, what it and the sleep before it waited for: the span itself while it
-- lasts; before it the span that woke it, from where that began, then the span that woke that, and so
-- on back to where the sleep began. A sleep that is the thread's own work counts for its span before.
--
--   thread 1 sleeps from 0 to 10; 2, which woke it, was woken at 4 by 3, whose span is from -5 on
--   gives   for the span of 1   3 from 0 to 4, 2 from 4 to 10, then 1 itself
--
-- Columns:
--   root_id, root_utid: the span, in `thread_executing_span`, and its thread.
--   id, utid: the span that it waited for, and its thread.
--   ts, dur: the piece of time, ns; those of a root do not overlap.
--   trace: name of the trace.
CREATE VIEW sched_critical_path AS
WITH
  __tq_spans AS (SELECT * FROM thread_executing_span),
  __tq_walked AS (
    SELECT unnest(__k_back_chains(__tq_l), recursive := true)
    FROM (
      SELECT list({'id': id::BIGINT, 'ts': ts::BIGINT, 'start': (ts - coalesce(idle_dur, 0))::BIGINT,
                   'lead': CASE WHEN is_idle_reason_self THEN prev_id ELSE waker_id END::BIGINT})
        AS __tq_l
      FROM __tq_spans GROUP BY trace
    )
    UNION ALL
    SELECT id, id, ts, dur FROM __tq_spans WHERE dur > 0
  )
SELECT w.root_id, r.utid AS root_utid, w.id, s.utid, w.ts, w.dur, r.trace
FROM __tq_walked w JOIN __tq_spans r ON r.id = w.root_id JOIN __tq_spans s ON s.id = w.id;

-- What a thread waited for in an interval of time: its pieces of `sched_critical_path`.
--
--   as in `sched_critical_path`, (1, 5, 10)   gives   2 from 5 to 10, then 1 from 10 to 15
--
-- Arguments:
--   of_utid: the thread.
--   start_ts: where the interval begins, ns.
--   length_dur: its length, ns.
-- Columns: those of `sched_critical_path`, cut to the interval.
CREATE MACRO thread_executing_span_critical_path(of_utid, start_ts, length_dur) AS TABLE
SELECT
  root_id, root_utid, id, utid, greatest(ts, __tq_start)::BIGINT AS ts,
  (least(ts + dur, __tq_end) - greatest(ts, __tq_start))::BIGINT AS dur, trace
FROM (
  SELECT start_ts AS __tq_start, start_ts + length_dur AS __tq_end, of_utid AS __tq_utid
) AS __tq_given
JOIN sched_critical_path ON root_utid = __tq_utid AND ts < __tq_end AND ts + dur > __tq_start;

-- Under the name that it has in Perfetto.
CREATE MACRO _thread_executing_span_critical_path(of_utid, start_ts, length_dur) AS TABLE
SELECT root_utid, root_id, id, ts, dur, utid
FROM thread_executing_span_critical_path(of_utid, start_ts, length_dur);
