"""The trace that `corpus.sql` asks: every table that its queries name has rows."""

from __future__ import annotations

from typing import Any

_TRACKS = """0 thread - utid=0,upid=0
1 gpu_stream stream_7 upid=1,device_id=0,stream_id=7
2 counter power device_id=0
3 process - upid=0
4 cpu - cpu=3
5 process_counter rss upid=0
6 thread_counter x upid=0,utid=1
7 cpu_counter freq cpu=3
8 cpu_counter cpuidle cpu=3
9 process_counter mem.rss.anon upid=0
10 process_counter mem.rss.file upid=0
11 cpu_irq irq cpu=3
12 cpu_softirq softirq cpu=3"""
_SLICES = [
    # id, ts, dur, name, category, track, depth, parent, self time
    (0, 1000, 500, "step", "cpu_op", 0, 0, None, 300),
    (1, 1100, 200, "op", None, 0, 1, 0, 200),
    (2, 1150, 50, "kernel0", "kernel", 1, 0, None, 50),
    (3, 1300, 0, "mark", None, 0, 1, 0, 0),
    (4, 1400, -1, "open", "sync", 3, 0, None, None),
    (5, 1410, 9, "copy", "gpu_memcpy", 1, 0, None, 9),
    (6, 1420, 5, "timer", None, 11, 0, None, 5),
    (7, 1430, 6, "net", None, 12, 0, None, 6),
    (8, 1440, 20, "kernel0", "kernel", 1, 0, None, 20),
    (9, 1470, 2, "fill", None, 1, 0, None, 2),
]
_ARGS = {
    0: '{"External id":7,"x":[1,2.5,{"y":"z"}],"b":true,"n":null,"big":18446744073709551615}',
    1: '{"a":1,"b":2}',
}
_COUNTERS = [(1000, 2, 10.0), (1010, 2, 10.0), (1020, 2, 20.0), (1000, 5, 100.0), (1030, 7, 1000.0),
             (1040, 7, 2000.0), (1000, 8, 1.0), (1030, 8, 4294967295.0), (1000, 9, 50.0),
             (1005, 10, 60.0), (1009, 9, 70.0)]  # fmt: skip
_SCHED = [
    (1000, 50, 3, 1, "S"),
    (1062, 18, 3, 3, "S"),
    (1075, 15, 2, 2, "R+"),
    (1092, 8, 2, 2, "S"),
]
_STATES = [(1, 1000, 1, "R", None, None), (1, 1001, 49, "Running", 3, None),
           (2, 1000, 70, "S", None, None), (2, 1070, 5, "R", None, 3),
           (2, 1075, 15, "Running", 2, None), (2, 1090, 2, "R+", None, None),
           (2, 1092, 8, "Running", 2, None), (2, 1100, 9, "S", None, None),
           (3, 1000, 45, "D", None, None), (3, 1045, 17, "R", None, 1),
           (3, 1062, 18, "Running", 3, None), (3, 1080, 20, "S", None, None)]  # fmt: skip


def corpus_rows() -> dict[str, list[dict[str, Any]]]:
    """Give the rows by table."""
    slice_columns = ("id", "ts", "dur", "name", "category", "track_id", "depth", "parent_id",
                     "self_dur")  # fmt: skip
    tracks = []
    for line in _TRACKS.splitlines():
        number, kind, name, rest = line.split()
        owner = {key: int(value) for key, value in (part.split("=") for part in rest.split(","))}
        named = None if name == "-" else name.replace("_", " ") if kind == "gpu_stream" else name
        tracks.append({"id": int(number), "type": kind, "name": named, **owner})
    return {
        "process": [
            {"upid": 0, "pid": 10, "name": "python", "args": '{"labels":"x"}'},
            {"upid": 1, "pid": 0, "name": "gpu", "parent_upid": 0},
        ],
        "thread": [
            {"utid": utid, "tid": 11 + utid, "upid": 0, "name": name, "is_main_thread": utid == 0}
            for utid, name in enumerate(("main", "worker", "reader", "writer"))
        ],
        "track": tracks,
        "slice": [
            {**dict(zip(slice_columns, row, strict=True)), "args": _ARGS.get(row[0])}
            for row in _SLICES
        ],
        "gpu_op": [
            {"slice_id": 2, "kind": "kernel", "device_id": 0, "stream_id": 7, "launch_slice_id": 1},
            {"slice_id": 5, "kind": "memcpy", "device_id": 0, "stream_id": 7, "bytes": 64},
            {"slice_id": 8, "kind": "kernel", "device_id": 0, "stream_id": 7},
            {"slice_id": 9, "kind": "memset", "device_id": 0, "stream_id": 7, "bytes": 16},
        ],
        "flow": [
            {"id": 0, "slice_out": 1, "slice_in": 2, "name": "ac2g"},
            {"id": 1, "slice_out": 2, "slice_in": 5, "name": "next"},
        ],
        "counter": [
            {"id": number, "ts": ts, "track_id": track, "value": value,
             "args": '{"q":"w"}' if number == 0 else None}
            for number, (ts, track, value) in enumerate(_COUNTERS)
        ],
        "sched": [
            {"id": number, "ts": ts, "dur": dur, "cpu": cpu, "utid": utid, "end_state": end}
            for number, (ts, dur, cpu, utid, end) in enumerate(_SCHED)
        ],
        "thread_state": [
            {"id": number, "utid": utid, "ts": ts, "dur": dur, "state": state, "cpu": cpu,
             "waker_utid": waker}
            for number, (utid, ts, dur, state, cpu, waker) in enumerate(_STATES)
        ],
        "frame": [
            {"id": 0, "depth": 0, "name": "main", "module": "app"},
            {"id": 1, "parent_id": 0, "depth": 1, "name": "work", "module": "lib"},
        ],
        "sample": [
            {"id": number, "ts": ts, "utid": utid, "cpu": 1, "frame_id": frame}
            for number, (ts, utid, frame) in enumerate([(1005, 0, 1), (1009, 1, 0), (1019, 0, 1)])
        ],
        "metadata": [{"name": "m", "str_value": "v"}, {"name": "a", "int_value": 3}],
        "diagnostic": [{"severity": "error", "code": "bad_json", "count": 2, "message": "odd"}],
    }  # fmt: skip
