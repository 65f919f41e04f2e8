"""The messages of Perfetto that are read: number, name and kind of their fields.

Source: protos/perfetto/trace in github.com/google/perfetto (0.59).
"""

from __future__ import annotations

from traceql.importers.perfetto.wire import schema

PACKET = schema("""
    1:ftrace_events:b 2:process_tree:b 3:trusted_uid:i 6:clock_snapshot:b 7:sys_stats:b
    8:timestamp:u 9:process_stats:b 10:trusted_packet_sequence_id:u 11:track_event:b
    12:interned_data:b 13:sequence_flags:u 33:trace_config:b 34:ftrace_stats:b 35:trace_stats:b
    36:synchronization_marker:b 37:profile_packet:b 38:battery:b 39:android_log:b 40:power_rails:b
    41:incremental_state_cleared:t 42:previous_packet_dropped:u 43:process_descriptor:b
    44:thread_descriptor:b 45:system_info:b 46:trigger:b 50:compressed_packets:b
    52:gpu_counter_event:b 53:gpu_render_stage_event:b
    54:streaming_profile_packet:b 58:timestamp_clock_id:u 59:trace_packet_defaults:b
    60:track_descriptor:b 66:perf_sample:b 67:cpu_info:b 69:service_event:b
    71:gpu_mem_total_event:b 76:frame_timeline_event:b 79:trusted_pid:i
    87:first_packet_on_sequence:t 89:trace_uuid:b
    98:machine_id:u 128:gpu_info:b 133:zstd_compressed_packets:b""")

TRACK_EVENT = schema("""
    1:timestamp_delta_us:i 2:thread_time_delta_us:i 3:category_iids:u* 4:debug_annotations:b*
    6:legacy_event:b 8:thread_instruction_count_delta:i 9:type:u 10:name_iid:u 11:track_uuid:u
    12:extra_counter_values:i* 16:timestamp_absolute_us:i 17:thread_time_absolute_us:i
    20:thread_instruction_count_absolute:i 21:log_message:b 22:categories:s* 23:name:s
    30:counter_value:i 31:extra_counter_track_uuids:u* 33:source_location:b
    34:source_location_iid:u 36:flow_ids_old:u* 42:terminating_flow_ids_old:u*
    44:double_counter_value:d 45:extra_double_counter_track_uuids:u*
    46:extra_double_counter_values:d* 47:flow_ids:x* 48:terminating_flow_ids:x*
    52:correlation_id:u 53:correlation_id_str:s 54:correlation_id_str_iid:u 55:callstack:b
    56:callstack_iid:u 57:callstack_weight:d
    3000:gpu_correlation:b""")
GPU_CORRELATION = schema("1:submitted:u* 2:waited:u*")
LEGACY_EVENT = schema("""
    1:name_iid:u 2:phase:i 3:duration_us:i 4:thread_duration_us:i 6:unscoped_id:u 7:id_scope:s
    8:bind_id:u 9:use_async_tts:t 10:local_id:u 11:global_id:u 12:bind_to_enclosing:t
    13:flow_direction:u 14:instant_event_scope:u 18:pid_override:i 19:tid_override:i""")
TRACK_DESCRIPTOR = schema("""
    1:uuid:u 2:name:s 3:process:b 4:thread:b 5:parent_uuid:u 6:chrome_process:b 7:chrome_thread:b
    8:counter:b 10:static_name:s 11:child_ordering:u 12:sibling_order_rank:i 13:atrace_name:s
    14:description:s""")
PROCESS_DESCRIPTOR = schema("""
    1:pid:i 2:cmdline:s* 3:legacy_sort_index:i 4:chrome_process_type:i 5:process_priority:i
    6:process_name:s 7:start_timestamp_ns:i 8:process_labels:s*""")
THREAD_DESCRIPTOR = schema("""
    1:pid:i 2:tid:i 3:legacy_sort_index:i 4:chrome_thread_type:i 5:thread_name:s
    6:reference_timestamp_us:i 7:reference_thread_time_us:i
    8:reference_thread_instruction_count:i""")
CHROME_PROCESS = schema("""
    1:process_type:i 2:process_priority:i 3:legacy_sort_index:i 4:host_app_package_name:s
    5:crash_trace_id:u""")
