-- Time that slices spent on a CPU, where the tool recorded it.

-- CPU time of slices of threads: thread_dur, as the tool measured it.
--
-- Columns:
--   id, name: the slice.
--   utid, thread_name, upid, process_name: its thread and process.
--   cpu_time: time on a CPU, ns.
--   trace: name of the trace.
CREATE VIEW thread_slice_cpu_time AS
SELECT id, name, utid, thread_name, upid, process_name, thread_dur AS cpu_time, trace
FROM thread_slice WHERE thread_dur IS NOT NULL;
