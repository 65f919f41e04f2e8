-- Reports of `nsys stats` on unified memory: migrations and page faults.

-- What happened to each address of unified memory: bytes moved and faults.
CREATE VIEW _nsys_um AS
SELECT
  s.args ->> '$.virtualAddress' AS address,
  CASE WHEN g.copy_kind = 'uvm_htod' THEN g.bytes END AS to_device_bytes,
  CASE WHEN g.copy_kind = 'uvm_dtoh' THEN g.bytes END AS to_host_bytes,
  NULL::BIGINT AS cpu_faults, NULL::BIGINT AS gpu_faults, g.bytes, s.dur, s.trace
FROM gpu_op g JOIN slice s ON s.id = g.slice_id
WHERE g.copy_kind IN ('uvm_htod', 'uvm_dtoh', 'uvm_dtod') AND s.dur <> -1
UNION ALL
SELECT args ->> '$.address', NULL, NULL, 1, NULL, NULL, NULL, trace
FROM slice WHERE category = 'um_cpu_page_fault'
UNION ALL
SELECT
  args ->> '$.address', NULL, NULL, NULL,
  coalesce((args ->> '$.numberOfPageFaults')::BIGINT, 1), NULL, NULL, trace
FROM slice WHERE category = 'um_gpu_page_fault';

-- Migrations and page faults by address.
--
-- Also called: umsum.
--
--   an address that 1 MB is moved to in 100 us   gives   HtoD Migration Size 1.0, 10000 MB/s
--
-- Columns:
--   Virtual Address: where.
--   HtoD Migration Size (MB), DtoH Migration Size (MB): moved to devices and back.
--   CPU Page Faults, GPU PageFaults: numbers.
--   Migration Throughput (MB/s): bytes moved by the time it took.
--   trace: name of the trace.
CREATE VIEW nsys_um_sum AS
SELECT
  printf('0x%X', address::UBIGINT) AS "Virtual Address",
  coalesce(sum(to_device_bytes), 0) / 1e6 AS "HtoD Migration Size (MB)",
  coalesce(sum(to_host_bytes), 0) / 1e6 AS "DtoH Migration Size (MB)",
  coalesce(sum(cpu_faults), 0)::BIGINT AS "CPU Page Faults",
  coalesce(sum(gpu_faults), 0)::BIGINT AS "GPU PageFaults",
  round(sum(bytes) * 1e3 / nullif(sum(dur), 0), 3) AS "Migration Throughput (MB/s)", trace
FROM _nsys_um WHERE address IS NOT NULL
GROUP BY address, trace
ORDER BY trace, coalesce(sum(bytes), 0) DESC, address::UBIGINT;

-- Migrations and page faults in all.
--
-- Also called: umtotalsum.
--
--   two migrations of 1 MB to devices   give   Total HtoD Migration Size 2.0
--
-- Columns:
--   Total HtoD Migration Size (MB), Total DtoH Migration Size (MB): moved.
--   Total CPU Page Faults, Total GPU PageFaults: numbers.
--   Minimum Virtual Address, Maximum Virtual Address: first and last address.
--   trace: name of the trace.
CREATE VIEW nsys_um_total_sum AS
SELECT
  coalesce(sum(to_device_bytes), 0) / 1e6 AS "Total HtoD Migration Size (MB)",
  coalesce(sum(to_host_bytes), 0) / 1e6 AS "Total DtoH Migration Size (MB)",
  coalesce(sum(cpu_faults), 0)::BIGINT AS "Total CPU Page Faults",
  coalesce(sum(gpu_faults), 0)::BIGINT AS "Total GPU PageFaults",
  printf('0x%X', min(address::UBIGINT)) AS "Minimum Virtual Address",
  printf('0x%X', max(address::UBIGINT)) AS "Maximum Virtual Address", trace
FROM _nsys_um GROUP BY trace ORDER BY trace;

-- Page faults of CPUs by the instruction that caused them.
--
-- Also called: umcpupagefaultssum.
--
--   three faults of one instruction   give   CPU Page Faults 3
--
-- Columns:
--   CPU Page Faults: number.
--   CPU Instruction Address: of the instruction; with Module and function where they are known.
--   Source: module and instruction in words.
--   trace: name of the trace.
CREATE VIEW nsys_um_cpu_page_faults_sum AS
SELECT
  count(*) AS "CPU Page Faults",
  printf('0x%X', (args ->> '$.originalFaultPc')::UBIGINT) AS "CPU Instruction Address",
  concat_ws(' ', args ->> '$.module', args ->> '$.CpuInstruction') AS "Source", trace
FROM slice WHERE category = 'um_cpu_page_fault'
GROUP BY "CPU Instruction Address", "Source", trace
ORDER BY trace, "CPU Page Faults" DESC, "CPU Instruction Address";
