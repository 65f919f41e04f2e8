"""Rows of small traces in which every view of the library finds something."""

from __future__ import annotations

from typing import Any

from small_traces import rows_of

IRQ, SOFTIRQ = 11, 12
"""Tracks of interrupts."""
RANGES = 13
"""Track of ranges that the program marked."""


def full_rows_of(k: int) -> dict[str, list[dict[str, Any]]]:
    """Give the rows of trace number k: those of `rows_of`, and what they lack.

    Thread 3 wakes thread 2 and thread 1 wakes thread 3; CPU 3 changes its clock and idles.
    """
    base = 1000 * (k + 1)
    rows = rows_of(k)
    rows["thread"] += [
        {"utid": 2, "tid": 13, "upid": 0, "name": "reader"},
        {"utid": 3, "tid": 14, "upid": 0, "name": "writer"},
    ]
    rows["track"] += [
        {"id": 8, "type": "cpu_counter", "name": "cpuidle", "cpu": 3},
        {"id": 9, "type": "process_counter", "name": "mem.rss.anon", "upid": 0},
        {"id": 10, "type": "process_counter", "name": "mem.rss.file", "upid": 0},
        {"id": IRQ, "type": "cpu_irq", "name": "irq", "cpu": 3},
        {"id": SOFTIRQ, "type": "cpu_softirq", "name": "softirq", "cpu": 3},
    ]
    rows["slice"] += [
        {"id": 6, "ts": base + 420, "dur": 5, "name": "timer", "track_id": IRQ, "depth": 0,
         "self_dur": 5},
        {"id": 7, "ts": base + 430, "dur": 6 + k, "name": "net", "track_id": SOFTIRQ, "depth": 0,
         "self_dur": 6 + k},
        {"id": 8, "ts": base + 440, "dur": 20, "name": f"kernel{k}", "category": "kernel",
         "track_id": 1, "depth": 0, "self_dur": 20, "args": '{"sharedMemoryExecuted":32768}'},
    ]  # fmt: skip
    rows["slice"].append(
        {"id": 9, "ts": base + 470, "dur": 2, "name": "fill", "track_id": 1, "depth": 0,
         "self_dur": 2}
    )  # fmt: skip
    rows["track"].append({"id": RANGES, "type": "thread", "name": "ranges", "utid": 0, "upid": 0})
    rows["slice"] += [
        {"id": 10, "ts": base + 480, "dur": 3, "name": "Stream Synchronize", "category": "sync",
         "track_id": 1, "depth": 0, "self_dur": 3},
        {"id": 11, "ts": base + 90, "dur": 215 + k, "name": "range", "category": "nvtx",
         "track_id": RANGES, "depth": 0, "self_dur": 215 + k},
    ]  # fmt: skip
    rows["slice"] += [
        {"id": 12, "ts": base + 415, "dur": 14 + k, "name": "cudaDeviceSynchronize",
         "category": "cuda_runtime", "track_id": RANGES, "depth": 0, "self_dur": 14 + k},
        {"id": 14, "ts": base + 496, "dur": 2, "name": "CUPTI Buffer flush", "category": "overhead",
         "track_id": RANGES, "depth": 0, "self_dur": 2},
        {"id": 13, "ts": base + 490, "dur": 5, "name": "CreateHeap", "category": "dx12_memory",
         "track_id": RANGES, "depth": 0, "self_dur": 5, "args": '{"heapFlags":"NONE"}'},
    ]  # fmt: skip
    rows["track"] += [
        {"id": 14, "type": "android_log", "name": "Android log", "utid": 0, "upid": 0},
        {"id": 15, "type": "expected_frame_timeline", "name": "Expected Timeline", "upid": 0},
        {"id": 16, "type": "actual_frame_timeline_overflow", "name": "Actual Timeline", "upid": 0},
    ]
    frame = '{"Surface frame token":5,"Display frame token":9,"Jank type":"None"}'
    rows["slice"] += [
        {"id": 15, "ts": base + 451, "dur": 0, "name": "Zygote", "category": "android_log",
         "track_id": 14, "depth": 0, "self_dur": 0, "args": '{"prio":4,"msg":"up"}'},
        *({"id": track + 1, "ts": base + 452, "dur": 9, "name": "5", "track_id": track, "depth": 0,
           "self_dur": 9, "args": frame} for track in (15, 16)),
    ]  # fmt: skip
    rows["track"].append({"id": 24, "type": "thread", "name": "reads", "utid": 3, "upid": 0})
    rows["slice"] += [
        {"id": 25, "ts": base + 60, "dur": 45, "name": "read", "track_id": 24, "depth": 0,
         "self_dur": 25},
        {"id": 27, "ts": base + 494, "dur": 1, "name": "kernel", "category": "kernel",
         "track_id": 1, "depth": 0, "self_dur": 1, "args": '{"accum_vgpr":4}'},
        {"id": 26, "ts": base + 70, "dur": 20 + k, "name": "wait", "track_id": 24, "depth": 1,
         "parent_id": 25, "self_dur": 20 + k},
    ]  # fmt: skip
    rows["process"].append({"upid": 2, "pid": 2, "name": "kthreadd"})
    rows["thread"].append({"utid": 4, "tid": 2, "upid": 2, "name": f"kthreadd{k}"})
    rows["slice"][0] |= {"thread_ts": 5, "thread_dur": 400}
    rows["gpu_op"] += [
        {
            "slice_id": 8,
            "kind": "kernel",
            "device_id": 0,
            "stream_id": 7,
            "grid_x": 4 + k,
            "grid_y": 1,
            "grid_z": 1,
            "block_x": 128,
            "block_y": 1,
            "block_z": 1,
            "registers_per_thread": 64,
            "shared_bytes": 0,
        },
        {"slice_id": 9, "kind": "memset", "device_id": 0, "stream_id": 7, "bytes": 16},
    ]
    rows["device"][0] |= {"vendor": "nvidia", "compute_major": 8, "compute_minor": 0,
                          "multiprocessor_count": 108}  # fmt: skip
    rows["counter"] += [
        {"id": 3, "ts": base, "track_id": 5, "value": 100.0},
        {"id": 4, "ts": base + 30, "track_id": 7, "value": 1000.0},
        {"id": 5, "ts": base + 40, "track_id": 7, "value": 2000.0 + k},
        {"id": 6, "ts": base, "track_id": 8, "value": 1.0},
        {"id": 7, "ts": base + 30, "track_id": 8, "value": 4294967295.0},
        {"id": 8, "ts": base, "track_id": 9, "value": 50.0},
        {"id": 9, "ts": base + 5, "track_id": 10, "value": 60.0 + k},
        {"id": 10, "ts": base + 9, "track_id": 9, "value": 70.0},
    ]
    rows["sched"] += [
        {"id": 1, "ts": base + 62, "dur": 18, "cpu": 3, "utid": 3, "end_state": "S"},
        {"id": 2, "ts": base + 75, "dur": 15, "cpu": 2, "utid": 2, "end_state": "R+"},
        {"id": 3, "ts": base + 92, "dur": 8, "cpu": 2, "utid": 2, "end_state": "S"},
    ]
    states = [
        (2, 0, 70, "S", None), (2, 70, 5, "R", 3), (2, 75, 15, "Running", None),
        (2, 90, 2, "R+", None), (2, 92, 8, "Running", None), (2, 100, 9, "S", None),
        (3, 0, 45, "D", None), (3, 45, 17, "R", 1), (3, 62, 18, "Running", None),
        (3, 80, 20, "S", None),
    ]  # fmt: skip
    rows["thread_state"] = [
        {"id": 0, "ts": base, "dur": 1, "utid": 1, "state": "R"},
        {"id": 1, "ts": base + 1, "dur": 49, "utid": 1, "state": "Running", "cpu": 3},
        *(
            {"id": 2 + number, "ts": base + ts, "dur": dur + k * (utid == 2 and ts == 100),
             "utid": utid, "state": state, "waker_utid": waker}
            for number, (utid, ts, dur, state, waker) in enumerate(states)
        ),
    ]  # fmt: skip
    rows["sample"] += [
        {"id": 1, "ts": base + 9, "utid": 1, "cpu": 1, "frame_id": 0},
        {"id": 2, "ts": base + 19, "utid": 0, "cpu": 1, "frame_id": 1},
    ]
    rows["allocation"] += [
        {"id": 1, "ts": base + 3, "upid": 0, "utid": 0, "kind": "alloc", "bytes": 64,
         "frame_id": 1, "address": 8},
        {"id": 2, "ts": base + 4, "upid": 0, "utid": 0, "kind": "alloc", "bytes": 32 + k,
         "frame_id": 0, "address": 9},
        {"id": 3, "ts": base + 5, "upid": 0, "utid": 0, "kind": "free", "bytes": 64,
         "frame_id": 1, "address": 8},
    ]  # fmt: skip
    return rows
