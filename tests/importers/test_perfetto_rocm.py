"""Conventions of AMD's tools in Perfetto traces: what becomes work of a device, and of which."""

from __future__ import annotations

from pathlib import Path

from perfetto_encoder import Value, described, event, message, process, thread, trace
from test_perfetto_events import Asked


def annotated(**values: Value) -> list[tuple[int, Value]]:
    return [(4, message((10, name), (6 if isinstance(value, str) else 3, value)))
            for name, value in values.items()]  # fmt: skip


def slice_(track: int, ts: int, dur: int, name: str, category: str, **args: Value) -> list[bytes]:
    return [event(ts, 1, track, (23, name), (22, category), *annotated(**args)),
            event(ts + dur, 2, track)]  # fmt: skip


def test_rocprofiler_systems(tmp_path: Path) -> None:
    ask = Asked(trace(
        described(1, (3, process(7, "app"))), described(2, (4, thread(7, 7, "app")), (5, 1)),
        described(3, (2, "GPU Kernel Dispatch [1] Queue 94"), (5, 1)),
        described(4, (2, "GPU Memory Copy to Agent [2] Thread 0"), (5, 1)),
        described(5, (2, "GPU Current Power [1] (S)"), (8, message((6, "watts")))),
        *slice_(2, 10, 5, "hipLaunchKernel", "rocm_hip_api", corr_id=9),
        *slice_(3, 20, 30, "axpy(float*)", "rocm_kernel_dispatch", corr_id=9, stream_id=2,
                queue=94, group_segment_size=512, workgroup_size="(64,2,1)",
                grid_size="(1000,4,1)"),
        *slice_(4, 60, 3, "MEMORY_COPY_HOST_TO_DEVICE", "rocm_memory_copy", corr_id=10, size=77),
        event(1, 4, 5, (44, 230.5)),
    ), tmp_path)  # fmt: skip
    assert ask(
        "SELECT s.name, g.kind, g.device_id, g.stream_id, g.grid_x, g.grid_y, g.grid_z, g.block_x, "
        "g.block_y, g.shared_bytes, g.bytes, g.copy_kind, g.src_memory, g.dst_memory, l.name "
        "FROM gpu_op g JOIN slice s ON s.id = g.slice_id "
        "LEFT JOIN slice l ON l.id = g.launch_slice_id ORDER BY s.ts"
    ) == [
        ("axpy(float*)", "kernel", 1, 2, 16, 2, 1, 64, 2, 512, None, None, None, None,
         "hipLaunchKernel"),
        ("MEMORY_COPY_HOST_TO_DEVICE", "memcpy", 2, None, None, None, None, None, None, None, 77,
         "htod", None, "device", None),
    ]  # fmt: skip
    assert ask("SELECT t.name, t.unit, t.device_id, c.value FROM counter c JOIN track t "
               "ON t.id = c.track_id") == [
        ("GPU Current Power [1] (S)", "W", 1, 230.5)
    ]  # fmt: skip
    assert ask("SELECT device_id, kind, vendor FROM device ORDER BY 1") == [
        (1, "gpu", "amd"), (2, "gpu", "amd"),
    ]  # fmt: skip
    assert ask("SELECT count(*) FROM track WHERE type = 'gpu_stream'") == [(2,)]


def test_threads_that_rocprofv3_only_names(tmp_path: Path) -> None:
    ask = Asked(trace(
        described(1, (3, process(7, "app"))),
        described(2, (2, "THREAD 1 (4242)"), (5, 1)), described(3, (2, "THREAD 1 (x)"), (5, 1)),
        *slice_(2, 10, 5, "hipMalloc", "hip_api", corr_id=1),
        *slice_(3, 10, 5, "hipFree", "hip_api", corr_id=2),
    ), tmp_path)  # fmt: skip
    assert ask("SELECT s.name, k.type, t.tid, t.is_main_thread FROM slice s JOIN track k "
               "ON k.id = s.track_id LEFT JOIN thread t USING (utid) ORDER BY 1") == [
        ("hipFree", "async", None, None), ("hipMalloc", "thread", 4242, False),
    ]  # fmt: skip


def test_args_that_are_no_work_are_only_args(tmp_path: Path) -> None:
    ask = Asked(trace(
        described(2, (4, thread(7, 7, "app"))),
        event(1, 1, 2, (23, "a"), (22, "hip_api"), *annotated(corr_id=2**64 - 1)),
        event(2, 2, 2), event(3, 1, 2, (23, "b"), (22, "kernel_dispatch")), event(4, 2, 2),
        event(5, 1, 2, (23, "c"), (22, "kernel_dispatch"), *annotated(grid_size="(1,2)")),
        event(6, 2, 2),
    ), tmp_path)  # fmt: skip
    assert ask("SELECT s.name, g.device_id, g.grid_x FROM gpu_op g JOIN slice s "
               "ON s.id = g.slice_id") == [
        ("b", None, None), ("c", None, None)
    ]  # fmt: skip
    assert ask("SELECT count(*) FROM slice WHERE correlation_id IS NOT NULL") == [(0,)]
