-- Calls that copy, fill or wait: what rules about them look at.

-- Copies and fills with the calls that asked for them.
--
--   cudaMemcpyAsync at 0 (dur 5) starts a copy at 9 (dur 20)   gives   ts 9, dur 20, api_dur 5,
--   is_async
--
-- Columns:
--   id, ts, dur (ns), name: the copy or fill.
--   kind, device_id, stream_id, copy_kind, src_memory, dst_memory, bytes: as in `gpu_op`.
--   api_id, api_name, api_ts, api_dur: the call (ns); null where it is not known.
--   is_async: whether the call's name says that it does not wait; null without a call.
--   trace: name of the trace.
CREATE VIEW gpu_copy_call AS
SELECT
  s.id, s.ts, s.dur, s.name, g.kind, g.device_id, g.stream_id, g.copy_kind, g.src_memory,
  g.dst_memory, g.bytes, a.id AS api_id, a.name AS api_name, a.ts AS api_ts, a.dur AS api_dur,
  a.name ILIKE '%async%' AS is_async, s.trace
FROM gpu_op g
JOIN slice s ON s.id = g.slice_id
LEFT JOIN slice a ON a.id = g.launch_slice_id
WHERE g.kind IN ('memcpy', 'memset') AND s.dur <> -1;

-- Calls by which the host waits for all work of a device or of a stream.
--
--   cudaDeviceSynchronize at 0 (dur 50)   gives   ts 0, dur 50
--
-- Columns:
--   id, ts, dur (ns), name, name_id: the call.
--   upid, utid, track_id: its process, thread and track.
--   trace: name of the trace.
CREATE VIEW gpu_sync_call AS
SELECT s.id, s.ts, s.dur, s.name, s.name_id, k.upid, k.utid, s.track_id, s.trace
FROM slice s
JOIN track k ON k.id = s.track_id
JOIN (
  SELECT id AS sync_name_id FROM dim_name
  WHERE regexp_full_match(text, '(cuda|hip|musa|cu|mt)(Device|Stream|Ctx)Synchronize.*')
) n ON n.sync_name_id = s.name_id
WHERE s.dur <> -1 AND s.category IS DISTINCT FROM 'cuda_backtrace';

-- Idle times of devices that began while the host was in a call of `gpu_sync_call` and lasted until
-- it returned: the device ran dry, as the host could launch nothing more.
--
--   cudaDeviceSynchronize from 0 to 50, work until 40, work from 60   gives   ts 40, dur 20
--
-- Columns:
--   device_id: the device.
--   ts, dur: when it did nothing, ns.
--   sync_id, sync_name, sync_name_id: the call.
--   trace: name of the trace.
CREATE VIEW gpu_sync_gap AS
SELECT g.device_id, g.ts, g.dur, c.id AS sync_id, c.name AS sync_name,
  c.name_id AS sync_name_id, g.trace
FROM gpu_idle_gaps g
ASOF JOIN gpu_sync_call c ON c.trace = g.trace AND g.ts >= c.ts
WHERE g.ts <= c.ts + c.dur AND g.ts + g.dur >= c.ts + c.dur;

-- Operations on memory of Direct3D 12 that cost more than they need to.
--
--   CreateCommittedResource whose heapFlags lack NOT_ZEROED   gives   warning 'created zeroed'
--
-- Columns:
--   id, ts, dur (ns), name: the operation.
--   warning: created zeroed (the memory is cleared, though the program may overwrite it), read
--     from upload heap, write to readback heap, access to default heap, read of write-combined
--     memory, access to memory that the CPU cannot reach.
--   track_id: its track.
--   trace: name of the trace.
CREATE VIEW gpu_dx12_memory_warning AS
SELECT id, ts, dur, name, warning, track_id, trace
FROM (
  SELECT
    id, ts, dur, name, track_id, trace,
    CASE
      WHEN name ILIKE '%create%' AND flags IS NOT NULL
        AND NOT (flags ILIKE '%not_zeroed%' OR (coalesce(try_cast(flags AS BIGINT), 0) & 4096) <> 0)
        THEN 'created zeroed'
      WHEN name ILIKE '%read%' AND heap ILIKE '%upload%' THEN 'read from upload heap'
      WHEN name ILIKE '%write%' AND heap ILIKE '%readback%' THEN 'write to readback heap'
      WHEN regexp_matches(name, 'map|read|write', 'i') AND heap ILIKE '%default%'
        THEN 'access to default heap'
      WHEN name ILIKE '%read%' AND page ILIKE '%write%combine%'
        THEN 'read of write-combined memory'
      WHEN regexp_matches(name, 'map|read|write', 'i') AND page ILIKE '%not%available%'
        THEN 'access to memory that the CPU cannot reach'
    END AS warning
  FROM (
    SELECT
      s.id, s.ts, s.dur, s.name, s.track_id, s.trace,
      json_extract_string(a.__text, '$.heapFlags') AS flags,
      json_extract_string(a.__text, '$.heapType') AS heap,
      json_extract_string(a.__text, '$.cpuPageProperty') AS page
    -- Texts of args cost: without such a slice none is made. CASE keeps the check behind the join.
    FROM slice s JOIN (
      SELECT __id, __text FROM _slice_args
      WHERE EXISTS (SELECT 1 FROM slice WHERE category = 'dx12_memory')
    ) a ON a.__id = s.id
    WHERE s.category = 'dx12_memory' AND s.dur <> -1
      AND CASE WHEN s.dur <> -1 THEN json_valid(a.__text) END
  )
)
WHERE warning IS NOT NULL;

-- What recording itself cost, as far as tools tell: buffers that were flushed, instrumentation.
--
--   "CUDA profiling data flush" at 0 (dur 50)   gives   ts 0, dur 50
--
-- Columns:
--   id, ts, dur (ns), name: the slice.
--   track_id: its track.
--   trace: name of the trace.
CREATE VIEW gpu_profiler_overhead AS
SELECT id, ts, dur, name, track_id, trace FROM slice
WHERE category = 'overhead' AND dur > 0
  AND regexp_matches(name, 'profil|flush|buffer request|instrumentation', 'i');
