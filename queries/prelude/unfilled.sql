-- Tables of Perfetto that no importer fills yet: each is there, with Perfetto's columns and no
-- rows. That they are empty says nothing about the trace.

-- The machines a trace was recorded on. No importer fills it yet.
--
-- Columns:
--   id: number of the row.
--   raw_id, sysname, release, version, arch, num_cpus: as in Perfetto.
--   trace: name of the trace.
CREATE VIEW machine AS
SELECT
  NULL::BIGINT AS id, NULL::BIGINT AS raw_id, NULL::VARCHAR AS sysname, NULL::VARCHAR AS
  release, NULL::VARCHAR AS version, NULL::VARCHAR AS arch, NULL::BIGINT AS num_cpus, trace
FROM stored.trace WHERE false;

-- What several clocks showed at one instant. No importer fills it yet.
--
-- Columns:
--   id: number of the row.
--   ts: instant or start, ns.
--   clock_id, clock_name, clock_value, snapshot_id, machine_id: as in Perfetto.
--   trace: name of the trace.
CREATE VIEW clock_snapshot AS
SELECT
  NULL::BIGINT AS id, NULL::BIGINT AS ts, NULL::BIGINT AS clock_id, NULL::VARCHAR AS clock_name,
  NULL::BIGINT AS clock_value, NULL::BIGINT AS snapshot_id, NULL::BIGINT AS machine_id, trace
FROM stored.trace WHERE false;

-- Events of the kernel as they were written. No importer fills it yet.
--
-- Columns:
--   id: number of the row.
--   ts: instant or start, ns.
--   name: its name.
--   utid: the thread.
--   arg_set_id: its args.
--   cpu: number of the CPU.
--   ucpu: key of the CPU in `cpu`.
--   common_flags: as in Perfetto.
--   trace: name of the trace.
CREATE VIEW ftrace_event AS
SELECT
  NULL::BIGINT AS id, NULL::BIGINT AS ts, NULL::VARCHAR AS name, NULL::BIGINT AS utid,
  NULL::BIGINT AS arg_set_id, NULL::BIGINT AS common_flags, NULL::BIGINT AS cpu, NULL::BIGINT AS
  ucpu, trace
FROM stored.trace WHERE false;

-- Older name of `ftrace_event`. No importer fills it yet.
--
-- Columns:
--   id: number of the row.
--   ts: instant or start, ns.
--   name: its name.
--   utid: the thread.
--   arg_set_id: its args.
--   cpu: number of the CPU.
--   ucpu: key of the CPU in `cpu`.
--   common_flags: as in Perfetto.
--   trace: name of the trace.
CREATE VIEW raw AS
SELECT
  NULL::BIGINT AS id, NULL::BIGINT AS ts, NULL::VARCHAR AS name, NULL::BIGINT AS utid,
  NULL::BIGINT AS arg_set_id, NULL::BIGINT AS common_flags, NULL::BIGINT AS cpu, NULL::BIGINT AS
  ucpu, trace
FROM stored.trace WHERE false;

-- Frequencies that a CPU can have. No importer fills it yet.
--
-- Columns:
--   id: number of the row.
--   cpu: number of the CPU.
--   ucpu: key of the CPU in `cpu`.
--   freq: as in Perfetto.
--   trace: name of the trace.
CREATE VIEW cpu_available_frequencies AS
SELECT
  NULL::BIGINT AS id, NULL::BIGINT AS cpu, NULL::BIGINT AS ucpu, NULL::BIGINT AS freq, trace
FROM stored.trace WHERE false;

-- Recordings of samples. No importer fills it yet.
--
-- Columns:
--   id: number of the row.
--   cmdline: as in Perfetto.
--   trace: name of the trace.
CREATE VIEW perf_session AS
SELECT
  NULL::BIGINT AS id, NULL::VARCHAR AS cmdline, trace
FROM stored.trace WHERE false;

-- Tracks of counters of sample recordings. No importer fills it yet.
--
-- Columns:
--   id: number of the row.
--   name: its name.
--   cpu: number of the CPU.
--   type, parent_id, source_arg_set_id, machine_id, unit, description, perf_session_id,
--     is_timebase: as in Perfetto.
--   trace: name of the trace.
CREATE VIEW perf_counter_track AS
SELECT
  NULL::BIGINT AS id, NULL::VARCHAR AS name, NULL::VARCHAR AS type, NULL::BIGINT AS parent_id,
  NULL::BIGINT AS source_arg_set_id, NULL::BIGINT AS machine_id, NULL::VARCHAR AS unit,
  NULL::VARCHAR AS description, NULL::BIGINT AS perf_session_id, NULL::BIGINT AS cpu,
  NULL::BIGINT AS is_timebase, trace
FROM stored.trace WHERE false;

