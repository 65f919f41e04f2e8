-- The most memory that processes had.

-- The most resident memory that each process had so far, at each time that it grew.
--
--   rss 5 at 0, 3 at 10, 9 at 20   gives   5 (ts 0, dur 20), 9 (ts 20, …)
--
-- Columns:
--   ts, dur: how long it was the most, ns.
--   upid, pid, process_name: the process.
--   rss_high_watermark: in the unit of the tracks; what is not known counts as 0.
--   trace: name of the trace.
CREATE VIEW memory_rss_high_watermark_per_process AS
WITH
  __tq_known AS (
    SELECT
      ts, upid, pid, process_name, trace,
      coalesce(rss, coalesce(anon_rss, 0) + coalesce(file_rss, 0) + coalesce(shmem_rss, 0)) AS value
    FROM memory_rss_and_swap_per_process
  ),
  __tq_top AS (
    SELECT
      *, max(value) OVER (PARTITION BY upid ORDER BY ts
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM __tq_known
  )
SELECT
  m.ts, lead(m.ts, 1, b.end_ts) OVER (PARTITION BY m.upid ORDER BY m.ts) - m.ts AS dur,
  m.upid, m.pid, m.process_name, m.value AS rss_high_watermark, m.trace
FROM __tq_top m JOIN trace_bounds b ON b.trace = m.trace
WHERE m.before IS NULL OR m.value > m.before;
