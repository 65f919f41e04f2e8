-- Time that slices spent on a CPU.

-- CPU time of slices of threads: from scheduling where the trace has it, else thread_dur as the tool
-- measured it.
--
--   slice 0 (ts 0, dur 10) of a thread that was on a CPU from 4 to 20   gives   cpu_time 6
--
-- Columns:
--   id, name: the slice.
--   utid, thread_name, upid, process_name: its thread and process.
--   cpu_time: time on a CPU, ns.
--   trace: name of the trace.
CREATE VIEW thread_slice_cpu_time AS
WITH
  __tq_run AS (SELECT id, ts, dur, utid FROM sched WHERE dur >= 0 AND utid IS NOT NULL),
  __tq_span AS (SELECT id, ts, dur, utid FROM thread_slice WHERE dur > 0),
  __tq_on AS (
    SELECT id_0 AS id, sum(dur)::BIGINT AS cpu_time
    FROM interval_intersect(__tq_span, __tq_run, utid) GROUP BY id_0
  )
SELECT
  s.id, s.name, s.utid, s.thread_name, s.upid, s.process_name,
  coalesce(o.cpu_time, s.thread_dur) AS cpu_time, s.trace
FROM thread_slice s LEFT JOIN __tq_on o ON o.id = s.id
WHERE o.cpu_time IS NOT NULL OR s.thread_dur IS NOT NULL;
