"""The messages of ftrace that are read: a bundle of one CPU, and its events.

Source: protos/perfetto/trace/ftrace in github.com/google/perfetto (0.59).
"""

from __future__ import annotations

from traceql.importers.perfetto.wire import schema

BUNDLE = schema("""
    1:cpu:u 2:event:b* 3:lost_events:t 4:compact_sched:b 5:ftrace_clock:u 6:ftrace_timestamp:i
    7:boot_timestamp:i 8:error:b* 9:last_read_event_timestamp:u
    10:previous_bundle_end_timestamp:u""")
COMPACT_SCHED = schema("""
    1:switch_timestamp:u* 2:switch_prev_state:i* 3:switch_next_pid:i* 4:switch_next_prio:i*
    5:intern_table:s* 6:switch_next_comm_index:u* 7:waking_timestamp:u* 8:waking_pid:i*
    9:waking_target_cpu:i* 10:waking_prio:i* 11:waking_comm_index:u* 12:waking_common_flags:u*""")
EVENT = schema("""
    1:timestamp:u 2:pid:u 3:print:b 4:sched_switch:b 5:common_flags:u 11:cpu_frequency:b
    13:cpu_idle:b 17:sched_wakeup:b 18:sched_blocked_reason:b 20:sched_waking:b
    24:softirq_entry:b 25:softirq_exit:b 36:irq_handler_entry:b 37:irq_handler_exit:b
    80:tracing_mark_write:b
    113:suspend_resume:b 114:sched_wakeup_new:b 235:task_newtask:b 236:task_rename:b
    238:sched_process_exit:b 240:sched_process_free:b 332:gpu_frequency:b 340:gpu_mem_total:b""")

SWITCH = schema("""
    1:prev_comm:s 2:prev_pid:i 3:prev_prio:i 4:prev_state:i 5:next_comm:s 6:next_pid:i
    7:next_prio:i""")
WAKING = schema("1:comm:s 2:pid:i 3:prio:i 4:success:i 5:target_cpu:i")
BLOCKED_REASON = schema("1:pid:i 2:caller:u 3:io_wait:u")
PROCESS_EXIT = schema("1:comm:s 2:pid:i 3:tgid:i 4:prio:i")
CPU_STATE = schema("1:state:u 2:cpu_id:u")
PRINT = schema("1:ip:u 2:buf:s")
MARK = schema("1:pid:i 2:trace_name:s 3:trace_begin:u")
GPU_FREQUENCY = schema("1:gpu_id:u 2:state:u")
GPU_MEMORY = schema("1:gpu_id:u 2:pid:u 3:size:u")
IRQ_ENTRY = schema("1:irq:i 2:name:s")
IRQ_EXIT = schema("1:irq:i 2:ret:i")
SOFTIRQ = schema("1:vec:u")
NEWTASK = schema("1:pid:i 2:comm:s 3:clone_flags:u 4:oom_score_adj:i")
RENAME = schema("1:pid:i 2:oldcomm:s 3:newcomm:s")
SUSPEND = schema("1:action:s 2:val:i 3:start:u")