COUNTER_DESCRIPTOR = schema("""
    1:type:u 2:categories:s* 3:unit:u 4:unit_multiplier:i 5:is_incremental:t 6:unit_name:s
    7:y_axis_share_key:s""")
PACKET_DEFAULTS = schema("11:track_event_defaults:b 12:perf_sample_defaults:b 58:clock_id:u")
TRACK_EVENT_DEFAULTS = schema("""
    11:track_uuid:u 31:extra_counter_track_uuids:u* 45:extra_double_counter_track_uuids:u*""")

ANNOTATION = schema("""
    1:name_iid:u 2:bool:t 3:uint:u 4:int:i 5:double:d 6:string:s 7:pointer:u 8:nested:b
    9:legacy_json:s 10:name:s 11:dict:b* 12:array:b* 13:proto_type_iid:u 14:proto:b
    16:proto_type:s 17:string_iid:u""")
NESTED_VALUE = schema("""
    1:type:u 2:dict_keys:s* 3:dict_values:b* 4:array_values:b* 5:int:i 6:double:d 7:bool:t
    8:string:s""")
SOURCE_LOCATION = schema("1:iid:u 2:file_name:s 3:function_name:s 4:line_number:u")
LOG_MESSAGE = schema("1:source_location_iid:u 2:body_iid:u 3:prio:u")

INTERNED_DATA = schema("""
    1:event_categories:b* 2:event_names:b* 3:debug_annotation_names:b* 4:source_locations:b*
    5:function_names:b* 6:frames:b* 7:callstacks:b* 16:build_ids:b* 17:mapping_paths:b*
    18:source_paths:b* 19:mappings:b* 20:log_message_body:b* 23:graphics_contexts:b*
    24:gpu_specifications:b* 26:kernel_symbols:b* 27:proto_type_names:b*
    29:debug_annotation_string_values:b* 43:correlation_id_str:b* 47:gpu_counter_descriptors:b*
    1000:compute_kernels:b* 1001:compute_arg_names:b*""")
INTERNED_TEXT = schema("1:iid:u 2:text:s")
FRAME = schema("""
    1:iid:u 2:function_name_id:u 3:mapping_id:u 4:rel_pc:u 5:source_path_iid:u 6:line_number:u""")
MAPPING = schema("1:iid:u 2:build_id:u 4:start:u 6:load_bias:u 7:path_string_ids:u*")
CALLSTACK = schema("1:iid:u 2:frame_ids:u*")
GRAPHICS_CONTEXT = schema("1:iid:u 2:pid:i 3:api:u")
GPU_SPECIFICATION = schema("1:iid:u 2:name:s 3:description:s 4:category:u")
LAUNCH_ARG = schema("""
    1:name_iid:u 2:name:s 3:int:i 4:uint:u 5:double:d 6:string:s 7:string_iid:u""")
COMPUTE_KERNEL = schema("1:iid:u 2:name:s 3:demangled_name:s 4:arch:s 5:args:b*")
INTERNED_COUNTERS = schema("1:iid:u 2:counter_descriptor:b 3:gpu_id:i")

CLOCK_SNAPSHOT = schema("1:clocks:b* 2:primary_trace_clock:u")
CLOCK = schema("1:clock_id:u 2:timestamp:u 3:is_incremental:t 4:unit_multiplier_ns:u")

PROCESS_TREE = schema("1:processes:b* 2:threads:b* 3:collection_end_timestamp:u")
TREE_PROCESS = schema("""
    1:pid:i 2:ppid:i 3:cmdline:s* 5:uid:i 6:nspid:i* 7:process_start_from_boot:u 8:is_kthread:t
    9:cmdline_is_comm:t""")
TREE_THREAD = schema("1:tid:i 2:name:s 3:tgid:i")
PROCESS_STATS = schema("1:processes:b* 2:collection_end_timestamp:u")
STATS_PROCESS = schema("""
    1:pid:i 2:vm_size_kb:u 3:vm_rss_kb:u 4:rss_anon_kb:u 5:rss_file_kb:u 6:rss_shmem_kb:u
    7:vm_swap_kb:u 8:vm_locked_kb:u 9:vm_hwm_kb:u 10:oom_score_adj:i 16:smr_rss_kb:u
    17:smr_pss_kb:u 18:smr_pss_anon_kb:u 19:smr_pss_file_kb:u 20:smr_pss_shmem_kb:u
    21:runtime_user_mode:u 22:runtime_kernel_mode:u 23:smr_swap_pss_kb:u 24:dmabuf_rss_kb:u""")

