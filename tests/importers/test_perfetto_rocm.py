"""Conventions of AMD's tools in Perfetto traces: what becomes work of a device, and of which."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import rocprofv3_json as json_form
from perfetto_encoder import (
    Value,
    described,
    event,
    message,
    packet,
    process,
    snapshot,
    thread,
    trace,
)
from perfetto_traces import interned
from rocm_plan import PID, START, TIDS, Plan, plan
from rocprofv3_files import csv_files
from test_perfetto_events import Asked

from traceql.engine.ingest import ingest
from traceql.query.session import Session
from traceql.store.catalog import Store

CONTRACTS = Path(__file__).resolve().parents[1] / "contracts"
QUESTIONS = (CONTRACTS / "gpu_questions.sql").read_text(encoding="utf-8")


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


def of_plan(run: Plan) -> bytes:
    """Write the calls, kernels and copies of a run as rocprofv3 does."""
    keys = ["begin_ns", "end_ns", "corr_id", "agent", "LDS_Block_Size", "VGPR_Count",
            "workgroup_size", "grid_size", "stream_ID", "src_agent", "dst_agent",
            "copy_bytes"]  # fmt: skip
    categories = ["hip_api", "kernel_dispatch", "memory_copy"]
    packets = [snapshot((6, START), (3, START)), described(1, (3, process(PID, "a.out")))]
    packets.append(packet(0, interned((1, categories), (3, keys)), flags=1))
    for number, tid in enumerate(TIDS):
        packets.append(described(10 + number, (4, thread(PID, tid, "")), (5, 1)))

    def write(track: int, name: str, category: int, of: Any, **args: int | str) -> None:
        given = {"begin_ns": of.start, "end_ns": of.end, "corr_id": of.correlation, **args}
        made: list[tuple[int, Value]] = [
            (4, message((1, keys.index(k) + 1), (6 if isinstance(v, str) else 3, v)))
            for k, v in given.items()
        ]
        packets.append(event(of.start, 1, track, (23, name), (3, [category]), *made, flags=2))
        packets.append(event(of.end, 2, track, flags=2))

    for call in run.calls:
        if call.domain.startswith("HIP"):
            write(10 + TIDS.index(call.tid), call.function, 1, call)
    for agent in (1, 2):
        name = f"COMPUTE GPU [{agent}] QUEUE [{agent}] GPU"
        packets.append(described(20 + agent, (2, name), (5, 1)))
    for d in run.dispatches:
        write(20 + d.agent, d.name, 2, d, agent=f"GPU-{d.agent}", LDS_Block_Size=d.lds,
              VGPR_Count=32, workgroup_size=prod(d.group), grid_size=prod(d.grid),
              stream_ID=d.stream)  # fmt: skip
    for number, copy in enumerate(run.copies):
        packets.append(described(100 + number, (2, "COPY to AGENT [1] THREAD [0] (GPU)"), (5, 1)))
        write(100 + number, f"MEMORY_COPY_{copy.direction}", 3, copy,
              src_agent=f"GPU-{copy.source}", dst_agent=f"GPU-{copy.target}",
              copy_bytes=copy.size, stream_ID=copy.stream)  # fmt: skip
    return trace(*packets)


def test_one_run_answers_alike_in_every_form(tmp_path: Path) -> None:
    run = plan(9)
    (tmp_path / "run.pftrace").write_bytes(of_plan(run))
    (tmp_path / "7_results.json").write_text(json_form.text_of(json_form.document(run)))
    (tmp_path / "csv").mkdir()
    for name, text in csv_files(run).items():
        (tmp_path / "csv" / name).write_text(text)
    store = Store.open(tmp_path / "store", create=True)
    answers = []
    for form in ("run.pftrace", "7_results.json", "csv"):
        done = ingest(tmp_path / form, store=store)
        with Session([done.trace], store=store) as session:
            answers.append(session.sql(QUESTIONS).fetchall())
    assert len(answers[0]) > 9
    assert answers[0] == answers[1]
    # The CSV tells no bytes of copies.
    without = [row[:5] for row in answers[0]], [row[:5] for row in answers[2]]
    assert without[0] == without[1]
