-- What a thread did, and what it waited for, as stacks.

-- States of threads, cut where their innermost slice changes.
CREATE VIEW _state_with_slice AS
WITH
  __tq_states AS (
    SELECT id, ts, dur, utid, state, cpu, io_wait, blocked_function, trace
    FROM thread_state WHERE dur > 0
  ),
  __tq_flat AS (SELECT slice_id, ts, dur, utid, depth FROM _slice_flattened WHERE dur > 0)
SELECT
  j.ts, j.dur, j.key AS utid, j.l.id AS state_id, j.l.state AS state, j.l.cpu AS cpu,
  j.l.io_wait AS io_wait, j.l.blocked_function AS blocked_function, j.r.slice_id AS slice_id,
  j.r.depth AS depth, j.l.trace AS trace
FROM span_left_join(__tq_states, utid, __tq_flat, utid) j
WHERE j.dur > 0;

-- What every thread did (a) and what the thread did that it waited for (b; its own where it waited
-- for none), cut where either changes.
CREATE VIEW _states_on_critical_path AS
WITH
  __tq_path AS MATERIALIZED (
    SELECT row_number() OVER () AS id, ts, dur, utid, root_utid
    FROM sched_critical_path WHERE dur > 0
  ),
  __tq_with AS MATERIALIZED (SELECT row_number() OVER () AS id, * FROM _state_with_slice),
  __tq_blocking AS (
    SELECT
      m.ts, m.dur, p.root_utid, w.utid, w.state_id, w.state, w.cpu, w.io_wait, w.blocked_function,
      w.slice_id, w.depth
    FROM interval_intersect(__tq_path, __tq_with, utid) m
    JOIN __tq_path p ON p.id = m.id_0
    JOIN __tq_with w ON w.id = m.id_1
  )
SELECT j.ts, j.dur, j.key AS root_utid, j.l AS a, j.r AS b, j.l.trace AS trace
FROM span_join(__tq_with, utid, __tq_blocking, root_utid) j
WHERE j.dur > 0;

