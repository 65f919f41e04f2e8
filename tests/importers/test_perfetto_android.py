"""Perfetto: Android's log, its frames, heap profiles, packets of other machines."""

from __future__ import annotations

from pathlib import Path

from perfetto_encoder import event, field, message, packet, snapshot, trace
from perfetto_traces import interned
from test_perfetto_events import MAIN, Asked

from traceql.importers.perfetto.android import jank_of


def test_lines_of_the_log_are_moved_to_the_clock_of_the_trace(tmp_path: Path) -> None:
    lines = message(
        (1, message((1, 0), (2, 70), (3, 71), (5, 1_000_300), (6, "Zygote"), (7, 4), (8, "up"))),
        (1, message((1, 2), (2, 70), (3, 70), (5, 1_000_100), (6, "am_proc"),
                    (9, message((1, "User"), (2, -5))), (9, message((4, "app"))))),
        (1, b"\xff"), (2, message((2, 3))),
    )  # fmt: skip
    ask = Asked(trace(snapshot((6, 5000), (1, 1_000_000)), packet(None, (39, lines))), tmp_path)
    assert ask(
        "SELECT l.ts, tid, prio, tag, msg FROM android_logs l JOIN thread USING (utid) ORDER BY ts"
    ) == [(5100, 70, None, "am_proc", "User=-5 app"), (5300, 71, 4, "Zygote", "up")]
    assert ask.codes() == {"android_log_lost": 3, "message_damaged": 1}
    assert ask("SELECT count(*) FROM slice WHERE category = 'android_log' AND dur = 0") == [(2,)]


def test_frames_of_the_display(tmp_path: Path) -> None:
    def frame(ts: int, kind: int, *fields: tuple[int, int | str]) -> bytes:
        return packet(ts, (76, message((kind, message(*fields)))))

    surface = ((3, 9), (4, 70), (5, "layer"))
    ask = Asked(trace(
        MAIN, frame(100, 3, (1, 1), (2, 5), *surface), frame(105, 4, (1, 2), (2, 5), *surface,
              (6, 2), (7, 0), (8, 1), (9, 64 | 128), (10, 1), (11, 1)),
        frame(110, 3, (1, 3), (2, 6), *surface), frame(116, 5, (1, 1)), frame(126, 5, (1, 3)),
        frame(130, 5, (1, 2)), frame(131, 5, (1, 99)),
        frame(140, 1, (1, 4), (2, 9), (3, 33)), frame(141, 2, (1, 5), (2, 9), (3, 33), (4, 1)),
        frame(150, 5, (1, 4)), frame(151, 5, (1, 5)),
    ), tmp_path)  # fmt: skip
    assert ask(
        "SELECT f.name, ts, dur, display_frame_token, surface_frame_token, layer_name, pid "
        "FROM expected_frame_timeline_slice f JOIN process USING (upid) ORDER BY ts"
    ) == [
        ("5", 100, 16, 9, 5, "layer", 70), ("6", 110, 16, 9, 6, "layer", 70),
        ("9", 140, 10, 9, None, None, 33),
    ]  # fmt: skip
    assert ask(
        "SELECT name, ts, dur, present_type, on_time_finish, gpu_composition, jank_type, "
        "prediction_type FROM actual_frame_timeline_slice ORDER BY ts"
    ) == [
        ("5", 105, 25, "Late Present", 0, 1, "App Deadline Missed, Buffer Stuffing",
         "Valid Prediction"),
        ("9", 141, 10, "On-time Present", 0, 0, "Unspecified", "Unspecified Prediction"),
    ]  # fmt: skip
    assert ask.codes()["frame_without_start"] == 1
    assert jank_of(1) == "None"


def test_heap_profiles_count_bytes_by_stack(tmp_path: Path) -> None:
    frames = [(6, message((1, 1), (2, 1))), (6, message((1, 2), (2, 2)))]
    stacks = [(7, message((1, 4), (2, [1, 2]))), (7, message((1, 5), (2, [1])))]
    texts = message(*frames, *stacks) + interned((5, ["main", "grow"]))[1]
    sample = message((1, 4), (2, 4096), (3, 1024), (5, 3), (6, 1))
    dump = message((1, 70), (2, sample), (2, message((1, 5), (2, 8))), (2, message((1, 6), (2, 1))),
                   (11, "libc.malloc"), (7, 1))  # fmt: skip
    old = message((1, message((1, 1), (2, "old"))), (2, message((1, 1), (2, 1))),
                  (3, message((1, 9), (2, [1]))),
                  (5, message((1, 70), (2, message((1, 9), (2, 2))))))  # fmt: skip
    ask = Asked(trace(
        MAIN, packet(50, (12, texts), (37, message((5, dump))), flags=1),
        packet(60, (37, old), sequence=8),
    ), tmp_path)  # fmt: skip
    found = ask(
        "SELECT f.name, f.depth, p.metric, p.unit, p.value, p.\"group\" ->> '$.ts' FROM profile p "
        "LEFT JOIN frame f ON f.id = p.frame_id ORDER BY p.id"
    )
    assert found == [
        ("grow", 1, "self_allocated", "bytes", 4096.0, "50"),
        ("grow", 1, "self_freed", "bytes", 1024.0, "50"),
        ("grow", 1, "alloc_count", "count", 3.0, "50"),
        ("grow", 1, "free_count", "count", 1.0, "50"),
        ("main", 0, "self_allocated", "bytes", 8.0, "50"),
        (None, None, "self_allocated", "bytes", 1.0, "50"),
        ("old", 0, "self_allocated", "bytes", 2.0, "60"),
    ]
    codes = ask.codes()
    assert (codes["heap_profile_incomplete"], codes["sample_without_stack"]) == (1, 1)


def test_packets_of_other_machines_are_left_out(tmp_path: Path) -> None:
    other = packet(20, (11, message((9, 3), (11, 11), (23, "elsewhere"))), (98, 7))
    data = trace(MAIN, event(10, 3, 11, (23, "here"))) + field(1, other)
    ask = Asked(data, tmp_path)
    assert ask("SELECT name FROM slice") == [("here",)]
    assert ask.codes()["machine_unread"] == 1
