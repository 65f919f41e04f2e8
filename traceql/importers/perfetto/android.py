"""What Android writes: lines of its log, and when frames of its display were due and came.

Sources: protos/perfetto/trace/android/android_log.proto and frame_timeline_event.proto in
github.com/google/perfetto; names are those of docs/data-sources/frametimeline.md there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traceql.importers.perfetto.actors import as_json
from traceql.importers.perfetto.clocks import REALTIME
from traceql.importers.perfetto.wire import Fields, WireError, decode, schema

if TYPE_CHECKING:
    from traceql.importers.perfetto.context import Context
    from traceql.importers.perfetto.sequences import Sequence
    from traceql.importers.perfetto.tracks import Track

LOG = "android_log"
EXPECTED, ACTUAL = "expected_frame_timeline", "actual_frame_timeline"
_LOG = schema("1:events:b* 2:stats:b")
_LINE = schema("""
    1:log_id:u 2:pid:i 3:tid:i 4:uid:i 5:timestamp:u 6:tag:s 7:prio:u 8:message:s 9:args:b*""")
_ARG = schema("1:name:s 2:int:i 3:float:f 4:string:s")
_STATS = schema("1:num_total:u 2:num_failed:u 3:num_skipped:u")
_FRAME_END = schema("1:cookie:i")
_FRAME = schema("1:expected_display:b 2:actual_display:b 3:expected:b 4:actual:b 5:end:b")
_SURFACE = """1:cookie:i 2:token:i 3:display_token:i 4:pid:i 5:layer_name:s 6:present_type:u
    7:on_time_finish:t 8:gpu_composition:t 9:jank_type:u 10:prediction_type:u 11:is_buffer:t"""
_DISPLAY = """1:cookie:i 2:token:i 3:pid:i 4:present_type:u 5:on_time_finish:t
    6:gpu_composition:t 7:jank_type:u 8:prediction_type:u"""
_KINDS = (
    ("expected_display", schema(_DISPLAY), EXPECTED, False),
    ("actual_display", schema(_DISPLAY), ACTUAL, False),
    ("expected", schema(_SURFACE), EXPECTED, True),
    ("actual", schema(_SURFACE), ACTUAL, True),
)
_TITLES = {EXPECTED: "Expected Timeline", ACTUAL: "Actual Timeline"}
_PRESENT = ("Unspecified Present", "On-time Present", "Late Present", "Early Present",
            "Dropped Frame", "Unknown Present")  # fmt: skip
_PREDICTION = ("Unspecified Prediction", "Valid Prediction", "Expired Prediction",
               "Unknown Prediction")  # fmt: skip
_JANK = {
    1: "None", 2: "SurfaceFlinger Scheduling", 4: "Prediction Error", 8: "Display HAL",
    16: "SurfaceFlinger CPU Deadline Missed", 32: "SurfaceFlinger GPU Deadline Missed",
    64: "App Deadline Missed", 128: "Buffer Stuffing", 256: "Unknown Jank",
    512: "SurfaceFlinger Stuffing", 1024: "Dropped Frame",
}  # fmt: skip


class Android:
    """Reads `android_log` and `frame_timeline_event`.

    A line is an instant on a track of its thread's log, called by its tag; a frame is a slice of
    its process called by its token, as in Perfetto.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._open: dict[int, tuple[Track, str]] = {}
        """Frames that have begun, by their cookies."""

    def log(self, data: bytes, sequence: Sequence) -> None:
        """Read lines of the log; their times are on the clock of the day.

        Raises:
            WireError: it is damaged.
        """
        fields = decode(_LOG, data)
        lost = decode(_STATS, fields.get("stats", b""))
        self._context.diagnostics.count("android_log_lost", n=lost.get("num_failed", 0))
        for raw in fields.get("events", ()):
            try:
                self._line(decode(_LINE, raw), sequence)
            except WireError:
                self._context.diagnostics.count("message_damaged")

    def _line(self, e: Fields, sequence: Sequence) -> None:
        ts = self._context.ts(e.get("timestamp", 0), REALTIME, sequence)
        if ts is None:
            return
        thread = self._context.actors.thread(e.get("tid", 0), e.get("pid", 0))
        track, is_new = self._context.tracks.get(LOG, thread.utid, "Android log")
        if is_new:
            track.thread, track.process = thread, thread.process
        args: dict[str, Any] = {key: e[key] for key in ("prio", "log_id", "uid") if key in e}
        said = [decode(_ARG, raw) for raw in e.get("args", ())]
        # A line of events has values instead of a message.
        args["msg"] = e.get("message") or " ".join(_said(value) for value in said)
        self._context.rows["span"].append((
            self._context.ordinal(), ts, 0, track.track_id, e.get("tag"), LOG, *(None,) * 3,
            as_json(args), None,
        ))  # fmt: skip

    def frame(self, packet: Fields, _: Sequence, ts: int) -> None:
        """Read the start or the end of a frame.

        Raises:
            WireError: it is damaged.
        """
        event = decode(_FRAME, packet["frame_timeline_event"])
        if "end" in event:
            cookie = decode(_FRAME_END, event["end"]).get("cookie", 0)
            found = self._open.pop(cookie, None)
            if found is None:
                self._context.diagnostics.count("frame_without_start")
                return
            self._edge(ts, *found, None, is_end=True)
            return
        for name, known, kind, of_surface in _KINDS:
            if name in event:
                self._begin(decode(known, event[name]), kind, ts, of_surface=of_surface)
                return

    def _begin(self, e: Fields, kind: str, ts: int, *, of_surface: bool) -> None:
        process = self._context.actors.process(e.get("pid", 0))
        track, is_new = self._context.tracks.get(kind, process.upid, _TITLES[kind])
        if is_new:
            track.process = process
        display = e.get("display_token") if of_surface else e.get("token")
        args: dict[str, Any] = {
            "Surface frame token": e.get("token") if of_surface else None,
            "Display frame token": display, "Layer name": e.get("layer_name"),
        }  # fmt: skip
        if kind == ACTUAL:
            args |= {
                "Present type": _named(_PRESENT, e.get("present_type", 0)),
                "On time finish": int(e.get("on_time_finish", 0)),
                "GPU composition": int(e.get("gpu_composition", 0)),
                "Jank type": jank_of(e.get("jank_type", 0)),
                "Prediction type": _named(_PREDICTION, e.get("prediction_type", 0)),
                "Is Buffer?": int(e["is_buffer"]) if "is_buffer" in e else None,
            }
        token = str(e.get("token", 0))
        self._open[e.get("cookie", 0)] = track, token
        said = as_json({key: value for key, value in args.items() if value is not None})
        self._edge(ts, track, token, said, is_end=False)

    def _edge(self, ts: int, track: Track, name: str, args: str | None, *, is_end: bool) -> None:
        self._context.rows["edge"].append((
            self._context.ordinal(), ts, track.track_id, is_end, name, None, None, None, args, None,
        ))  # fmt: skip


def jank_of(mask: int) -> str:
    """Name the reasons of a mask of them."""
    names = [name for bit, name in _JANK.items() if mask & bit]
    return ", ".join(names) or "Unspecified"


def _named(names: tuple[str, ...], number: int) -> str:
    return names[number] if number < len(names) else str(number)


def _said(value: Fields) -> str:
    given = next((value[key] for key in ("int", "float", "string") if key in value), "")
    return f"{value['name']}={given}" if value.get("name") else str(given)
