-- Tracks: the lines on which slices and counters lie.

-- Tracks of every type.
--
-- Columns:
--   id: number of the track.
--   name: its name.
--   type: thread, process, async, counter, gpu_stream, cpu …
--   dimension_arg_set_id, machine_id, track_group_id: null.
--   parent_id: the track it belongs under.
--   source_arg_set_id: key into `args`.
--   upid, utid, device_id, context_id, stream_id, cpu: what it belongs to.
--   unit: of a counter's values.
--   args: JSON text.
--   trace: name of the trace.
CREATE VIEW track AS
SELECT
  id, name, type, NULL::BIGINT AS dimension_arg_set_id, parent_id,
  CASE WHEN args IS NOT NULL THEN id::BIGINT * 8 + 2 END AS source_arg_set_id,
  NULL::BIGINT AS machine_id, NULL::BIGINT AS track_group_id,
  upid, utid, device_id, context_id, stream_id, cpu, unit, args, trace
FROM stored.track;

-- Tracks of slices that belong to one thread.
--
-- Columns: those of `track`, without dimension_arg_set_id; utid is never null. There is no upid, so
-- that JOIN thread USING (utid) JOIN process USING (upid) works.
CREATE VIEW thread_track AS
SELECT id, name, type, parent_id, source_arg_set_id, machine_id, utid, args, trace
FROM track WHERE utid IS NOT NULL AND type NOT LIKE '%counter%';

-- Tracks of slices that belong to a process as a whole: its own, and those of async work.
--
-- Columns: those of `track`, without dimension_arg_set_id; upid is never null.
CREATE VIEW process_track AS
SELECT id, name, type, parent_id, source_arg_set_id, machine_id, upid, args, trace
FROM track WHERE upid IS NOT NULL AND utid IS NULL AND type NOT LIKE '%counter%';

-- Tracks of slices that belong to one CPU.
--
-- Columns: those of `track`, without dimension_arg_set_id; cpu is never null.
CREATE VIEW cpu_track AS
SELECT id, name, type, parent_id, source_arg_set_id, machine_id, cpu, args, trace
FROM track WHERE cpu IS NOT NULL AND type NOT LIKE '%counter%';

-- Tracks of slices that belong to one device: streams, queues, engines.
--
-- Columns: those of `track`; scope is the type, description is null.
CREATE VIEW gpu_track AS
SELECT
  id, name, type, parent_id, source_arg_set_id, dimension_arg_set_id, machine_id, type AS scope,
  NULL::VARCHAR AS description, context_id, device_id, stream_id, args, trace
FROM track WHERE device_id IS NOT NULL AND type NOT LIKE '%counter%';