-- For an interval of time, what a thread did (state, names, slices), and below it the same of the
-- thread that it waited for, and the CPU: one row for each line of a stack. The rows of a stack share
-- ts and dur, and stand from stack_depth 0 on.
--
--   thread 1 sleeps from 0 to 10 within the slice `read`; 2, which woke it, runs on CPU 3
--   gives   thread_state: S, read, blocking thread_state: Running, cpu: 3   (with names in between)
--
-- Arguments:
--   of_utid: the thread.
--   start_ts: where the interval begins, ns.
--   length_dur: its length, ns.
--   with_process: whether the thread's own lines name its process.
--   with_thread: whether they name the thread.
--   with_slices: whether lines of its slices have their names.
--   with_blocking_slices: likewise, of the slices of the thread that it waited for.
-- Columns:
--   id: of the state or the slice that the line tells of.
--   ts, dur: the piece of time, ns.
--   utid: the thread that the line tells of.
--   stack_depth: place in the stack, from 0.
--   name: what it says; null where it has nothing to say.
--   table_name: thread_state or slice.
--   root_utid: the thread asked for.
--   trace: name of the trace.
CREATE MACRO critical_path_stack(
  of_utid, start_ts, length_dur, with_process, with_thread, with_slices, with_blocking_slices
) AS TABLE
WITH RECURSIVE
  __tq_given AS (
    SELECT
      of_utid AS __tq_utid, start_ts AS __tq_start, start_ts + length_dur AS __tq_end,
      with_process::BOOLEAN AS __tq_process, with_thread::BOOLEAN AS __tq_thread,
      with_slices::BOOLEAN AS __tq_slices, with_blocking_slices::BOOLEAN AS __tq_others
  ),
  __tq_spans AS MATERIALIZED (
    SELECT
      greatest(ts, __tq_start)::BIGINT AS ts, a, b,
      (least(ts + dur, __tq_end) - greatest(ts, __tq_start))::BIGINT AS dur,
      CASE WHEN a.slice_id IS NULL THEN 5 ELSE a.depth + 6 END AS start_depth
    FROM __tq_given
    JOIN _states_on_critical_path
      ON root_utid = __tq_utid AND ts < __tq_end AND ts + dur > __tq_start
  ),
  __tq_lines(leaf, id, parent_id, depth, name, slice_dur) AS (
    SELECT s.id, s.id, s.parent_id, s.depth, s.name, s.dur
    FROM slice s
    WHERE s.id IN (SELECT a.slice_id FROM __tq_spans UNION SELECT b.slice_id FROM __tq_spans)
    UNION ALL
    SELECT l.leaf, s.id, s.parent_id, s.depth, s.name, s.dur
    FROM __tq_lines l JOIN slice s ON s.id = l.parent_id
  ),
  __tq_own AS (
    SELECT p.*, __tq_process, __tq_thread, __tq_slices, __tq_others, t.name AS thread_name,
      o.name AS process_name
    FROM __tq_spans p CROSS JOIN __tq_given
    LEFT JOIN thread t ON t.utid = p.a.utid LEFT JOIN process o ON o.upid = t.upid
  ),
  __tq_other AS (
    SELECT p.* EXCLUDE (thread_name, process_name), t.name AS thread_name, o.name AS process_name
    FROM __tq_own p LEFT JOIN thread t ON t.utid = p.b.utid LEFT JOIN process o ON o.upid = t.upid
    WHERE p.b.utid <> p.a.utid
  ),
  __tq_stacks AS (
    SELECT
      a.state_id AS id, ts, dur, a.utid AS utid, a.utid AS root_utid, a.trace AS trace,
      unnest([
        {'at': 0, 'name': 'thread_state: ' || a.state},
        {'at': 1, 'name': CASE WHEN a.state NOT LIKE 'R%'
          THEN 'kernel function: ' || a.blocked_function END},
        {'at': 2, 'name': CASE WHEN a.state NOT LIKE 'R%'
          THEN 'io_wait: ' || a.io_wait::INTEGER END},
        {'at': 3, 'name': CASE WHEN __tq_process THEN 'process_name: ' || process_name END},
        {'at': 4, 'name': CASE WHEN __tq_thread THEN 'thread_name: ' || thread_name END}
      ]) AS line, 'thread_state' AS table_name
    FROM __tq_own
    UNION ALL
    SELECT
      l.id, p.ts, p.dur, p.a.utid, p.a.utid, p.a.trace,
      {'at': l.depth + 5, 'name': CASE WHEN __tq_slices THEN l.name END}, 'slice'
    FROM __tq_own p JOIN __tq_lines l ON l.leaf = p.a.slice_id
    WHERE l.slice_dur <> -1 OR l.id = l.leaf
    UNION ALL
    SELECT
      b.state_id, ts, dur, b.utid, a.utid, a.trace,
      unnest([
        {'at': start_depth, 'name': 'blocking thread_state: ' || b.state},
        {'at': start_depth + 1, 'name': 'blocking process_name: ' || process_name},
        {'at': start_depth + 2, 'name': 'blocking thread_name: ' || thread_name},
        {'at': start_depth + 3, 'name': 'blocking kernel_function: ' || b.blocked_function},
        {'at': start_depth + 4, 'name': 'blocking io_wait: ' || b.io_wait::INTEGER}
      ]), 'thread_state'
    FROM __tq_other
    UNION ALL
    SELECT
      l.id, p.ts, p.dur, p.b.utid, p.a.utid, p.a.trace,
      {'at': start_depth + 5 + l.depth, 'name': CASE WHEN __tq_others THEN l.name END}, 'slice'
    FROM __tq_other p JOIN __tq_lines l ON l.leaf = p.b.slice_id
    WHERE l.slice_dur <> -1 OR l.id = l.leaf
    UNION ALL
    SELECT
      b.state_id, ts, dur, b.utid, a.utid, a.trace,
      {'at': start_depth + CASE WHEN b.utid = a.utid THEN 0
        WHEN b.slice_id IS NULL THEN 5 ELSE b.depth + 6 END, 'name': 'cpu: ' || b.cpu},
      'thread_state'
    FROM __tq_spans WHERE 'Running' IN (a.state, b.state)
  )
SELECT
  id, ts, dur, utid, line.at::BIGINT AS stack_depth, line.name AS name, table_name, root_utid, trace
FROM __tq_stacks WHERE id IS NOT NULL ORDER BY ts, stack_depth;

-- Under the name that it has in Perfetto.
CREATE MACRO _critical_path_stack(
  of_utid, start_ts, length_dur, with_process, with_thread, with_slices, with_blocking_slices
) AS TABLE
SELECT id, ts, dur, utid, stack_depth, name, table_name, root_utid
FROM critical_path_stack(
  of_utid, start_ts, length_dur, with_process, with_thread, with_slices, with_blocking_slices);

-- With all lines, under the name that it has in Perfetto.
CREATE MACRO _thread_executing_span_critical_path_stack(of_utid, start_ts, length_dur) AS TABLE
SELECT id, ts, dur, utid, stack_depth, name, table_name, root_utid
FROM critical_path_stack(of_utid, start_ts, length_dur, 1, 1, 1, 1);
