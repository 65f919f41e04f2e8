-- Scheduling: which thread ran on which CPU, and what threads waited for.

-- Spans of a thread on a CPU.
--
-- Columns:
--   id: number of the span.
--   ts, dur, ts_end: start, length, end, ns.
--   cpu: number of the CPU; ucpu: its key in `cpu`.
--   utid: the thread.
--   end_state: state of the thread at the end.
--   priority: the kernel's; less is more urgent. Null where the tool does not tell.
--   trace: name of the trace.
CREATE VIEW sched AS
SELECT
  id, ts, dur, cpu, utid, end_state, priority,
  trace_no * 4294967296 + cpu AS ucpu, ts + dur AS ts_end, trace
FROM stored.sched;

-- Another name of `sched`.
CREATE VIEW sched_slice AS
SELECT id, ts, dur, cpu, utid, end_state, priority, ucpu, trace FROM sched;

-- What state a thread was in.
--
-- Columns:
--   id: number of the span.
--   ts, dur: start and length, ns.
--   cpu: number of the CPU it ran on; ucpu: its key in `cpu`.
--   utid: the thread.
--   state: Running, R, S, D …
--   io_wait: whether it waited for input or output.
--   blocked_function: the kernel's function it waited in.
--   waker_utid: the thread that woke it.
--   waker_id, irq_context: null.
--   trace: name of the trace.
CREATE VIEW thread_state AS
SELECT
  id, ts, dur, cpu, utid, state, io_wait, blocked_function, waker_utid,
  NULL::BIGINT AS waker_id, NULL::BIGINT AS irq_context,
  trace_no * 4294967296 + cpu AS ucpu, trace
FROM stored.thread_state;

-- CPUs that appear in the trace.
--
-- Columns:
--   id, ucpu: key; cpu: number of the CPU.
--   cluster_id, processor, machine_id, capacity, arg_set_id: null.
--   trace: name of the trace.
CREATE VIEW cpu AS
SELECT
  trace_no * 4294967296 + cpu AS id, trace_no * 4294967296 + cpu AS ucpu, cpu,
  NULL::BIGINT AS cluster_id, NULL::VARCHAR AS processor, NULL::BIGINT AS machine_id,
  NULL::BIGINT AS capacity, NULL::BIGINT AS arg_set_id, trace
FROM (
  SELECT trace_no, cpu, trace FROM stored.sched
  UNION SELECT trace_no, cpu, trace FROM stored.thread_state
  UNION SELECT trace_no, cpu, trace FROM stored.sample
  UNION SELECT trace_no, cpu, trace FROM stored.track
) WHERE cpu IS NOT NULL;
