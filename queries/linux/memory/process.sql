-- Memory of processes.

-- Intervals of constant resident memory of each process: of its counter tracks whose name is `rss`
-- or starts with `mem.rss`, and of swap.
--
-- Columns:
--   ts, dur: ns; the last one of a track ends with its trace.
--   track_id, name, unit: the series.
--   upid, pid, process_name: the process.
--   value: in the unit of the track.
--   kind: rss or swap.
--   trace: name of the trace.
CREATE VIEW memory_rss_and_swap_per_process AS
SELECT
  c.ts,
  lead(c.ts, 1, b.end_ts) OVER (PARTITION BY c.track_id ORDER BY c.ts, c.id) - c.ts AS dur,
  c.track_id, t.name, t.unit, t.upid, p.pid, p.name AS process_name, c.value,
  CASE WHEN lower(t.name) LIKE '%swap%' THEN 'swap' ELSE 'rss' END AS kind, c.trace
FROM counter c
JOIN process_counter_track t ON t.id = c.track_id
LEFT JOIN process p ON p.upid = t.upid
JOIN trace_bounds b ON b.trace = c.trace
WHERE lower(t.name) IN ('rss', 'swap') OR lower(t.name) LIKE 'mem.rss%'
  OR lower(t.name) LIKE 'mem.swap%';

-- The most resident memory that each process had so far, at each time that it grew.
--
-- Columns:
--   ts, dur: how long it was the most, ns.
--   upid, pid, process_name: the process.
--   rss_high_watermark: in the unit of the track, the largest of its tracks.
--   trace: name of the trace.
CREATE VIEW memory_rss_high_watermark_per_process AS
WITH
  __tq_top AS (
    SELECT
      ts, upid, pid, process_name, value, trace,
      max(value) OVER (PARTITION BY upid ORDER BY ts, track_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM memory_rss_and_swap_per_process WHERE kind = 'rss'
  )
SELECT
  m.ts, lead(m.ts, 1, b.end_ts) OVER (PARTITION BY m.upid ORDER BY m.ts, m.value) - m.ts AS dur,
  m.upid, m.pid, m.process_name, m.value AS rss_high_watermark, m.trace
FROM __tq_top m JOIN trace_bounds b ON b.trace = m.trace
WHERE m.before IS NULL OR m.value > m.before;
