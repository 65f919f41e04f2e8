"""State of sequences: what earlier packets of a writer said, which later ones refer to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from traceql.importers.perfetto.messages import (
    CALLSTACK,
    COMPUTE_KERNEL,
    FRAME,
    GPU_SPECIFICATION,
    GRAPHICS_CONTEXT,
    INTERNED_COUNTERS,
    INTERNED_DATA,
    INTERNED_TEXT,
    MAPPING,
    PACKET_DEFAULTS,
    SOURCE_LOCATION,
    TRACK_EVENT_DEFAULTS,
)
from traceql.importers.perfetto.wire import Fields, decode

CLEARED, NEEDED = 1, 2
"""Flags of a packet: the state starts anew; the packet refers to the state."""

_TEXTS = (
    "event_categories", "event_names", "debug_annotation_names", "function_names", "build_ids",
    "mapping_paths", "source_paths", "log_message_body", "kernel_symbols", "proto_type_names",
    "debug_annotation_string_values", "correlation_id_str", "compute_arg_names",
)  # fmt: skip
_MESSAGES = {
    "source_locations": SOURCE_LOCATION,
    "frames": FRAME,
    "callstacks": CALLSTACK,
    "mappings": MAPPING,
    "graphics_contexts": GRAPHICS_CONTEXT,
    "gpu_specifications": GPU_SPECIFICATION,
    "gpu_counter_descriptors": INTERNED_COUNTERS,
    "compute_kernels": COMPUTE_KERNEL,
}


INTERNED_IN_PROFILE = {"frames": "frames", "callstacks": "callstacks", "mappings": "mappings",
                       "strings": ""}  # fmt: skip
"""Tables that heap profiles of Android 10 have in themselves; strings are those of three."""
_OF_STRINGS = ("function_names", "mapping_paths", "build_ids")


@dataclass
class Sequence:
    """What one writer of packets has said."""

    number: int
    valid: bool = False
    """Whether packets that need the state can be read."""
    texts: dict[str, dict[int, str]] = field(default_factory=dict)
    entries: dict[str, dict[int, Fields]] = field(default_factory=dict)
    stacks: dict[int, int | None] = field(default_factory=dict)
    """Leaf frames of call stacks that were asked for."""
    defaults: Fields = field(default_factory=dict)
    perf_defaults: bytes = b""
    clock_id: int | None = None
    clock_times: dict[str, int] = field(default_factory=dict)
    """Running times of events that are written as differences, and sums of counters."""
    pid: int | None = None
    tid: int | None = None
    categories: dict[tuple[int, ...], str | None] = field(default_factory=dict)
    sums: dict[int, float] = field(default_factory=dict)
    """By track: the value of counters that are written as differences."""

    def clear(self) -> None:
        """Forget everything: the writer starts anew."""
        self.valid = True
        self.texts.clear()
        self.entries.clear()
        self.stacks.clear()
        self.categories.clear()
        self.sums.clear()
        self.clock_times.clear()
        self.defaults, self.perf_defaults, self.clock_id = {}, b"", None

    def text(self, kind: str, iid: int) -> str | None:
        """Give an interned text."""
        known = self.texts.get(kind)
        return known.get(iid) if known else None

    def entry(self, kind: str, iid: int) -> Fields | None:
        """Give an interned message."""
        known = self.entries.get(kind)
        return known.get(iid) if known else None

    def learn_defaults(self, data: bytes) -> None:
        """Read what packets say unless they say otherwise.

        Raises:
            WireError: it is damaged.
        """
        fields = decode(PACKET_DEFAULTS, data)
        self.clock_id = fields.get("clock_id")
        self.defaults = decode(TRACK_EVENT_DEFAULTS, fields.get("track_event_defaults", b""))
        self.perf_defaults = fields.get("perf_sample_defaults", b"")

    def learn(self, data: bytes) -> None:
        """Read interned data.

        Raises:
            WireError: it is damaged.
        """
        found: dict[str, Any] = decode(INTERNED_DATA, data)
        for kind in _TEXTS:
            for raw in found.get(kind, ()):
                entry = decode(INTERNED_TEXT, raw)
                self.texts.setdefault(kind, {})[entry.get("iid", 0)] = entry.get("text", "")
        for kind, known in _MESSAGES.items():
            for raw in found.get(kind, ()):
                entry = decode(known, raw)
                self.entries.setdefault(kind, {})[entry.get("iid", 0)] = entry

    def learn_of_profile(self, found: Fields) -> None:
        """Read the tables in a heap profile.

        Raises:
            WireError: they are damaged.
        """
        for raw in found.get("strings", ()):
            entry = decode(INTERNED_TEXT, raw)
            for kind in _OF_STRINGS:
                self.texts.setdefault(kind, {})[entry.get("iid", 0)] = entry.get("text", "")
        for name, kind in INTERNED_IN_PROFILE.items():
            for raw in found.get(name, ()) if kind else ():
                entry = decode(_MESSAGES[kind], raw)
                self.entries.setdefault(kind, {})[entry.get("iid", 0)] = entry
