"""Rows of small traces with every table filled, different in each trace."""

from __future__ import annotations

from typing import Any


def rows_of(k: int) -> dict[str, list[dict[str, Any]]]:
    """Give the rows of trace number k: small, and different in each trace."""
    base = 1000 * (k + 1)
    return {
        "process": [
            {"upid": 0, "pid": 10, "name": "python", "rank": k, "args": '{"labels":"x"}'},
            {"upid": 1, "pid": 0, "name": "gpu", "parent_upid": 0},
        ],
        "thread": [
            {"utid": 0, "tid": 11, "upid": 0, "name": "main", "is_main_thread": True},
            {"utid": 1, "tid": 12, "upid": 0, "name": f"worker {k}", "args": '{"w":[1,{"z":2}]}'},
        ],
        "track": [
            {"id": 0, "type": "thread", "utid": 0, "upid": 0},
            {"id": 1, "type": "gpu_stream", "name": "stream 7", "upid": 1, "device_id": 0,
             "stream_id": 7},
            {"id": 2, "type": "counter", "name": "power", "device_id": 0, "unit": "w",
             "args": '{"d":1}'},
            {"id": 3, "type": "process", "upid": 0},
            {"id": 4, "type": "cpu", "cpu": 3},
            {"id": 5, "type": "process_counter", "name": "rss", "upid": 0},
            {"id": 6, "type": "thread_counter", "name": "x", "upid": 0, "utid": 1},
            {"id": 7, "type": "cpu_counter", "name": "freq", "cpu": 3},
        ],
        "slice": [
            {"id": 0, "ts": base, "dur": 500, "name": "step", "category": "cpu_op", "track_id": 0,
             "depth": 0, "self_dur": 300, "args": '{"External id":\x01A,"x":[1,2.5,{"y":"z"}],'
             '"b":true,"n":null,"big":18446744073709551615}', "_lifted": {0: 7 + k},
             "extra": '{"cname":"good"}'},
            {"id": 1, "ts": base + 100, "dur": 200, "name": "op", "track_id": 0, "depth": 1,
             "parent_id": 0, "self_dur": 200, "args": '{"a":1}', "end_args": '{"b":2}'},
            {"id": 2, "ts": base + 150, "dur": 50 + k, "name": f"kernel{k}", "category": "kernel",
             "track_id": 1, "depth": 0, "self_dur": 50 + k, "correlation_id": 5},
            {"id": 3, "ts": base + 300, "dur": 0, "name": "mark", "track_id": 0, "depth": 1,
             "parent_id": 0, "self_dur": 0, "args": "{bad"},
            {"id": 4, "ts": base + 400, "dur": -1, "name": "open", "category": "cuda_sync",
             "track_id": 3, "depth": 0, "args": '"text"'},
            {"id": 5, "ts": base + 410, "dur": 9, "name": "copy", "category": "gpu_memcpy",
             "track_id": 1, "depth": 0, "self_dur": 9},
        ],
        "gpu_op": [
            {"slice_id": 2, "kind": "kernel", "device_id": 0, "stream_id": 7, "grid_x": 4,
             "correlation_id": 5, "launch_slice_id": 1},
            {"slice_id": 5, "kind": "memcpy", "device_id": 0, "stream_id": 7, "bytes": 64},
        ],
        "flow": [{"id": 0, "slice_out": 1, "slice_in": 2, "name": "ac2g", "args": '{"f":1}'}],
        "counter": [
            {"id": 0, "ts": base, "track_id": 2, "value": 10.0, "args": '{"q":"w"}'},
            {"id": 1, "ts": base + 10, "track_id": 2, "value": 10.0},
            {"id": 2, "ts": base + 20, "track_id": 2, "value": 20.0 + k},
        ],
        "sched": [{"id": 0, "ts": base, "dur": 50, "cpu": 3, "utid": 1, "end_state": "S"}],
        "thread_state": [
            {"id": 0, "ts": base, "dur": 50, "utid": 1, "state": "Running", "cpu": 2},
        ],
        "frame": [
            {"id": 0, "depth": 0, "name": "main", "module": "app"},
            {"id": 1, "parent_id": 0, "depth": 1, "name": "work", "module": "lib"},
        ],
        "sample": [{"id": 0, "ts": base + 5, "utid": 0, "cpu": 1, "frame_id": 1}],
        "allocation": [
            {"id": 0, "ts": base, "upid": 0, "device_id": 0, "kind": "alloc", "bytes": 512},
        ],
        "device": [{"device_id": 0, "kind": "gpu", "name": f"GPU {k}", "args": '{"sm":80}'}],
        "metadata": [{"name": "m", "str_value": "v"}, {"name": "a", "int_value": 3}],
        "diagnostic": [
            {"severity": "error", "code": "bad_json", "count": 2 + k, "message": "odd"},
        ],
        "profile": [{"id": 0, "frame_id": 1, "metric": "time", "value": 1.5, "self": True}],
        "sketch": [
            {"name_id": 0, "count": 1, "sum_dur": 500, "sum_self_dur": 300, "min_dur": 500,
             "max_dur": 500, "log_histogram": b"\x01"},
        ],
    }  # fmt: skip
