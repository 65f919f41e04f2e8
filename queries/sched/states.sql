-- Names of the states of threads.

-- Spells out the kernel's letters of a state: 'R+' gives 'Runnable (Preempted)'.
CREATE MACRO sched_state_to_human_readable_string(short_name) AS
  CASE short_name
    WHEN 'Running' THEN 'Running'
    WHEN 'R' THEN 'Runnable'
    WHEN 'R+' THEN 'Runnable (Preempted)'
    WHEN 'S' THEN 'Sleeping'
    WHEN 'D' THEN 'Uninterruptible Sleep'
    WHEN 'T' THEN 'Stopped'
    WHEN 't' THEN 'Traced'
    WHEN 'X' THEN 'Exit (Dead)'
    WHEN 'Z' THEN 'Exit (Zombie)'
    WHEN 'x' THEN 'Task Dead'
    WHEN 'I' THEN 'Idle'
    WHEN 'K' THEN 'Wakekill'
    WHEN 'W' THEN 'Waking'
    WHEN 'P' THEN 'Parked'
    WHEN 'N' THEN 'No Load'
    ELSE short_name
  END;

-- As sched_state_to_human_readable_string, and whether the thread waits for input or output:
-- ('D', true) gives 'Uninterruptible Sleep (IO)'.
CREATE MACRO sched_state_io_to_human_readable_string(short_name, waits) AS
  sched_state_to_human_readable_string(short_name)
  || CASE WHEN waits THEN ' (IO)' WHEN NOT waits THEN ' (non-IO)' ELSE '' END;

-- `sched` with names of thread and process.
--
-- Columns: id, ts, dur (ns); cpu, utid, end_state, priority, ucpu; thread_name, tid; process_name,
-- upid, pid; trace.
CREATE VIEW sched_with_thread_process AS
SELECT
  s.id, s.ts, s.dur, s.cpu, s.utid, s.end_state, s.priority, s.ucpu, t.name AS thread_name, t.tid,
  p.name AS process_name, t.upid, p.pid, s.trace
FROM sched s LEFT JOIN thread t ON t.utid = s.utid LEFT JOIN process p ON p.upid = t.upid;
