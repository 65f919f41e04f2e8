"""What can be wrong with a Perfetto trace, counted, by Perfetto's names where it has them."""

from __future__ import annotations

_MOST = (1 << 63) - 1
CODES = {
    "packet_truncated": (
        "data_loss",
        "The file ends within a packet; everything before is here.",
    ),
    "packet_damaged": (
        "data_loss",
        "Bytes that are no packets; reading went on at the next packets found.",
    ),
    "message_damaged": ("data_loss", "Packets whose content is damaged; left out."),
    "field_unknown": ("info", "Fields of the trace that are no packets; left out."),
    "packet_unread": (
        "info",
        "Packets of kinds that are not read; metadata packet.unread counts them by field number.",
    ),
    "tokenizer_skipped_packets": (
        "data_loss",
        "Packets that need what earlier, lost packets said; left out.",
    ),
    "previous_packet_dropped": (
        "data_loss",
        "Packets were lost before these; their sequences start anew at the next state clear.",
    ),
    "interned_data_missing": ("data_loss", "Numbers of texts that were never described; null."),
    "clock_sync_failure_no_path": (
        "data_loss",
        "Times on clocks that no snapshot relates to the clock of the trace; left out.",
    ),
    "clock_unrelated": (
        "info",
        "The file has no clock snapshot; times are as written, on their own clocks.",
    ),
    "timestamp_out_of_range": ("data_loss", "Times or lengths beyond 63 bits; left out."),
    "track_event_without_type": ("data_loss", "Track events of no known type; left out."),
    "counter_without_value": ("data_loss", "Counter events without a value or track; left out."),
    "track_unknown": ("info", "Tracks that events name and nothing describes."),
    "slice_negative_duration": ("data_loss", "Slices of negative length; kept with length 0."),
    "state_dropped": ("info", "State events other than those that start a state."),
    "flow_without_slice": ("info", "Flows of events that make no slice; left out."),
    "ftrace_cpu_has_data_loss": ("data_loss", "The kernel lost events of a CPU."),
    "ftrace_bundle_tokenizer_errors": ("data_loss", "Errors that the reader of ftrace noted."),
    "ftrace_event_unread": (
        "info",
        "Kernel events of kinds that are not read; metadata ftrace.unread counts them.",
    ),
    "ftrace_clock_unrelated": (
        "data_loss",
        "Bundles on a clock of their own that cannot be related; left out.",
    ),
    "compact_sched_damaged": ("data_loss", "Compact scheduling data of unequal lengths."),
    "mismatched_sched_switch_tids": (
        "data_loss",
        "A CPU left another thread than it had entered; end_state is null there.",
    ),
    "atrace_unread": ("info", "Texts in the kernel's marks that are no marks of slices."),
    "sample_without_stack": ("info", "Samples whose stack was not taken or not described."),
    "sample_skipped": ("data_loss", "Samples that the profiler skipped."),
    "perf_samples_lost": ("data_loss", "Samples that the kernel lost."),
    "android_log_lost": ("data_loss", "Lines of Android's log that its reader could not read."),
    "frame_without_start": ("data_loss", "Ends of frames whose start is not in the file."),
    "heap_profile_incomplete": (
        "data_loss",
        "Heap profiles of processes that were refused, cut off or lost samples.",
    ),
    "machine_unread": (
        "data_loss",
        "Packets of other machines, whose ids and clocks are not ours; left out.",
    ),
    "gpu_counter_unknown": ("info", "GPU counters without a description; named by number."),
    "counter_value_missing": ("info", "Power rails that nothing names; named by number."),
}
