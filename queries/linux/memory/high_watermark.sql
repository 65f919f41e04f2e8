-- The most memory that processes had.

-- The most resident memory that each process had so far; where it does not grow, as
-- counter_leading_intervals has it.
--
--   rss 5 at 0, 9 at 10   gives   5 (ts 0, dur 10), 9 (ts 10, …)
--
-- Columns:
--   ts, dur: how long it was the most, ns.
--   upid, pid, process_name: the process.
--   rss_high_watermark: in the unit of the tracks; what is not known counts as 0.
--   trace: name of the trace.
CREATE VIEW memory_rss_high_watermark_per_process AS
WITH
  __tq_so_far AS (
    SELECT
      row_number() OVER (ORDER BY upid, ts) AS id, ts, upid AS track_id,
      max(coalesce(rss, coalesce(anon_rss, 0) + coalesce(file_rss, 0) + coalesce(shmem_rss, 0)))
        OVER (PARTITION BY upid ORDER BY ts) AS value
    FROM memory_rss_and_swap_per_process
  )
SELECT
  c.ts, c.dur, p.upid, p.pid, p.name AS process_name, c.value AS rss_high_watermark, p.trace
FROM counter_leading_intervals(__tq_so_far) c JOIN process p ON p.upid = c.track_id;
