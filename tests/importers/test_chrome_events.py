"""What becomes of each phase and dialect, event by event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chrome_text import (
    ALL,
    ASYNC,
    DEVTOOLS,
    HERMES,
    KINETO,
    Row,
    Tables,
    Text,
    event,
    events,
    read,
)

from traceql.errors import CorruptTrace, UnknownFormat
from traceql.importers.chrome import Chrome
from traceql.model.protocols import Head, Match


def pick(rows: list[Row], *columns: str) -> list[Any]:
    found = [tuple(row[c] for c in columns) for row in rows]
    return [values[0] for values in found] if len(columns) == 1 else found


def track_of(found: Tables, row: Row) -> Row:
    track: Row = found["track"][row["track_id"]]
    assert track["id"] == row["track_id"]
    return track


def test_complete_events_keep_their_texts() -> None:
    args = '{"b" : 1.50,"a":{"x":[1,2]},"a":1e3 , "u":"\\ud83d"}'
    found = read(
        '{"traceEvents":[{"cname":"good","ph":"X","name":"A\\u00e9\\n","cat":"c,d","pid":1,"tid":2,'
        f'"ts":1712195495519703.772,"dur":0.0005,"tts":3,"tdur":2.5,"args":{args},"z":[1 ]}}]}}'
    )
    (span,) = found["span"]
    assert span == {
        "ordinal": 0, "ts": 1712195495519703772, "dur": 1, "track_id": 0, "name": "Aé\n",
        "category": "c,d", "correlation_id": None, "thread_ts": 3000, "thread_dur": 2500,
        "args": args, "extra": '{"cname":"good","z":[1 ]}',
    }  # fmt: skip
    assert not found["diagnostic"]


def test_complete_events_without_a_usable_dur_are_kept_at_length_0_and_counted() -> None:
    found = read(events(event("X"), event("X", dur=-3), event("X", dur="x"), event("X", dur=0)))
    assert pick(found["span"], "dur", "extra") == [
        (0, '{"ph":"X"}'), (0, '{"ph":"X","dur":-3}'), (0, '{"ph":"X","dur":"x"}'), (0, None),
    ]  # fmt: skip
    assert found.codes() == {"slice_without_duration": 2, "slice_negative_duration": 1}


def test_events_that_have_no_place_are_counted_and_kept_as_metadata() -> None:
    odd = ['{"ph":"X","dur":1}', '{"name":"no phase","ts":1}', '{"ph":"X","ts":true}',
           '{"ph":1,"ts":1}']  # fmt: skip
    found = read('[{"ph":"i","ts":1},' + ",".join(odd) + ',7,"x",{}]')
    assert pick(found["metadata"], "name", "str_value") == [("event.unread", o) for o in odd]
    assert found.codes()["json_parser_failure"] == 6
    assert pick(found["span"], "ordinal") == [0]


def test_edges() -> None:
    found = read(events(
        event("B", 1, cat="c", args={"a": 1}, tts=5), event("E", 2.5, name=None), event("E", 3),
    ))  # fmt: skip
    assert pick(found["edge"], "ordinal", "ts", "is_end", "name", "category", "args") == [
        (0, 1000, False, "n", "c", '{"a": 1}'), (1, 2500, True, None, None, None),
        (2, 3000, True, "n", None, None),
    ]  # fmt: skip
    assert found["edge"][0]["thread_ts"] == 5000


def test_instants_lie_on_the_track_of_their_scope() -> None:
    found = read(events(event("i"), event("I", s="t"), event("i", s="p"), event("R", s="g")))
    tracks = [track_of(found, span) for span in found["span"]]
    assert pick(tracks, "type", "upid", "utid") == [
        ("thread", 1, 2), ("thread", 1, 2), ("process_instant", 1, None),
        ("global_instant", None, None),
    ]  # fmt: skip
    assert pick(found["span"], "dur", "extra") == [
        (0, '{"ph":"i"}'), (0, '{"ph":"I","s":"t"}'), (0, '{"ph":"i","tid":2,"s":"p"}'),
        (0, '{"ph":"R","pid":1,"tid":2,"s":"g"}'),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("phase", "kind"),
    [("N", "object"), ("O", "object"), ("D", "object"), ("V", "memory_dump"), ("v", "memory_dump"),
     ("(", "context"), (")", "context"), ("=", "link"), ("c", "clock_sync"), ("P", "profile"),
     ("Z", "unknown_phase"), ("é", "unknown_phase")],
)  # fmt: skip
def test_other_phases_are_kept_on_tracks_of_their_own(phase: str, kind: str) -> None:
    found = read(events(event(phase, id="0x1", args={"snapshot": {"a": 1}})))
    (span,) = found["span"]
    assert track_of(found, span)["type"] == kind
    assert span["dur"] == 0
    assert span["args"] == '{"snapshot": {"a": 1}}'
    assert json.loads(span["extra"]) == {"ph": phase, "tid": 2, "id": "0x1"}
    assert (found.codes() != {}) == (kind in {"unknown_phase", "profile"})


def test_only_the_first_letter_of_a_phase_counts() -> None:
    found = read(events(event("Xtra", dur=2), event("BB"), event("\u0045", 2)))
    assert pick(found["span"], "dur") == [2000]
    assert pick(found["edge"], "is_end") == [False, True]


def test_ids_that_are_texts_are_names_until_metadata_says_another() -> None:
    found = read(events(
        event("X", dur=1, pid="foo", tid="bar"), event("X", dur=1, pid="foo", tid="baz"),
        event("X", dur=1, pid="a", tid=1),
        event("M", pid="a", name="process_name", args={"name": "told"}),
        event("M", pid="foo", tid="baz", name="thread_name", args={"name": "said"}),
    ))  # fmt: skip
    assert pick(found["process"], "pid_text", "name") == [("foo", "foo"), ("a", "told")]
    assert pick(found["thread"], "tid_text", "name") == [
        ("bar", "bar"), ("baz", "said"), (None, None),
    ]  # fmt: skip


def test_a_name_or_category_of_null_is_none() -> None:
    found = read(events(
        event("X", dur=1, name=None, cat=None), event("i", name=None, cat=None),
        event("B", name=None, cat=None),
    ))  # fmt: skip
    assert pick(found["span"], "name", "category") == [(None, None), (None, None)]
    assert pick(found["edge"], "name", "category") == [(None, None)]


def test_ids_of_processes_and_threads() -> None:
    found = read(events(
        event("X", dur=1, pid=0, tid=0), event("X", dur=1, pid="Spans", tid="line"),
        event("X", dur=1, pid="", tid=""), event("X", dur=1, pid=-1, tid=-1),
        event("X", dur=1, pid="0", tid="7"), event("X", dur=1, pid=0, tid=7),
        event("X", dur=1, pid=1.0, tid=2**64), {"ph": "X", "pid": 5, "ts": 1, "dur": 1},
        {"ph": "X", "ts": 1, "dur": 1}, event("X", dur=1, pid=5, tid=5),
    ))  # fmt: skip
    assert pick(found["process"], "upid", "pid", "pid_text") == [
        (1, 0, None), (2, None, "Spans"), (3, None, ""), (4, -1, None), (5, 1, None), (6, 5, None),
        (7, None, None),
    ]  # fmt: skip
    assert pick(found["process"], "name") == [None, "Spans", None, None, None, None, None]
    assert pick(found["thread"], "tid", "tid_text", "upid", "is_main_thread") == [
        (0, None, 1, True), (None, "line", 2, None), (None, "", 3, None), (-1, None, 4, True),
        (7, None, 1, False), (None, str(2**64), 5, None), (5, None, 6, True), (None, None, 7, None),
    ]  # fmt: skip
    assert pick(found["span"], "track_id") == [0, 1, 2, 3, 4, 4, 5, 6, 7, 6]
    assert pick(found["thread"], "args").count('{"tid_missing":true}') == 2
    assert found.codes() == {"tid_missing": 2}


def test_names_labels_and_sort_indices() -> None:
    def named(name: str, args: Any, tid: int = 3) -> Row:
        return {"ph": "M", "pid": 1, "tid": tid, "name": name, "args": args}

    found = read(events(
        named("process_name", {"name": "first"}),
        named("process_name", {"name": "last"}) | {"beside": 7},
        named("process_labels", {"labels": "a,b"}), named("process_sort_index", {"sort_index": -2}),
        named("thread_name", {"name": "worker"}), named("thread_sort_index", {"sort_index": 4}),
        named("num_cpus", {"number": 8}), named("odd", {"a": 1, "b": 2}), named("none", None),
    ))  # fmt: skip
    (process,), (thread,) = found["process"], found["thread"]
    assert process["name"] == "last"
    assert json.loads(process["args"]) == {
        "labels": "a,b", "sort_index": -2, "num_cpus": 8, "odd": {"a": 1, "b": 2}, "none": None,
        "beside": 7,
    }  # fmt: skip
    assert (thread["name"], thread["tid"], thread["args"]) == ("worker", 3, '{"sort_index":4}')
    assert not found["track"]


def test_async_tracks_are_by_category_id_and_scope() -> None:
    found = read(ASYNC)
    edges = found["edge"]
    assert pick(edges, "track_id", "is_end") == [
        (0, False), (0, True), (1, False), (1, True), (2, False), (3, False), (3, True),
    ]  # fmt: skip
    tracks = [track_of(found, edge) for edge in edges]
    assert {t["type"] for t in tracks} == {"async"}
    assert json.loads(tracks[0]["args"]) == {"id": "0xF", "category": "net"}
    assert json.loads(tracks[2]["args"]) == {"id2": {"local": "0xf"}, "category": "net"}
    assert tracks[0]["name"] == "load"
    assert pick(edges, "extra")[:2] == [None, '{"pid":1,"tid": 3}'.replace(" ", "")]
    steps = [span for span in found["span"] if span["dur"] == 0]
    assert pick(steps, "ordinal", "track_id", "extra") == [
        (1, 0, '{"ph":"n"}'), (7, 3, '{"ph":"T"}'), (8, 3, '{"ph":"p"}'),
    ]  # fmt: skip


def test_async_events_without_an_id_are_counted() -> None:
    found = read(events(event("b"), event("e")))
    assert found.codes() == {"async_without_id": 2}
    assert len({edge["track_id"] for edge in found["edge"]}) == 1


def test_local_ids_are_apart_per_process() -> None:
    found = read(events(*(event("b", pid=p, id2={k: "1"}) for k in ("local", "global")
                          for p in (1, 2))))  # fmt: skip
    assert pick(found["edge"], "track_id") == [0, 1, 2, 2]


def test_each_key_of_a_counter_is_a_series() -> None:
    found = read(ASYNC)
    tracks = {t["id"]: t for t in found["track"]}
    got = [(tracks[r["track_id"]]["name"], r["ts"], r["value"], r["args"])
           for r in found["counter_sample"]]  # fmt: skip
    whole = '{"a": 1, "b": "2.5", "c": "x"}'
    assert got == [("n a", 11000, 1.0, whole), ("n b", 11000, 2.5, None),
                   ("n id: 0x1 a", 12000, 3.0, None)]  # fmt: skip
    assert tracks[found["counter_sample"][0]["track_id"]]["upid"] == 1
    assert found.codes() == {"counter_non_numeric": 1}


def test_counters_without_a_number_are_kept() -> None:
    found = read(events(event("C", args={"a": None}), event("C"), event("C", args={"": 4})))
    assert len([m for m in found["metadata"] if m["name"] == "event.unread"]) == 2
    assert found["track"][0]["name"] == "n"


def test_flows() -> None:
    found = read(ASYNC)
    assert pick(found["flow_point"], "ordinal", "key", "step", "binding") == [
        (12, "\x1fn\x1f2", "start", "enclosing"), (13, "\x1fn\x1f2", "step", "enclosing"),
        (14, "\x1fn\x1f2", "end", "next"), (15, "bind\x1f9", "start", "own"),
        (16, "bind\x1f9", "step", "own"),
    ]  # fmt: skip
    odd = read(events(event("s"), event("f", id="a,b", bp="e"), event("X", dur=1, bind_id=1)))
    assert pick(odd["flow_point"], "key", "binding", "args") == [
        ("\x1fn\x1fa,b", "enclosing", '{"id":"a,b","bp":"e"}'),
    ]  # fmt: skip
    assert odd.codes() == {"flow_invalid_id": 1, "flow_without_direction": 1}


def test_thread_states() -> None:
    found = read(events(
        event("T", 5, dur=2, name="Running", args={"cpu": 3}),
        event("T", 7, dur=1, name="D", args={"io_wait": True, "blocked_function": "f"}),
    ))  # fmt: skip
    columns = ("ts", "dur", "utid", "state", "io_wait", "blocked_function", "cpu")
    assert pick(found["thread_state_span"], *columns) == [
        (5000, 2000, 2, "Running", None, None, 3), (7000, 1000, 2, "D", True, "f", None),
    ]  # fmt: skip
    assert pick(found["sched_span"], "ts", "dur", "cpu", "utid") == [(5000, 2000, 3, 2)]


def test_work_on_devices() -> None:
    found = read(KINETO)
    kernel, copy, fill = found["gpu_span"]
    assert {k: v for k, v in kernel.items() if v is not None} == {
        "ordinal": 1, "kind": "kernel", "device_id": 0, "context_id": 1, "stream_id": 7,
        "correlation_id": 77, "grid_x": 54, "grid_y": 2, "grid_z": 1, "block_x": 128, "block_y": 1,
        "block_z": 1, "registers_per_thread": 32, "shared_bytes": 1024, "occupancy_ratio": 0.25,
    }  # fmt: skip
    assert {k: v for k, v in copy.items() if v is not None} == {
        "ordinal": 2, "kind": "memcpy", "device_id": 0, "stream_id": 7, "correlation_id": 78,
        "bytes": 4096, "copy_kind": "htod", "src_memory": "pinned", "dst_memory": "device",
    }  # fmt: skip
    assert (fill["kind"], fill["bytes"], fill["dst_memory"]) == ("memset", 64, "device")
    assert pick(found["link"], "ordinal", "correlation_id", "role") == [
        (0, 77, "host"), (1, 77, "device"), (2, 78, "device"),
    ]  # fmt: skip
    assert pick(found["span"], "correlation_id")[:5] == [77, 77, 78, None, 79]
    tracks = [track_of(found, span) for span in found["span"][:4]]
    assert pick(tracks, "type", "device_id", "stream_id", "name") == [
        ("thread", None, None, None), ("gpu_stream", 0, 7, "stream 7"),
        ("gpu_stream", 0, 7, "stream 7"), ("gpu_stream", 0, 9, None),
    ]  # fmt: skip
    assert found["span"][0]["args"].startswith('{\n      "External id": 5, "cbid"')


def test_memory_events() -> None:
    columns = ("ordinal", "kind", "bytes", "device_id", "address", "total_bytes", "reserved_bytes")
    assert pick(read(KINETO)["allocation_event"], *columns) == [
        (7, "free", 512, 0, 139, 512, 2048), (8, "alloc", 256, None, 140, None, None),
    ]  # fmt: skip
    assert read(events(event("i", name="[memory]"))).codes() == {"memory_without_bytes": 1}


def test_document_metadata() -> None:
    found = read(KINETO)
    said = {m["name"]: (m["str_value"], m["int_value"]) for m in found["metadata"]}
    assert said == {
        "schemaVersion": ("1", 1), "cupti_version": ("22", 22), "with_stack": ("1", 1),
        "distributedInfo.backend": ("nccl", None), "distributedInfo.rank": ("3", 3),
        "distributedInfo.world_size": ("8", 8), "distributedInfo.pg_config": ('[{"a": 1}]', None),
        "displayTimeUnit": ("ms", None),
        "baseTimeNanoseconds": ("1711964646000000000", 1711964646000000000),
        "traceName": ("/tmp/x.json", None),
    }  # fmt: skip
    assert {p["rank"] for p in found["process"]} == {3}
    (device,) = found["device"]
    assert device["name"] == "NVIDIA A100-SXM4-40GB"
    assert (device["vendor"], device["kind"], device["device_id"]) == ("nvidia", "gpu", 0)
    assert device["memory_bytes"] == 42297786368
    assert device["multiprocessor_count"] == 108
    assert json.loads(device["args"])["warpSize"] == 32


@pytest.mark.parametrize(
    ("category", "name", "args", "expected"),
    [
        ("gpu_memcpy", "CopyHostToDevice", {"kind": "1"}, ("memcpy", "htod", None)),
        ("gpu_memcpy", "Memcpy", {"kind": "DtoH", "bytes": "7"}, ("memcpy", "dtoh", 7)),
        ("mtia_ccp_events", "dma_request", {"direction": "DEVICE_TO_HOST", "size": 9},
         ("memcpy", "dtoh", 9)),
        ("mtia_ccp_events", "pe_exe", {}, ("kernel", None, None)),
        ("gpu_op", "gemm", {"id": 3}, ("kernel", None, None)),
        ("gpu_op", "zeCommandListAppendMemoryFill", {"id": 3}, ("memset", None, None)),
        ("KERNEL", "k", {"grid": "[1, 2, 3]"}, ("kernel", None, None)),
        ("kernel", "k", None, ("kernel", None, None)),
    ],
)  # fmt: skip
def test_dialects_of_device_work(category: str, name: str, args: Any, expected: Any) -> None:
    given = {} if args is None else {"args": args}
    found = read(events(*2 * [event("X", dur=1, cat=category, name=name, **given)]))
    assert pick(found["gpu_span"], "kind", "copy_kind", "bytes") == 2 * [expected]
    assert pick(found["gpu_span"], "device_id", "stream_id") == 2 * [(1, 2)]


@pytest.mark.parametrize(
    ("category", "name"),
    [("mtia_ccp_events", "event_wait"), ("gpu_op", "zeCommandListAppendBarrier")],
)
def test_waiting_is_no_work(category: str, name: str) -> None:
    found = read(events(event("X", dur=1, cat=category, name=name, args={})))
    assert len(found["span"]) == 1
    assert not found["gpu_span"]


def test_cpu_profiles() -> None:
    found = read(DEVTOOLS)
    columns = ("ordinal", "ts", "utid", "weight", "weight_unit", "state")
    assert pick(found["sample_event"], *columns) == [
        (1, 100_000, 2, 10_000.0, "ns", "running"), (1, 105_500, 2, 5_500.0, "ns", "idle"),
        (2, 102_500, 2, -3_000.0, "ns", "running"), (2, 103_500, 2, 1_000.0, "ns", None),
        (3, 407_000, 2, 7_000.0, "ns", "running"),
    ]  # fmt: skip
    frames = {f["id"]: f for f in found["frame"]}

    def stack(frame_id: int | None) -> list[Any]:
        if frame_id is None:
            return []
        f = frames[frame_id]
        return [*stack(f["parent_id"]), (f["name"], f["file"], f["line"], f["depth"])]

    root, f = ("(root)", None, None, 0), ("f", "a.js", 7, 1)
    assert [stack(i) for i in pick(found["sample_event"], "frame_id")] == [
        [root, f], [root, ("(idle)", None, None, 1)], [root, f, ("g", "a.js", None, 2)], [],
        [root, f],
    ]  # fmt: skip
    assert found.codes() == {"cpu_profile_unknown_node": 1}
    assert {m["name"] for m in found["metadata"]} == {"metadata.os-name", "metadata.config.deep.x"}


@pytest.mark.parametrize("first", [True, False])
def test_global_samples_find_frames_described_before_or_after(first: bool) -> None:
    frames = '"stackFrames":{"1":{"name":"main","category":"app"},"2":{"name":"f","parent":"1"}}'
    samples = ('"samples":[{"cpu":1,"tid":"5","ts":"3","name":"s","sf":2,"weight":"4"},'
               '{"tid":9,"ts":4,"sf":3},{"ts":5},7]')  # fmt: skip
    parts = [frames, samples] if first else [samples, frames]
    text = '{"traceEvents":[{"ph":"i","pid":1,"tid":5,"ts":1}],' + ",".join(parts) + "}"
    found = read(text)
    columns = ("ts", "utid", "cpu", "weight")
    assert pick(found["sample_event"], *columns) == [(3000, 2, 1, 4.0), (4000, 4, None, None)]
    by_id = {f["id"]: f for f in found["frame"]}
    leaf = by_id[found["sample_event"][0]["frame_id"]]
    assert (leaf["name"], leaf["depth"]) == ("f", 1)
    assert by_id[leaf["parent_id"]]["name"] == "main"
    assert found.codes() == {"json_parser_failure": 2, "stack_frame_unknown": 1}


def test_frames_in_a_circle_end() -> None:
    found = read('{"traceEvents":[{"ph":"P","sf":1,"ts":1}],"stackFrames":{"1":{"parent":2},'
                 '"2":{"parent":1}}}')  # fmt: skip
    assert sorted(pick(found["frame"], "depth")) == [0, 1]


def test_oddities_of_old_files() -> None:
    found = read(HERMES)
    assert pick(found["edge"], "ts", "is_end") == [(1000, False), (2500, True)]
    odd, total = found["span"]
    assert odd["args"] == '{"p":"C:\\temp","n":NaN}'
    assert odd["extra"] == '{"sf":7}'
    assert track_of(found, total)["args"] == '{"aggregate":true}'
    assert found.codes() == {"json_incomplete": 1}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("step", [1, 5, 4096])
def test_byte_order_marks(encoding: str, step: int) -> None:
    text = events(event("X", dur=1, name="é\N{GRINNING FACE}"))
    data = ("\ufeff" * (encoding == "utf-16-be") + text).encode(encoding)
    assert Chrome().sniff(Head(Text(b"").path, data)) is Match.SURE
    assert pick(read(data, step)["span"], "name") == ["é\N{GRINNING FACE}"]


def test_texts_that_are_no_unicode_are_counted() -> None:
    data = b'[{"ph":"X","ts":1,"dur":1,"name":"\xff","args":{"a":"\xfe"}}]'
    (span,) = read(data)["span"]
    assert (span["name"], span["args"]) == ("\ufffd", '{"a":"\ufffd"}')
    assert read(data).codes()["text_replaced"] == 2


def test_damage_before_the_events_does_not_hide_them() -> None:
    data = KINETO.replace('"cupti_version": 22', '"cupti_version": x22').encode()
    assert len(read(data)["span"]) == len(read(KINETO)["span"])
    assert "json_tokenizer_failure" in read(data).codes()
    assert len(read(b"var trace = " + KINETO.encode())["span"]) == len(read(KINETO)["span"])


def test_text_after_the_document_is_counted() -> None:
    assert read(ALL["async"] + " {}").codes()["json_trailing_text"] == 1
    assert read('[{"ph":"i","ts":1}] x').codes() == {"json_trailing_text": 1, "tid_missing": 1}


def test_damage_of_the_packing_is_passed_on() -> None:
    found = read('[{"ph":"i","ts":1,"tid":1}]', damage=[("gzip_truncated", 27, "cut")])
    assert found["diagnostic"] == [
        {"severity": "data_loss", "code": "gzip_truncated", "count": 1, "first_offset": 27,
         "message": "cut"},
    ]  # fmt: skip


def test_first_offsets_point_at_the_event() -> None:
    data = '{"traceEvents": [{"ph":"i","ts":1,"tid":1},\n  {"ph":"X","ts":1,"tid":1}]}'
    (row,) = read(data)["diagnostic"]
    assert data.encode()[row["first_offset"] :].startswith(b'{"ph":"X"')


@pytest.mark.parametrize("data", [b"[]", b'{"traceEvents":[]}', b'{"traceEvents":[{}]}'])
def test_a_trace_without_events_is_a_trace(data: bytes) -> None:
    assert not read(data)["span"]


@pytest.mark.parametrize(
    ("data", "error", "what"),
    [
        (b"", CorruptTrace, "empty"), (b" \n", CorruptTrace, "empty"),
        (b"hello", CorruptTrace, "no JSON"), (b"\x00\x01", CorruptTrace, "no JSON"),
        (b'{"nodes":[]}', UnknownFormat, "without an array"), (b"{", UnknownFormat, "without"),
        (b'[{"a":1}]', UnknownFormat, "no phase"), (b"[[1,2]]", UnknownFormat, "no phase"),
    ],
)  # fmt: skip
def test_what_is_no_trace_is_refused(data: bytes, error: type[Exception], what: str) -> None:
    with pytest.raises(error, match=what) as refusal:
        read(data)
    assert "some/trace.json" in str(refusal.value)
    assert "byte 0" in str(refusal.value)


@pytest.mark.parametrize(
    ("prefix", "match"),
    [
        (b'[\n{"ph":"B"', Match.SURE), (b'[{},{"name":"x","ph" : "X"', Match.SURE),
        (b'{"traceEvents":[', Match.SURE), (b'{"a":1,"traceEvents" : [{', Match.SURE),
        (b'{"schemaVersion":1,"deviceProperties":[', Match.MAYBE), (b"[]", Match.MAYBE),
        (b'{"metadata":{"big":"', Match.MAYBE), (b'[{"a":1}]', Match.NO), (b'{"nodes":[', Match.NO),
        (b"", Match.NO), (b"\xff\xfe", Match.NO), (b"PK\x03\x04", Match.NO),
    ],
)  # fmt: skip
def test_sniff(prefix: bytes, match: Match) -> None:
    assert Chrome().sniff(Head(Text(b"").path, prefix)) is match