-- Samples of Instruments. No importer fills it yet.
--
-- Columns:
--   id: number of the row.
--   ts: instant or start, ns.
--   utid: the thread.
--   cpu: number of the CPU.
--   callsite_id: as in Perfetto.
--   trace: name of the trace.
CREATE VIEW instruments_sample AS
SELECT
  NULL::BIGINT AS id, NULL::BIGINT AS ts, NULL::BIGINT AS utid, NULL::BIGINT AS cpu,
  NULL::BIGINT AS callsite_id, trace
FROM stored.trace WHERE false;

-- Packages installed on an Android device. No importer fills it yet.
--
-- Columns:
--   id: number of the row.
--   package_name, uid, debuggable, profileable_from_shell, version_code: as in Perfetto.
--   trace: name of the trace.
CREATE VIEW package_list AS
SELECT
  NULL::BIGINT AS id, NULL::VARCHAR AS package_name, NULL::BIGINT AS uid, NULL::BIGINT AS
  debuggable, NULL::BIGINT AS profileable_from_shell, NULL::BIGINT AS version_code, trace
FROM stored.trace WHERE false;

-- Symbols of frames, one row an inlined call. No importer fills it yet.
--
-- Columns:
--   id: number of the row.
--   name: its name.
--   symbol_set_id, source_file, line_number, inlined: as in Perfetto.
--   trace: name of the trace.
CREATE VIEW stack_profile_symbol AS
SELECT
  NULL::BIGINT AS id, NULL::BIGINT AS symbol_set_id, NULL::VARCHAR AS name, NULL::VARCHAR AS
  source_file, NULL::BIGINT AS line_number, NULL::BIGINT AS inlined, trace
FROM stored.trace WHERE false;

-- Objects of a heap dump. No importer fills it yet.
--
-- Columns:
--   id: number of the row.
--   upid: the process.
--   graph_sample_ts, self_size, native_size, reference_set_id, reachable, heap_type, type_id,
--     root_type, root_distance: as in Perfetto.
--   trace: name of the trace.
CREATE VIEW heap_graph_object AS
SELECT
  NULL::BIGINT AS id, NULL::BIGINT AS upid, NULL::BIGINT AS graph_sample_ts, NULL::BIGINT AS
  self_size, NULL::BIGINT AS native_size, NULL::BIGINT AS reference_set_id, NULL::BIGINT AS
  reachable, NULL::VARCHAR AS heap_type, NULL::BIGINT AS type_id, NULL::VARCHAR AS root_type,
  NULL::BIGINT AS root_distance, trace
FROM stored.trace WHERE false;

-- Classes of a heap dump. No importer fills it yet.
--
-- Columns:
--   id: number of the row.
--   name: its name.
--   deobfuscated_name, location, superclass_id, classloader_id, kind: as in Perfetto.
--   trace: name of the trace.
CREATE VIEW heap_graph_class AS
SELECT
  NULL::BIGINT AS id, NULL::VARCHAR AS name, NULL::VARCHAR AS deobfuscated_name, NULL::VARCHAR
  AS location, NULL::BIGINT AS superclass_id, NULL::BIGINT AS classloader_id, NULL::VARCHAR AS
  kind, trace
FROM stored.trace WHERE false;

-- References of a heap dump. No importer fills it yet.
--
-- Columns:
--   id: number of the row.
--   reference_set_id, owner_id, owned_id, field_name, field_type_name, deobfuscated_field_name:
--     as in Perfetto.
--   trace: name of the trace.
CREATE VIEW heap_graph_reference AS
SELECT
  NULL::BIGINT AS id, NULL::BIGINT AS reference_set_id, NULL::BIGINT AS owner_id, NULL::BIGINT
  AS owned_id, NULL::VARCHAR AS field_name, NULL::VARCHAR AS field_type_name, NULL::VARCHAR AS
  deobfuscated_field_name, trace
FROM stored.trace WHERE false;

-- Snapshots of the memory of processes. No importer fills it yet.
--
-- Columns:
--   id: number of the row.
--   track_id: its track.
--   timestamp, detail_level: as in Perfetto.
--   trace: name of the trace.
CREATE VIEW memory_snapshot AS
SELECT
  NULL::BIGINT AS id, NULL::BIGINT AS timestamp, NULL::BIGINT AS track_id, NULL::VARCHAR AS
  detail_level, trace
FROM stored.trace WHERE false;

-- The processes of a memory snapshot. No importer fills it yet.
--
-- Columns:
--   id: number of the row.
--   upid: the process.
--   snapshot_id: as in Perfetto.
--   trace: name of the trace.
CREATE VIEW process_memory_snapshot AS
SELECT
  NULL::BIGINT AS id, NULL::BIGINT AS snapshot_id, NULL::BIGINT AS upid, trace
FROM stored.trace WHERE false;

