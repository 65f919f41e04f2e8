-- Processes and threads.

-- Processes.
--
-- Columns:
--   id, upid: number of the process in its trace; pids are used again, this is not.
--   pid: the operating system's number.
--   name: its name.
--   start_ts, end_ts: when it began and ended, ns.
--   parent_upid: the process that started it.
--   uid: its user, where the tool tells.
--   android_appid, android_user_id, machine_id: null.
--   cmdline: the command that started it.
--   arg_set_id: key into `args`.
--   pid_text: the pid, where the tool writes a text.
--   host: name of the machine.
--   rank: rank in a distributed run.
--   args: JSON text.
--   trace: name of the trace.
CREATE VIEW process AS
SELECT
  upid AS id, upid, pid, name, start_ts, end_ts, parent_upid,
  TRY_CAST(args ->> '$.uid' AS BIGINT) AS uid, NULL::BIGINT AS android_appid,
  NULL::BIGINT AS android_user_id, cmdline,
  CASE WHEN args IS NOT NULL THEN upid::BIGINT * 8 + 3 END AS arg_set_id,
  NULL::BIGINT AS machine_id, pid_text, host, rank, args, trace
FROM stored.process;

-- Threads.
--
-- Columns:
--   id, utid: number of the thread in its trace; tids are used again, this is not.
--   tid: the operating system's number.
--   name: its name.
--   start_ts, end_ts: when it began and ended, ns.
--   upid: its process.
--   is_main_thread: whether it is the first thread of its process.
--   is_idle: whether it stands for a CPU that has nothing to do.
--   machine_id: null.
--   tid_text: the tid, where the tool writes a text.
--   args: JSON text.
--   trace: name of the trace.
CREATE VIEW thread AS
SELECT
  utid AS id, utid, tid, name, start_ts, end_ts, upid, is_main_thread,
  coalesce(utid = 0 AND tid = 0 AND name = 'swapper', false) AS is_idle,
  NULL::BIGINT AS machine_id, tid_text, args, trace
FROM stored.thread;
