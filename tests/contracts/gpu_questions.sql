SELECT * FROM (
  SELECT 'top_kernel' AS question, NULL::BIGINT AS device_id, name AS subject, count,
    sum_dur AS dur, ratio AS value
  FROM gpu_kernel_summary ORDER BY sum_dur DESC, name LIMIT 5
)
UNION ALL
SELECT 'busy', device_id, NULL, kernel_count + memcpy_count + memset_count, busy_dur, busy_ratio
FROM gpu_device_summary
UNION ALL
SELECT 'idle', device_id, NULL, NULL, idle_dur, 1 - busy_ratio FROM gpu_device_summary
UNION ALL
SELECT 'launch_latency', NULL, NULL, count(*), sum(delay_dur)::BIGINT, median(delay_dur)
FROM gpu_launch HAVING count(*) > 0
UNION ALL
SELECT 'copy_bandwidth', NULL, copy_kind, count, sum_dur, bandwidth_bytes_per_s
FROM gpu_memcpy_summary
ORDER BY question, device_id, dur DESC, subject
