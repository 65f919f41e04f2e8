"""What can be wrong with a trace-event file, counted, by Perfetto's names where it has them."""

from __future__ import annotations

CODES = {
    "json_tokenizer_failure": ("error", "Text that is no JSON; skipped up to the next event."),
    "json_incomplete": (
        "data_loss",
        "The text ends before its brackets are closed; everything before is here.",
    ),
    "json_parser_failure": (
        "error",
        "Events without a phase or without a usable time; kept as metadata event.unread.",
    ),
    "json_trailing_text": ("data_loss", "Text after the end of the document; not read."),
    "text_replaced": ("data_loss", "Texts that are no Unicode; the bytes became U+FFFD."),
    "slice_without_duration": (
        "data_loss",
        "Complete events without a dur; kept as slices of length 0, extra says so.",
    ),
    "slice_negative_duration": (
        "data_loss",
        "Complete events with a negative dur; kept as slices of length 0, extra has the dur.",
    ),
    "async_without_id": (
        "data_loss",
        "Async events without an id; kept on one track per process.",
    ),
    "counter_non_numeric": ("info", "Counter values that are no numbers; kept in counter.args."),
    "flow_invalid_id": ("data_loss", "Flow events without an id; kept as metadata event.unread."),
    "flow_without_direction": (
        "data_loss",
        "Events with a bind_id but neither flow_in nor flow_out; no arrow is made.",
    ),
    "tid_missing": ("info", "Events without a tid; put on the thread whose tid is the pid."),
    "unknown_phase": ("info", "Events of a phase that is not known; kept as slices of length 0."),
    "cpu_profile_unread": (
        "data_loss",
        "Profile events without nodes, samples or a start; kept as slices of length 0.",
    ),
    "cpu_profile_unknown_node": ("data_loss", "Samples whose node was never described."),
    "stack_frame_unknown": ("data_loss", "Stack frames that are referred to, not described."),
    "system_trace_not_read": (
        "info",
        "The ftrace text in systemTraceEvents is kept in metadata, its events are not read.",
    ),
    "memory_without_bytes": ("info", "[memory] events without Bytes; they are slices only."),
    "event_unread_dropped": ("data_loss", "Unread events beyond those kept in metadata."),
}
