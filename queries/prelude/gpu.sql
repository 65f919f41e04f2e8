-- Devices, and the work they did.

-- Devices: GPUs and other accelerators, with the limits that models of occupancy use.
--
-- Columns: those of the table `device`, then trace.
CREATE VIEW device AS SELECT * EXCLUDE (trace_no) FROM stored.device;

-- Devices under Perfetto's name and columns.
--
-- Columns: id, ugpu, gpu (the device_id); name; vendor; uuid; model, architecture, pci_bdf,
-- machine_id are null; arg_set_id (key into `args`); trace.
CREATE VIEW gpu AS
SELECT
  device_id AS id, device_id AS ugpu, device_id AS gpu, name, vendor, NULL::VARCHAR AS model,
  NULL::VARCHAR AS architecture, uuid, NULL::VARCHAR AS pci_bdf, NULL::BIGINT AS machine_id,
  CASE WHEN args IS NOT NULL THEN device_id::BIGINT * 8 + 6 END AS arg_set_id, trace
FROM stored.device WHERE kind IS NULL OR kind <> 'cpu';

-- Work done by devices: kernels, copies, fills, graphs. What it is called and when it ran stand in
-- `slice`, by slice_id; `gpu_kernel` and `gpu_memcpy` have both.
--
-- Columns: those of the table `gpu_op`, then trace.
CREATE VIEW gpu_op AS SELECT * EXCLUDE (trace_no) FROM stored.gpu_op;

-- Slices of devices' work with Perfetto's columns, then those of `gpu_op`.
--
-- Columns: id, ts, dur (ns), track_id, category, name, depth, parent_id, arg_set_id; context_id;
-- render_*, command_buffer*, frame_id, submission_id are null; hw_queue_id (the stream); upid;
-- kind, device_id, stream_id, correlation_id, launch_slice_id, bytes; trace.
CREATE VIEW gpu_slice AS
SELECT
  s.id, s.ts, s.dur, s.track_id, s.category, s.name, s.depth, s.parent_id, s.arg_set_id,
  g.context_id, NULL::BIGINT AS render_target, NULL::VARCHAR AS render_target_name,
  NULL::BIGINT AS render_pass, NULL::VARCHAR AS render_pass_name,
  NULL::BIGINT AS command_buffer, NULL::VARCHAR AS command_buffer_name,
  NULL::BIGINT AS frame_id, NULL::BIGINT AS submission_id, g.stream_id AS hw_queue_id, k.upid,
  NULL::VARCHAR AS render_subpasses,
  g.kind, g.device_id, g.stream_id, g.correlation_id, g.launch_slice_id, g.bytes, s.trace
FROM stored.gpu_op g
JOIN slice s ON s.id = g.slice_id
LEFT JOIN (SELECT id, any_value(upid) AS upid FROM stored.track GROUP BY id) k
  ON k.id = s.track_id;

-- Kernels.
--
-- Columns: id, ts, dur (ns), name, name_id, track_id; device_id, context_id, stream_id,
-- correlation_id, launch_slice_id; grid_x … block_z (counts); registers_per_thread;
-- static_shared_bytes, dynamic_shared_bytes, shared_bytes; graph_id, graph_node_id;
-- occupancy_ratio; trace.
CREATE VIEW gpu_kernel AS
SELECT
  s.id, s.ts, s.dur, s.name, s.name_id, s.track_id, g.device_id, g.context_id, g.stream_id,
  g.correlation_id, g.launch_slice_id, g.grid_x, g.grid_y, g.grid_z, g.block_x, g.block_y,
  g.block_z, g.registers_per_thread, g.static_shared_bytes, g.dynamic_shared_bytes, g.shared_bytes,
  g.graph_id, g.graph_node_id, g.occupancy_ratio, s.trace
FROM stored.gpu_op g JOIN slice s ON s.id = g.slice_id WHERE g.kind = 'kernel';

-- Copies between memories.
--
-- Columns: id, ts, dur (ns), name, name_id, track_id; device_id, context_id, stream_id,
-- correlation_id, launch_slice_id; bytes; copy_kind, src_memory, dst_memory; trace.
CREATE VIEW gpu_memcpy AS
SELECT
  s.id, s.ts, s.dur, s.name, s.name_id, s.track_id, g.device_id, g.context_id, g.stream_id,
  g.correlation_id, g.launch_slice_id, g.bytes, g.copy_kind, g.src_memory, g.dst_memory, s.trace
FROM stored.gpu_op g JOIN slice s ON s.id = g.slice_id WHERE g.kind = 'memcpy';

-- Fills of memory.
--
-- Columns: id, ts, dur (ns), name, name_id, track_id; device_id, context_id, stream_id,
-- correlation_id, launch_slice_id; bytes; trace.
CREATE VIEW gpu_memset AS
SELECT
  s.id, s.ts, s.dur, s.name, s.name_id, s.track_id, g.device_id, g.context_id, g.stream_id,
  g.correlation_id, g.launch_slice_id, g.bytes, s.trace
FROM stored.gpu_op g JOIN slice s ON s.id = g.slice_id WHERE g.kind = 'memset';

-- Waits of the host for the device, and of streams for each other.
--
-- Columns: id, ts, dur (ns), name, name_id, category, track_id, correlation_id, arg_set_id; trace.
CREATE VIEW gpu_sync AS
SELECT id, ts, dur, name, name_id, category, track_id, correlation_id, arg_set_id, trace
FROM slice WHERE category IN ('sync', 'cuda_sync', 'hip_sync', 'xpu_sync', 'mtia_sync');

-- Allocations and frees of memory.
--
-- Columns: those of the table `allocation`, then trace.
CREATE VIEW allocation AS SELECT * EXCLUDE (trace_no) FROM stored.allocation;
