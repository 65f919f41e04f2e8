-- Reports of `nsys stats` on communication: MPI, and congestion of networks.

-- Calls of MPI with what their tables say.
CREATE VIEW _nsys_mpi AS
SELECT
  c.id, c.ts, c.dur, c.name, c.pid, c.tid, p.rank, c.trace,
  (c.args ->> '$.tag')::BIGINT AS tag, (c.args ->> '$.remoteRank')::BIGINT AS peer,
  (c.args ->> '$.rootRank')::BIGINT AS root, (c.args ->> '$.size')::BIGINT AS size_bytes,
  (c.args ->> '$.recvSize')::BIGINT AS received_bytes,
  CASE
    WHEN c.args ->> '$.recvSize' IS NOT NULL OR c.args ->> '$.rootRank' IS NOT NULL
      THEN 'Collectives'
    WHEN c.args ->> '$.remoteRank' IS NOT NULL OR c.args ->> '$.tag' IS NOT NULL THEN 'P2P'
    ELSE 'Other'
  END AS source
FROM _nsys_call c LEFT JOIN process p ON p.upid = c.upid
WHERE c.category = 'mpi' AND c.dur <> -1;

-- Calls of MPI by kind and name.
--
-- Also called: mpievtsum.
--
--   MPI_Send (dur 10) and MPI_Bcast (dur 30)   give   25.0 % P2P and 75.0 % Collectives
--
-- Columns:
--   Time (%): share of the total time of the report, to one decimal.
--   Total Time (ns), Instances, Avg (ns), Med (ns), Min (ns), Max (ns), StdDev (ns): over
--     durations; the deviation is that of a sample, 0 of one.
--   Source: P2P, Collectives or Other.
--   Name: the call.
--   trace: name of the trace.
CREATE VIEW nsys_mpi_event_sum AS
WITH __tq_timed AS (
  SELECT {'source': source, 'name': name} AS label, dur, trace FROM _nsys_mpi
)
SELECT
  ratio AS "Time (%)", total AS "Total Time (ns)", count AS "Instances", avg AS "Avg (ns)",
  med AS "Med (ns)", min AS "Min (ns)", max AS "Max (ns)", stddev AS "StdDev (ns)",
  label.source AS "Source", label.name AS "Name", trace
FROM _nsys_durations(__tq_timed) ORDER BY trace, total DESC, label.source, label.name;

-- Every call of MPI, by start.
--
-- Also called: mpievttrace.
--
--   a send of 100 bytes to rank 1   gives   PeerRank 1, Size 100
--
-- Columns:
--   Start (ns), End (ns), Duration (ns), Event: of the call.
--   Pid, Tid: who called.
--   Tag, Rank, PeerRank, RootRank: of the message; null where the call has none.
--   Size (MB): of a message to a peer. CollSendSize (MB), CollRecvSize (MB): of a collective.
--   trace: name of the trace.
CREATE VIEW nsys_mpi_event_trace AS
SELECT
  ts AS "Start (ns)", ts + dur AS "End (ns)", dur AS "Duration (ns)", name AS "Event", pid AS "Pid",
  tid AS "Tid", tag AS "Tag", rank AS "Rank", peer AS "PeerRank", root AS "RootRank",
  CASE WHEN source <> 'Collectives' THEN size_bytes / 1e6 END AS "Size (MB)",
  CASE WHEN source = 'Collectives' THEN size_bytes / 1e6 END AS "CollSendSize (MB)",
  received_bytes / 1e6 AS "CollRecvSize (MB)", trace
FROM _nsys_mpi ORDER BY trace, ts, id;

-- Bytes that calls of MPI moved, by kind and name; a collective counts what it sends.
--
--   sends of 100 and 300 bytes   give   Total Message Volume 400, 2 instances
--
-- Columns:
--   Total Message Volume (bytes), Instances, Avg (bytes), Med (bytes), Min (bytes), Max (bytes),
--   StdDev (bytes): over messages.
--   Source: P2P, Collectives or Other.
--   Name: the call.
--   trace: name of the trace.
CREATE VIEW nsys_mpi_msg_size_sum AS
SELECT
  sum(size_bytes)::BIGINT AS "Total Message Volume (bytes)", count(*) AS "Instances",
  round(avg(size_bytes), 1) AS "Avg (bytes)", round(median(size_bytes), 1) AS "Med (bytes)",
  min(size_bytes) AS "Min (bytes)", max(size_bytes) AS "Max (bytes)",
  round(coalesce(stddev_samp(size_bytes), 0), 1) AS "StdDev (bytes)", source AS "Source",
  name AS "Name", trace
FROM _nsys_mpi WHERE size_bytes IS NOT NULL
GROUP BY source, name, trace ORDER BY trace, sum(size_bytes) DESC, source, name;

-- Times at which a network was congested.
--
--   an event at 5 (dur 10)   gives   Start 5, End 15, Duration 10
--
-- Columns:
--   Start (ns), End (ns), Duration (ns): of the event.
--   Send wait rate, GUID: as the export says them; null where it does not.
--   Name: of the event.
--   trace: name of the trace.
CREATE VIEW nsys_network_congestion AS
SELECT
  ts AS "Start (ns)", ts + dur AS "End (ns)", dur AS "Duration (ns)",
  coalesce(args ->> '$.sendWaitRate', args ->> '$.value')::DOUBLE AS "Send wait rate",
  coalesce(args ->> '$.GUID', args ->> '$.guid') AS "GUID", name AS "Name", trace
FROM slice WHERE category LIKE 'net%congestion%' AND dur <> -1 ORDER BY trace, ts, id;
