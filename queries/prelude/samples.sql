-- Samples of stacks, and the stacks.

-- Samples: where a thread was at an instant.
--
-- Columns:
--   id: number of the sample.
--   ts: when, ns.
--   utid: the thread; cpu: the CPU it ran on.
--   frame_id: the innermost frame; its parents are the stack.
--   weight, weight_unit: what the sample stands for.
--   state: of the thread.
--   trace: name of the trace.
CREATE VIEW sample AS
SELECT id, ts, utid, cpu, frame_id, weight, weight_unit, state, trace FROM stored.sample;

-- Frames: nodes of the tree of stacks; a stack is its innermost frame.
--
-- Columns:
--   id: number of the frame; parent_id: its caller; depth: 0 for the outermost.
--   name: the function; module: library or binary; file, line: of the source.
--   address: in memory.
--   trace: name of the trace.
CREATE VIEW frame AS
SELECT id, parent_id, depth, name, module, file, line, address, trace FROM stored.frame;

-- Binaries and libraries that frames lie in.
--
-- Columns: id; build_id, exact_offset, start_offset, start, end, load_bias are null; name; trace.
CREATE VIEW stack_profile_mapping AS
SELECT
  min(id) AS id, NULL::VARCHAR AS build_id, NULL::BIGINT AS exact_offset,
  NULL::BIGINT AS start_offset, NULL::BIGINT AS start, NULL::BIGINT AS "end",
  NULL::BIGINT AS load_bias, module AS name, any_value(trace) AS trace
FROM stored.frame WHERE module IS NOT NULL GROUP BY trace_no, module;

-- Functions at a place of the tree of stacks; one row a callsite.
--
-- Columns: id; name; mapping (key into stack_profile_mapping); rel_pc (address);
-- symbol_set_id and deobfuscated_name are null; module, file, line; trace.
CREATE VIEW stack_profile_frame AS
SELECT
  f.id, f.name, m.id AS mapping, f.address AS rel_pc, NULL::BIGINT AS symbol_set_id,
  NULL::VARCHAR AS deobfuscated_name, f.module, f.file, f.line, f.trace
FROM stored.frame f
LEFT JOIN (
  SELECT min(id) AS id, trace_no, module FROM stored.frame
  WHERE module IS NOT NULL GROUP BY trace_no, module
) m ON m.trace_no = f.trace_no AND m.module = f.module;

-- Places in stacks: a frame below its callers.
--
-- Columns: id; depth (0: outermost); parent_id; frame_id (key into stack_profile_frame); trace.
CREATE VIEW stack_profile_callsite AS
SELECT id, depth, parent_id, id AS frame_id, trace FROM stored.frame;

-- Samples that have a stack.
--
-- Columns: id; ts (ns); source, async_name, async_kind, cpu_mode, session_id are null; utid; upid;
-- ucpu (key into cpu); callsite_id (key into stack_profile_callsite); trace.
CREATE VIEW stack_sample AS
SELECT
  s.id, s.ts, NULL::VARCHAR AS source, s.utid, t.upid, NULL::VARCHAR AS async_name,
  NULL::VARCHAR AS async_kind, s.trace_no * 4294967296 + s.cpu AS ucpu,
  NULL::VARCHAR AS cpu_mode, s.frame_id AS callsite_id, NULL::BIGINT AS session_id, s.trace
FROM stored.sample s
LEFT JOIN (SELECT utid, any_value(upid) AS upid FROM stored.thread GROUP BY utid) t
  ON t.utid = s.utid
WHERE s.frame_id IS NOT NULL;

-- Samples under the name they have for Linux perf.
--
-- Columns: id; ts (ns); utid; cpu; cpu_mode, unwind_error, perf_session_id are null;
-- callsite_id (key into stack_profile_callsite); trace.
CREATE VIEW perf_sample AS
SELECT
  id, ts, utid, cpu, NULL::VARCHAR AS cpu_mode, frame_id AS callsite_id,
  NULL::VARCHAR AS unwind_error, NULL::BIGINT AS perf_session_id, trace
FROM stored.sample;

-- Samples under the name they have for Chrome's CPU profiler.
--
-- Columns: id; ts (ns); callsite_id (key into stack_profile_callsite); utid;
-- process_priority is null; trace.
CREATE VIEW cpu_profile_stack_sample AS
SELECT id, ts, frame_id AS callsite_id, utid, NULL::BIGINT AS process_priority, trace
FROM stored.sample WHERE frame_id IS NOT NULL;