SYS_STATS = schema("""
    1:meminfo:b* 2:vmstat:b* 3:cpu_stat:b* 4:num_forks:u 5:num_irq_total:u 7:num_softirq_total:u
    9:collection_end_timestamp:u 10:devfreq:b* 11:cpufreq_khz:u* 13:disk_stat:b* 14:psi:b*
    15:thermal_zone:b* 17:gpufreq_mhz:u*""")
CPU_TIMES = schema("""
    1:cpu_id:u 2:user_ns:u 3:user_nice_ns:u 4:system_mode_ns:u 5:idle_ns:u 6:io_wait_ns:u
    7:irq_ns:u 8:softirq_ns:u 9:steal_ns:u""")
KEY_VALUE = schema("1:key:u 2:value:u")
DEVFREQ = schema("1:key:s 2:value:u")
THERMAL_ZONE = schema("1:name:s 2:temp:i 3:type:s")
DISK_STAT = schema("""
    1:device_name:s 2:read_sectors:u 3:read_time_ms:u 4:write_sectors:u 5:write_time_ms:u
    6:discard_sectors:u 7:discard_time_ms:u 8:flush_count:u 9:flush_time_ms:u""")
PSI = schema("1:resource:u 2:total_ns:u")

BATTERY = schema("""
    1:charge_counter_uah:i 2:capacity_percent:f 3:current_ua:i 4:current_avg_ua:i 5:name:s
    6:energy_counter_uwh:i 7:voltage_uv:i""")
POWER_RAILS = schema("1:rail_descriptor:b* 2:energy_data:b*")
RAIL = schema("1:index:u 2:rail_name:s 3:subsys_name:s 4:sampling_rate:u")
ENERGY = schema("1:index:u 2:timestamp_ms:u 3:energy:u")

SYSTEM_INFO = schema("""
    1:utsname:b 2:android_build_fingerprint:s 3:hz:i 4:tracing_service_version:s
    5:android_sdk_version:u 6:page_size:u 7:timezone_off_mins:i 8:num_cpus:u
    9:android_soc_model:s 14:android_device_manufacturer:s 16:system_ram_bytes:u
    17:machine_name:s""")
UTSNAME = schema("1:sysname:s 2:version:s 3:release:s 4:machine:s")
TRACE_UUID = schema("1:msb:u 2:lsb:u")
TRACE_CONFIG = schema("""
    1:buffers:b* 2:data_sources:b* 3:duration_ms:u 8:write_into_file:t 10:max_file_size_bytes:u
    13:flush_period_ms:u 22:unique_session_name:s""")
BUFFER_CONFIG = schema("1:size_kb:u 4:fill_policy:u")
DATA_SOURCE = schema("1:config:b")
DATA_SOURCE_CONFIG = schema("1:name:s 2:target_buffer:u")
TRACE_STATS = schema("1:buffer_stats:b* 8:chunks_discarded:u 9:patches_discarded:u "
                     "10:invalid_packets:u 14:flushes_failed:u")  # fmt: skip
BUFFER_STATS = schema("""
    3:chunks_overwritten:u 6:patches_failed:u 9:abi_violations:u 18:chunks_discarded:u
    19:trace_writer_packet_loss:u""")
FTRACE_STATS = schema("""
    1:phase:u 2:cpu_stats:b* 5:atrace_errors:s 6:unknown_ftrace_events:s*
    7:failed_ftrace_events:s*""")
FTRACE_CPU_STATS = schema("1:cpu:u 3:overrun:u 4:commit_overrun:u 8:dropped_events:u")
TRIGGER = schema("1:trigger_name:s 2:producer_name:s")
CPU_INFO = schema("1:cpus:b*")
CPU = schema("1:processor:s 2:frequencies:u* 3:capacity:u")
