-- What threads did while their slices were open.

-- Time that each slice of a thread spent in each state of its thread.
--
--   a slice from 0 to 10, its thread R until 4 and Running from then on
--   gives   R 4, Running 6
--
-- Columns:
--   id, name: the slice.
--   utid, thread_name, upid, process_name: its thread and process.
--   state, io_wait, blocked_function: of the state, as in `thread_state`.
--   dur: time in it, ns.
--   trace: name of the trace.
CREATE VIEW thread_slice_time_in_state AS
WITH
  __tq_slices AS (SELECT id, ts, dur, utid FROM thread_slice WHERE dur > 0),
  __tq_states AS (SELECT id, ts, dur, utid FROM thread_state WHERE dur > 0),
  __tq_met AS (SELECT * FROM interval_intersect(__tq_slices, __tq_states, utid))
SELECT
  s.id, s.name, s.utid, s.thread_name, s.upid, s.process_name, t.state, t.io_wait,
  t.blocked_function, sum(m.dur)::BIGINT AS dur, s.trace
FROM __tq_met m
JOIN thread_slice s ON s.id = m.id_0
JOIN thread_state t ON t.id = m.id_1
GROUP BY ALL;
