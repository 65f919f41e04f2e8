-- Threads of the kernel.

-- The kernel's own threads: those of the process 2 and of the processes that it started.
--
--   process 2 `kthreadd`, process 7 `kworker` of parent 2   gives   a row for each thread of both
--
-- Columns:
--   upid, utid: process and thread.
--   pid, tid: their numbers in the kernel.
--   process_name, thread_name: their names.
--   machine_id: null.
--   trace: name of the trace.
CREATE VIEW linux_kernel_threads AS
SELECT
  p.upid, t.utid, p.pid, t.tid, p.name AS process_name, t.name AS thread_name,
  NULL::BIGINT AS machine_id, p.trace
FROM process p
JOIN thread t ON t.upid = p.upid
LEFT JOIN process parent ON parent.upid = p.parent_upid
WHERE p.pid = 2 OR parent.pid = 2;
