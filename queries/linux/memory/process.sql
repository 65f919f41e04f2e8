-- Memory of processes.

-- Values of the counter tracks of processes that tell of memory, each with what it is of.
CREATE VIEW _memory_of_processes AS
SELECT
  c.ts, t.upid, c.value, c.trace,
  CASE
    WHEN lower(t.name) IN ('mem.rss.anon', 'rss_anon', 'rssanon') THEN 'anon'
    WHEN lower(t.name) IN ('mem.rss.file', 'rss_file', 'rssfile') THEN 'file'
    WHEN lower(t.name) IN ('mem.rss.shmem', 'rss_shmem', 'rssshmem') THEN 'shmem'
    WHEN lower(t.name) IN ('rss', 'mem.rss') THEN 'rss'
    WHEN lower(t.name) IN ('swap', 'mem.swap') THEN 'swap'
  END AS kind
FROM counter c JOIN process_counter_track t ON t.id = c.track_id;

-- Intervals of constant memory of each process: of its counter tracks mem.rss.anon, mem.rss.file,
-- mem.rss.shmem, mem.swap, or, where a tool does not tell these apart, rss and swap.
--
--   anon 5 at 0, file 3 at 10, anon 6 at 20
--   gives   anon_rss 5 (ts 0, dur 10); 5 and 3 (ts 10, dur 10), rss 8; 6 and 3 (ts 20, …), rss 9
--
-- Columns:
--   ts, dur: ns; the last one of a process ends with its trace.
--   upid, pid, process_name: the process.
--   anon_rss, file_rss, shmem_rss: resident memory by what it holds, in the unit of the tracks.
--   rss: their sum, or the value of the track rss; null until anon and file are known.
--   swap: memory swapped out.
--   anon_rss_and_swap, rss_and_swap: sums; swap counts as 0 until it is known.
--   trace: name of the trace.
CREATE VIEW memory_rss_and_swap_per_process AS
WITH
  __tq_times AS (
    SELECT
      upid, ts, trace, max(value) FILTER (WHERE kind = 'anon') AS anon,
      max(value) FILTER (WHERE kind = 'file') AS file,
      max(value) FILTER (WHERE kind = 'shmem') AS shmem,
      max(value) FILTER (WHERE kind = 'rss') AS whole, max(value) FILTER (WHERE kind = 'swap') AS swap
    FROM _memory_of_processes WHERE kind IS NOT NULL GROUP BY upid, ts, trace
  ),
  __tq_held AS (
    SELECT
      upid, ts, trace, lead(ts) OVER w AS next_ts,
      last_value(anon IGNORE NULLS) OVER w AS anon_rss,
      last_value(file IGNORE NULLS) OVER w AS file_rss,
      last_value(shmem IGNORE NULLS) OVER w AS shmem_rss,
      last_value(whole IGNORE NULLS) OVER w AS whole, last_value(swap IGNORE NULLS) OVER w AS swap
    FROM __tq_times WINDOW w AS (PARTITION BY upid ORDER BY ts)
  ),
  __tq_summed AS (
    SELECT *, coalesce(anon_rss + file_rss + coalesce(shmem_rss, 0), whole) AS rss FROM __tq_held
  )
SELECT
  h.ts, coalesce(h.next_ts, b.end_ts) - h.ts AS dur, h.upid, p.pid, p.name AS process_name,
  h.anon_rss::BIGINT AS anon_rss, h.file_rss::BIGINT AS file_rss, h.shmem_rss::BIGINT AS shmem_rss,
  h.rss::BIGINT AS rss, h.swap::BIGINT AS swap,
  (h.anon_rss + coalesce(h.swap, 0))::BIGINT AS anon_rss_and_swap,
  (h.rss + coalesce(h.swap, 0))::BIGINT AS rss_and_swap, h.trace
FROM __tq_summed h JOIN trace_bounds b ON b.trace = h.trace LEFT JOIN process p ON p.upid = h.upid;