-- Nodes of the graph of a memory snapshot. No importer fills it yet.
--
-- Columns:
--   id: number of the row.
--   arg_set_id: its args.
--   process_snapshot_id, parent_node_id, path, size, effective_size: as in Perfetto.
--   trace: name of the trace.
CREATE VIEW memory_snapshot_node AS
SELECT
  NULL::BIGINT AS id, NULL::BIGINT AS process_snapshot_id, NULL::BIGINT AS parent_node_id,
  NULL::VARCHAR AS path, NULL::BIGINT AS size, NULL::BIGINT AS effective_size, NULL::BIGINT AS
  arg_set_id, trace
FROM stored.trace WHERE false;

-- Edges of the graph of a memory snapshot. No importer fills it yet.
--
-- Columns:
--   id: number of the row.
--   source_node_id, target_node_id, importance: as in Perfetto.
--   trace: name of the trace.
CREATE VIEW memory_snapshot_edge AS
SELECT
  NULL::BIGINT AS id, NULL::BIGINT AS source_node_id, NULL::BIGINT AS target_node_id,
  NULL::BIGINT AS importance, trace
FROM stored.trace WHERE false;

-- Contexts of a GPU. No importer fills it yet.
--
-- Columns:
--   id: number of the row.
--   upid: the process.
--   context_id, priority: as in Perfetto.
--   trace: name of the trace.
CREATE VIEW gpu_context AS
SELECT
  NULL::BIGINT AS id, NULL::BIGINT AS context_id, NULL::BIGINT AS upid, NULL::BIGINT AS
  priority, trace
FROM stored.trace WHERE false;

-- Groups of counters of a GPU. No importer fills it yet.
--
-- Columns:
--   id: number of the row.
--   track_id: its track.
--   group_id: as in Perfetto.
--   trace: name of the trace.
CREATE VIEW gpu_counter_group AS
SELECT
  NULL::BIGINT AS id, NULL::BIGINT AS group_id, NULL::BIGINT AS track_id, trace
FROM stored.trace WHERE false;

-- Wakeups of threads that ran already. No importer fills it yet.
--
-- Columns:
--   id: number of the row.
--   ts: instant or start, ns.
--   utid: the thread.
--   thread_state_id, irq_context, waker_utid: as in Perfetto.
--   trace: name of the trace.
CREATE VIEW spurious_sched_wakeup AS
SELECT
  NULL::BIGINT AS id, NULL::BIGINT AS ts, NULL::BIGINT AS thread_state_id, NULL::BIGINT AS
  irq_context, NULL::BIGINT AS utid, NULL::BIGINT AS waker_utid, trace
FROM stored.trace WHERE false;

-- Share of time that all CPUs spent in each idle state, as sysfs tells it. No importer fills it yet.
--
-- Columns:
--   ts: instant, ns.
--   machine_id, state_name: as in Perfetto.
--   idle_percentage: share of the time, in percent.
--   total_residency, time_slice: time in the state, and of all CPUs, microseconds.
--   trace: name of the trace.
CREATE VIEW cpu_idle_time_in_state_counters AS
SELECT
  NULL::BIGINT AS ts, NULL::BIGINT AS machine_id, NULL::VARCHAR AS state_name,
  NULL::DOUBLE AS idle_percentage, NULL::DOUBLE AS total_residency, NULL::BIGINT AS time_slice,
  trace
FROM stored.trace WHERE false;

-- Another name of `cpu_idle_time_in_state_counters`, the newer one. No importer fills it yet.
CREATE VIEW linux_cpu_idle_time_in_state_counters AS
SELECT * FROM cpu_idle_time_in_state_counters;

-- The same for each CPU. No importer fills it yet.
--
-- Columns:
--   ts: instant, ns.
--   machine_id, state_name: as in Perfetto.
--   cpu: number of the CPU.
--   idle_percentage: share of the time, in percent.
--   total_residency, time_slice: time in the state, and of the CPU, microseconds.
--   trace: name of the trace.
CREATE VIEW linux_per_cpu_idle_time_in_state_counters AS
SELECT
  NULL::BIGINT AS ts, NULL::BIGINT AS machine_id, NULL::VARCHAR AS state_name,
  NULL::BIGINT AS cpu, NULL::DOUBLE AS idle_percentage, NULL::DOUBLE AS total_residency,
  NULL::BIGINT AS time_slice, trace
FROM stored.trace WHERE false;

-- Operations that the kernel or a block device has yet to finish. No importer fills it yet.
--
-- Columns:
--   ts: instant, ns.
--   ops_in_queue_or_device, dev: as in Perfetto.
--   trace: name of the trace.
CREATE VIEW linux_active_block_io_operations_by_device AS
SELECT
  NULL::BIGINT AS ts, NULL::BIGINT AS ops_in_queue_or_device, NULL::BIGINT AS dev, trace
FROM stored.trace WHERE false;
