-- Counters: values over time, and the tracks they lie on.

-- Values of counters. A value holds until the next one of its track.
--
-- Columns:
--   id: number of the value.
--   ts: when, ns.
--   track_id: the series; name and unit stand in `counter_track`.
--   value: in the unit of the track.
--   arg_set_id: key into `args`.
--   args: JSON text.
--   trace: name of the trace.
CREATE VIEW counter AS
SELECT
  c.id, c.ts, c.track_id, c.value,
  CASE WHEN c.args_id IS NOT NULL THEN c.id::BIGINT * 8 + 1 END AS arg_set_id,
  a.text AS args, c.trace
FROM stored.counter c LEFT JOIN _args_by_id a ON a.id = c.args_id;

-- Tracks of counters.
--
-- Columns: those of `track`; description is null.
CREATE VIEW counter_track AS
SELECT
  id, name, parent_id, type, dimension_arg_set_id, source_arg_set_id, machine_id, unit,
  NULL::VARCHAR AS description, upid, utid, device_id, cpu, args, trace
FROM track WHERE type LIKE '%counter%';

-- Tracks of counters of a process.
--
-- Columns: those of `counter_track`; upid is never null.
CREATE VIEW process_counter_track AS
SELECT
  id, name, type, parent_id, source_arg_set_id, machine_id, unit, description, upid, args, trace
FROM counter_track WHERE upid IS NOT NULL AND utid IS NULL AND device_id IS NULL;

-- Tracks of counters of a thread.
--
-- Columns: those of `counter_track`; utid is never null.
CREATE VIEW thread_counter_track AS
SELECT
  id, name, type, parent_id, source_arg_set_id, machine_id, unit, description, utid, args, trace
FROM counter_track WHERE utid IS NOT NULL;

-- Tracks of counters of a CPU.
--
-- Columns: those of `counter_track`; cpu is never null.
CREATE VIEW cpu_counter_track AS
SELECT
  id, name, type, parent_id, source_arg_set_id, machine_id, unit, description, cpu, args, trace
FROM counter_track WHERE cpu IS NOT NULL;

-- Tracks of counters of a device: power, temperature, clocks, memory.
--
-- Columns: those of `counter_track`; ugpu and gpu_id are the device_id, which is never null.
CREATE VIEW gpu_counter_track AS
SELECT
  id, name, type, parent_id, source_arg_set_id, machine_id, unit, description,
  device_id AS ugpu, device_id AS gpu_id, device_id, args, trace
FROM counter_track WHERE device_id IS NOT NULL;

-- Values of counters with the name and unit of their track.
--
-- Columns: those of `counter`, then name and unit of the track, then trace.
CREATE VIEW counters AS
SELECT v.id, v.ts, v.track_id, v.value, v.arg_set_id, t.name, t.unit, v.trace
FROM counter v JOIN counter_track t ON t.id = v.track_id;
