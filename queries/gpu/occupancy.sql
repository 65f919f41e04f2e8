-- How many warps of a kernel a multiprocessor can hold: theoretical occupancy.

-- How many units hold a value: 5 in units of 4 are 2.
CREATE MACRO _units_of(value, unit) AS (((value)::BIGINT + (unit)::BIGINT - 1) // (unit)::BIGINT);

-- Limits of each device that occupancy depends on. What the trace says of the device comes first,
-- the rest is known by its compute capability or architecture; a device of an architecture that is
-- not known here has nulls.
--
--   an A100 (8.0)   gives   max_warp_count 64, max_block_count 32, shared_bytes 167936
--
-- A warp is a wavefront, a multiprocessor a compute unit, and a part the unit that holds the
-- registers of some warps: a quarter of a multiprocessor, or a SIMD of a compute unit.
--
-- Sources: CUDA C++ Programming Guide (technical specifications per compute capability), the
-- occupancy calculator of CUDA; LLVM's model of AMD's GPUs.
--
-- Columns:
--   device_id: the device.
--   architecture: sm_80, gfx90a and so on.
--   multiprocessor_count, warp_size: of the device; threads in a warp.
--   max_warp_count, max_block_count: per multiprocessor.
--   part_count: parts of a multiprocessor.
--   lane_register_count: registers that a part has for each lane of its warps.
--   register_unit_count: registers of a thread are given in multiples of this.
--   block_register_count: registers that a block may have; null: no limit of its own.
--   shared_bytes: shared memory of a multiprocessor.
--   shared_unit_bytes: it is given in multiples of this.
--   reserved_bytes: that the system takes of it for each block.
--   has_unified_registers: whether accumulators count as registers.
--   trace: name of the trace.
CREATE VIEW gpu_device_limit AS
WITH
  -- major, minor, warps, blocks, parts, registers, of a block, shared memory, its unit, reserved
  __tq_nvidia(major, minor, warps, blocks, parts, registers, of_block, shared, unit, reserved) AS (
    VALUES
      (5, 0, 64, 32, 4, 65536, 65536, 65536, 256, 0),
      (5, 2, 64, 32, 4, 65536, 65536, 98304, 256, 0),
      (5, 3, 64, 32, 4, 65536, 32768, 65536, 256, 0),
      (6, 0, 64, 32, 2, 65536, 65536, 65536, 256, 0),
      (6, 1, 64, 32, 4, 65536, 65536, 98304, 256, 0),
      (6, 2, 64, 32, 4, 65536, 32768, 65536, 256, 0),
      (7, 0, 64, 32, 4, 65536, 65536, 98304, 256, 0),
      (7, 2, 64, 32, 4, 65536, 65536, 98304, 256, 0),
      (7, 5, 32, 16, 4, 65536, 65536, 65536, 256, 0),
      (8, 0, 64, 32, 4, 65536, 65536, 167936, 128, 1024),
      (8, 6, 48, 16, 4, 65536, 65536, 102400, 128, 1024),
      (8, 7, 48, 16, 4, 65536, 65536, 167936, 128, 1024),
      (8, 9, 48, 24, 4, 65536, 65536, 102400, 128, 1024),
      (9, 0, 64, 32, 4, 65536, 65536, 233472, 128, 1024),
      (10, 0, 64, 32, 4, 65536, 65536, 233472, 128, 1024),
      (10, 3, 64, 32, 4, 65536, 65536, 233472, 128, 1024),
      (11, 0, 48, 24, 4, 65536, 65536, 233472, 128, 1024),
      (12, 0, 48, 24, 4, 65536, 65536, 102400, 128, 1024),
      (12, 1, 48, 24, 4, 65536, 65536, 102400, 128, 1024)
  ),
  -- version (as gfx_target_version), parts, waves of a part, registers of a lane of 64 or 32
  -- threads, their unit, shared memory, its unit, accumulators count
  __tq_amd(version, parts, waves, lanes, registers, register_unit, shared, unit, unified) AS (
    VALUES
      (90000, 4, 10, 64, 256, 4, 65536, 512, false),
      (90006, 4, 10, 64, 256, 4, 65536, 512, false),
      (90008, 4, 10, 64, 256, 4, 65536, 512, false),
      (90010, 4, 8, 64, 512, 8, 65536, 512, true),
      (90400, 4, 8, 64, 512, 8, 65536, 512, true),
      (90401, 4, 8, 64, 512, 8, 65536, 512, true),
      (90402, 4, 8, 64, 512, 8, 65536, 512, true),
      (90500, 4, 8, 64, 512, 8, 163840, 1280, true),
      (100100, 2, 20, 32, 1024, 8, 65536, 512, false),
      (100101, 2, 20, 32, 1024, 8, 65536, 512, false),
      (100102, 2, 20, 32, 1024, 8, 65536, 512, false),
      (100300, 2, 16, 32, 1024, 16, 65536, 512, false),
      (100301, 2, 16, 32, 1024, 16, 65536, 512, false),
      (100302, 2, 16, 32, 1024, 16, 65536, 512, false),
      (100304, 2, 16, 32, 1024, 16, 65536, 512, false),
      (110000, 2, 16, 32, 1536, 24, 65536, 512, false),
      (110001, 2, 16, 32, 1536, 24, 65536, 512, false),
      (110002, 2, 16, 32, 1024, 16, 65536, 512, false),
      (110003, 2, 16, 32, 1024, 16, 65536, 512, false),
      (110501, 2, 16, 32, 1536, 24, 65536, 512, false),
      (120000, 2, 16, 32, 1536, 24, 65536, 512, false),
      (120001, 2, 16, 32, 1536, 24, 65536, 512, false)
  ),
  __tq_devices AS (
    SELECT
      *,
      CASE WHEN vendor = 'amd' THEN coalesce(
        CASE WHEN json_valid(args)
          THEN try_cast(json_extract_string(args, '$.gfx_target_version') AS BIGINT) END,
        CASE
          WHEN regexp_matches(name, 'gfx90a|MI2[0-9]{2}') THEN 90010
          WHEN regexp_matches(name, 'gfx94[0-2]|MI3[0-2][0-9]') THEN 90402
          WHEN regexp_matches(name, 'gfx950|MI35[0-9]') THEN 90500
          WHEN regexp_matches(name, 'gfx908|MI100') THEN 90008
          WHEN regexp_matches(name, 'gfx906|MI[56]0\b') THEN 90006
        END) END AS version
    FROM device WHERE kind IS DISTINCT FROM 'cpu'
  )
SELECT
  d.device_id,
  CASE
    WHEN n.major IS NOT NULL THEN 'sm_' || n.major || n.minor
    WHEN a.version IS NOT NULL
      THEN 'gfx' || (a.version // 10000) || ((a.version // 100) % 100)
        || lower(to_base(a.version % 100, 16))
  END AS architecture,
  d.multiprocessor_count, coalesce(d.warp_size, a.lanes, 32) AS warp_size,
  CASE WHEN n.major IS NOT NULL
    THEN coalesce((d.max_threads_per_multiprocessor // coalesce(d.warp_size, 32)), n.warps)
    ELSE a.parts * a.waves END AS max_warp_count,
  coalesce(n.blocks, CASE WHEN a.version IS NOT NULL THEN 16 END) AS max_block_count,
  coalesce(n.parts, a.parts) AS part_count,
  CASE WHEN n.major IS NOT NULL
    THEN (coalesce(d.registers_per_multiprocessor, n.registers) // (n.parts * 32))
    ELSE ((a.registers * a.lanes) // coalesce(d.warp_size, a.lanes)) END AS lane_register_count,
  CASE WHEN n.major IS NOT NULL THEN 8
    ELSE ((a.register_unit * a.lanes) // coalesce(d.warp_size, a.lanes)) END AS register_unit_count,
  coalesce(CASE WHEN n.major IS NOT NULL THEN d.registers_per_block END, n.of_block)
    AS block_register_count,
  CASE WHEN coalesce(n.major, a.version) IS NOT NULL
    THEN coalesce(d.shared_bytes_per_multiprocessor, n.shared, a.shared) END AS shared_bytes,
  coalesce(n.unit, a.unit) AS shared_unit_bytes,
  coalesce(n.reserved, CASE WHEN a.version IS NOT NULL THEN 0 END) AS reserved_bytes,
  coalesce(a.unified, false) AS has_unified_registers, d.trace
FROM __tq_devices d
LEFT JOIN __tq_nvidia n
  ON d.vendor IS DISTINCT FROM 'amd' AND n.major = d.compute_major AND n.minor = d.compute_minor
LEFT JOIN __tq_amd a ON a.version = d.version;

-- What the args of kernels say of their launch, by text of args as stored: a number, or U+0001 and
-- the letter of the column that holds it. Tools of AMD write accumulators there, and some only how
-- many work-items grid and group have; Nsight Systems writes the shared memory that the driver set
-- a multiprocessor up with.
CREATE VIEW _gpu_launch_text AS
SELECT
  id, coalesce(said[1], said[2]) AS accumulators, coalesce(said[3], said[4]) AS threads,
  coalesce(said[5], said[6]) AS items, said[7] AS configured
FROM (
  SELECT
    id,
    json_extract_string(
      regexp_replace(text, chr(1) || '([A-P])', '"\\u0001\1"', 'g'),
      ['$.Accum_VGPR_Count', '$.accum_vgpr', '$.Workgroup_Size', '$.workgroup_size', '$.Grid_Size',
       '$.grid_size', '$.sharedMemoryExecuted']) AS said
  FROM _args_by_id
  -- CASE: texts that say nothing are not parsed.
  WHERE CASE
    WHEN regexp_matches(text, 'Accum_VGPR|accum_vgpr|orkgroup_[Ss]ize"|sharedMemoryExecuted')
      THEN json_valid(regexp_replace(text, chr(1) || '([A-P])', '0', 'g')) END
);

-- The number that a text of `_gpu_launch_text` means in a row with these lifted integers.
CREATE MACRO _lifted(said, integers) AS
  CASE WHEN starts_with(said, chr(1)) THEN integers[ascii(said[2]) - ascii('A') + 1]
    ELSE try_cast(said AS BIGINT) END;

-- What the args of kernels say of their launch, by slice. Texts are looked at before rows: there
-- are few, and where none says anything no row is read.
CREATE VIEW _gpu_launch_args AS
WITH __tq_text AS MATERIALIZED (SELECT * FROM _gpu_launch_text)
SELECT
  __id, _lifted(accumulators, integers) AS accumulators, _lifted(threads, integers) AS thread_count,
  _lifted(items, integers) AS item_count, _lifted(configured, integers) AS configured_bytes
FROM (
  SELECT
    s.id AS __id, coalesce(x.accumulators, z.accumulators) AS accumulators,
    coalesce(x.threads, z.threads) AS threads, coalesce(x.items, z.items) AS items,
    coalesce(x.configured, z.configured) AS configured,
    [s.arg_0, s.arg_1, s.arg_2, s.arg_3, s.arg_4, s.arg_5, s.arg_6, s.arg_7, s.arg_8, s.arg_9,
     s.arg_10, s.arg_11, s.arg_12, s.arg_13, s.arg_14, s.arg_15] AS integers
  FROM stored.slice s
  JOIN __tq_text x ON x.id = s.args_id
  LEFT JOIN __tq_text z ON z.id = s.end_args_id
  WHERE EXISTS (SELECT 1 FROM __tq_text))
UNION ALL
SELECT
  s.id, try_cast(z.accumulators AS BIGINT), try_cast(z.threads AS BIGINT),
  try_cast(z.items AS BIGINT), try_cast(z.configured AS BIGINT)
FROM stored.slice s
JOIN __tq_text z ON z.id = s.end_args_id
ANTI JOIN __tq_text x ON x.id = s.args_id
WHERE EXISTS (SELECT 1 FROM __tq_text);

-- What each kernel was launched with. Sizes that a tool writes among the args only are counted too.
--
--   grid 4 x 2 x 1, block 128 x 1 x 1   gives   block_count 8, thread_count 128
--
-- Columns:
--   id, ts, dur (ns; -1: never closed), name, name_id: the kernel.
--   device_id, stream_id: where it ran.
--   block_count, thread_count: blocks of the grid, threads of a block.
--   registers_per_thread, accumulator_count: of a thread; accumulators of AMD's devices.
--   shared_bytes: that a block asks for.
--   configured_shared_bytes: that the driver gave the multiprocessor; null where the tool does not
--     say.
--   tool_ratio: occupancy as the tool says it; null where it says nothing.
--   trace: name of the trace.
CREATE VIEW gpu_kernel_launch AS
SELECT
  k.id, k.ts, k.dur, k.name, k.name_id, k.device_id, k.stream_id,
  coalesce(k.grid_x::BIGINT * k.grid_y * k.grid_z,
    CASE WHEN x.thread_count > 0 AND x.item_count >= 0
      THEN _units_of(x.item_count, x.thread_count) END) AS block_count,
  coalesce(k.block_x::BIGINT * k.block_y * k.block_z, x.thread_count) AS thread_count,
  k.registers_per_thread, x.accumulators AS accumulator_count,
  coalesce(k.shared_bytes, k.static_shared_bytes + coalesce(k.dynamic_shared_bytes, 0),
    k.dynamic_shared_bytes) AS shared_bytes,
  x.configured_bytes AS configured_shared_bytes, k.occupancy_ratio AS tool_ratio, k.trace
FROM gpu_kernel k LEFT JOIN _gpu_launch_args x ON x.__id = k.id;

-- Blocks that a multiprocessor can hold of each launch, by what limits them.
--
-- Arguments: launches (table: device_id, block_count, thread_count, registers_per_thread,
-- accumulator_count, shared_bytes, configured_shared_bytes, trace, and more, which are passed on).
-- Columns: those of launches, those of `gpu_device_limit` that are not among them (null where the
-- device is not known), register_count, warp_count; by_*_count: blocks by each limit; fit_count:
-- the least of them, null where one is not known; limiter, occupancy_ratio, wave_count,
-- estimated_ratio, configured_ratio as in `gpu_kernel_occupancy`.
CREATE MACRO _gpu_launch_fit(launches) AS TABLE
WITH
  __tq_demand AS (
    SELECT
      __tq_l.* EXCLUDE (shared_bytes), __tq_l.shared_bytes AS __tq_shared,
      CASE WHEN __tq_d.has_unified_registers
        THEN 4 * _units_of(__tq_l.registers_per_thread, 4) + __tq_l.accumulator_count
        ELSE __tq_l.registers_per_thread END AS register_count,
      _units_of(__tq_l.thread_count, nullif(__tq_d.warp_size, 0)) AS warp_count,
      __tq_d.* EXCLUDE (device_id, has_unified_registers, trace)
    FROM query_table(launches) __tq_l
    LEFT JOIN gpu_device_limit __tq_d
      ON __tq_d.trace = __tq_l.trace AND __tq_d.device_id = __tq_l.device_id
  ),
  __tq_given AS (
    SELECT
      *, register_unit_count * _units_of(register_count, register_unit_count) AS __tq_registers,
      shared_unit_bytes * _units_of(__tq_shared + reserved_bytes, shared_unit_bytes) AS __tq_bytes
    FROM __tq_demand
  ),
  __tq_fit AS (
    SELECT
      *,
      CASE WHEN warp_count = 1 AND architecture LIKE 'gfx%' THEN max_warp_count
        ELSE max_block_count END AS by_block_count,
      (max_warp_count // nullif(warp_count, 0)) AS by_warp_count,
      CASE
        WHEN register_count IS NULL THEN NULL  -- least() would pass over it
        WHEN register_count = 0 THEN max_warp_count
        WHEN block_register_count < warp_count * warp_size * __tq_registers THEN 0
        ELSE (part_count
          * least((max_warp_count // part_count), (lane_register_count // __tq_registers)))
          // nullif(warp_count, 0)
      END::BIGINT AS by_register_count,
      CASE WHEN __tq_bytes = 0 THEN max_warp_count
        ELSE shared_bytes // __tq_bytes END::BIGINT AS by_shared_count,
      CASE WHEN __tq_bytes > 0 THEN configured_shared_bytes // __tq_bytes END::BIGINT
        AS by_configured_count
    FROM __tq_given
  ),
  __tq_held AS (
    SELECT
      * EXCLUDE (shared_bytes, __tq_shared, __tq_registers, __tq_bytes),
      __tq_shared AS shared_bytes,
      CASE WHEN architecture IS NOT NULL AND by_warp_count IS NOT NULL
          AND by_register_count IS NOT NULL AND by_shared_count IS NOT NULL
        THEN least(by_block_count, by_warp_count, by_register_count, by_shared_count) END
        AS fit_count
    FROM __tq_fit
  )
SELECT
  *,
  CASE fit_count
    WHEN by_warp_count THEN 'warps' WHEN by_block_count THEN 'blocks'
    WHEN by_register_count THEN 'registers' WHEN by_shared_count THEN 'shared memory' END
    AS limiter,
  fit_count * warp_count / max_warp_count AS occupancy_ratio,
  block_count / nullif(fit_count * multiprocessor_count, 0) AS wave_count,
  least(fit_count, block_count / multiprocessor_count) * thread_count
    / (max_warp_count * warp_size) AS estimated_ratio,
  CASE WHEN configured_shared_bytes IS NOT NULL
    THEN least(fit_count, by_configured_count) * warp_count / max_warp_count END
    AS configured_ratio
FROM __tq_held;

-- Theoretical occupancy of each kernel: the warps that a multiprocessor can hold of it, by the
-- most that it can hold of any. Only kernels of devices whose limits are known, and of which
-- block, registers and shared memory are known, have one.
--
--   128 threads of 64 registers, no shared memory, on 8.0   give   8 blocks of 4 warps of 64:
--   occupancy_ratio 0.5, limiter registers
--
-- Shared memory counts as if the multiprocessor gave all it has to it; `configured_ratio` counts
-- what the driver had set it up with when the kernel ran.
--
-- Columns:
--   id, ts, dur (ns), name, name_id: the kernel.
--   device_id, stream_id: where it ran.
--   thread_count, warp_count: of a block.
--   block_count, multiprocessor_count: blocks of the grid, multiprocessors of the device.
--   register_count: of a thread.
--   shared_bytes: of a block.
--   by_block_count, by_warp_count, by_register_count, by_shared_count: blocks that the limit of
--     blocks, warps, registers and shared memory leaves room for.
--   fit_count: the least of them.
--   limiter: which one that is: warps, blocks, registers or shared memory.
--   occupancy_ratio: the theoretical occupancy; 0 where the kernel does not fit at all.
--   wave_count: times that the multiprocessors are filled to run the grid.
--   estimated_ratio: with no more blocks than the grid has for each multiprocessor, as
--     torch.profiler estimates the achieved occupancy.
--   configured_shared_bytes: shared memory that the driver gave the multiprocessor for the kernel;
--     null where the tool does not say.
--   configured_ratio: the theoretical occupancy with no more shared memory than that.
--   tool_ratio: what the tool says; null where it says nothing.
--   trace: name of the trace.
CREATE VIEW gpu_kernel_occupancy AS
WITH __tq_closed AS (SELECT * FROM gpu_kernel_launch WHERE dur <> -1)
SELECT
  id, ts, dur, name, name_id, device_id, stream_id, thread_count, warp_count, block_count,
  multiprocessor_count, register_count, shared_bytes, by_block_count, by_warp_count,
  by_register_count, by_shared_count, fit_count, limiter, occupancy_ratio, wave_count,
  estimated_ratio, configured_shared_bytes, configured_ratio, tool_ratio, trace
FROM _gpu_launch_fit(__tq_closed)
WHERE fit_count IS NOT NULL;

-- Theoretical occupancy by kernel and launch, the longest in total first.
--
--   two runs of a kernel of one launch shape (dur 10 and 20)   give   count 2, sum_dur 30
--
-- Columns:
--   name, name_id, device_id: kernel and device.
--   thread_count, register_count, shared_bytes: of its blocks, as in `gpu_kernel_occupancy`.
--   fit_count, limiter, occupancy_ratio: as there.
--   count: runs.
--   sum_dur: ns.
--   min_wave_count: of the smallest grid.
--   ratio: share of the time of all kernels here.
--   trace: name of the trace.
CREATE VIEW gpu_occupancy_summary AS
WITH
  __tq_launch AS (
    SELECT
      name_id, device_id, block_count, thread_count, registers_per_thread, accumulator_count,
      shared_bytes, NULL::BIGINT AS configured_shared_bytes, trace, count(*) AS __tq_count,
      sum(dur)::BIGINT AS __tq_dur
    FROM gpu_kernel_launch WHERE dur <> -1 GROUP BY ALL
  ),
  __tq_summed AS (
    SELECT
      name_id, device_id, thread_count, register_count, shared_bytes, fit_count, limiter,
      occupancy_ratio, sum(__tq_count)::BIGINT AS count, sum(__tq_dur)::BIGINT AS sum_dur,
      min(wave_count) AS min_wave_count,
      sum(__tq_dur) / nullif(sum(sum(__tq_dur)) OVER (PARTITION BY trace), 0) AS ratio, trace
    FROM _gpu_launch_fit(__tq_launch) WHERE fit_count IS NOT NULL
    GROUP BY name_id, device_id, thread_count, register_count, shared_bytes, fit_count, limiter,
      occupancy_ratio, trace
  )
SELECT n.text AS name, o.*
FROM __tq_summed o LEFT JOIN _name_by_id n ON n.id = o.name_id
ORDER BY trace, sum_dur DESC, name, thread_count, register_count, shared_bytes;
