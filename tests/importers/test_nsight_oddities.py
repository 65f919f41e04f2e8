"""Nsight Systems: what readers stumble over, as the generated exports have it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nsight_databases import KERNELS, PIDS, STEPS, make, tid_of

from traceql.engine.ingest import ingest
from traceql.query.session import Session
from traceql.store.catalog import Store

LATER = ("2.9", "3.28")


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Session]]:
    folder = tmp_path_factory.mktemp("nsys_ages")
    store = Store.open(folder / "store", create=True)
    opened = {}
    for age in ("2020", *LATER):
        make(age, seed=5).write(folder / f"{age}.sqlite")
        opened[age] = Session([ingest(folder / f"{age}.sqlite", store=store).trace], store=store)
    yield opened
    for session in opened.values():
        session.close()


@pytest.fixture(params=LATER)
def session(request: pytest.FixtureRequest, sessions: dict[str, Session]) -> Session:
    return sessions[request.param]


@pytest.fixture
def newest(sessions: dict[str, Session]) -> Session:
    return sessions["3.28"]


def rows(session: Session, text: str) -> list[tuple[Any, ...]]:
    return session.sql(text).fetchall()


def one(session: Session, category: str, name: str) -> tuple[int, int, dict[str, Any]]:
    """ts, dur and args of the only such slice."""
    found = rows(session, "SELECT ts, dur, args FROM slice "
                 f"WHERE category = '{category}' AND name = '{name}'")  # fmt: skip
    assert len(found) == 1, found
    ((ts, dur, args),) = found
    return ts, dur, json.loads(args or "{}")


@pytest.mark.parametrize("age", ["2020", *LATER])
def test_calls_and_work_of_two_processes_are_not_mixed(
    sessions: dict[str, Session], age: str
) -> None:
    """Both processes number their calls from 1 on, so that each number is there twice."""
    found = rows(sessions[age], "SELECT count(*), "
                 "count(*) FILTER (WHERE lp.pid = gp.pid), "
                 "count(*) FILTER (WHERE l.correlation_id = g.correlation_id), "
                 "count(DISTINCT (gp.pid, g.correlation_id)) "
                 "FROM gpu_op g JOIN slice s ON s.id = g.slice_id "
                 "JOIN track gt ON gt.id = s.track_id JOIN process gp ON gp.upid = gt.upid "
                 "JOIN slice l ON l.id = g.launch_slice_id "
                 "JOIN track lt ON lt.id = l.track_id JOIN process lp ON lp.upid = lt.upid "
                 "WHERE g.kind IN ('kernel', 'memcpy')")  # fmt: skip
    count = 2 * 2 * STEPS
    assert found == [(count, count, count, count)]


@pytest.mark.parametrize("age", ["2020", *LATER])
def test_kernels_have_their_full_and_short_names(sessions: dict[str, Session], age: str) -> None:
    short = {full: short for full, short, _ in KERNELS.values()}
    mangled = {full: text for full, _, text in KERNELS.values()}
    found = rows(sessions[age], "SELECT DISTINCT s.name, s.args ->> '$.shortName', "
                 "s.args ->> '$.mangledName', grid_x, grid_y, grid_z, block_x, "
                 "registers_per_thread, static_shared_bytes, dynamic_shared_bytes, shared_bytes "
                 "FROM gpu_op g JOIN slice s ON s.id = g.slice_id "
                 "WHERE g.kind = 'kernel'")  # fmt: skip
    assert {row[0] for row in found} <= short.keys()
    for name, said_short, said_mangled, *launch in found:
        assert said_short == short[name]
        assert said_mangled == (None if age == "2020" else mangled[name])
        assert launch == [64, 2, 1, 256, 32, 1024, 2048, 3072]


def test_api_versions_are_cut_off_and_kept(session: Session) -> None:
    _, _, args = one(session, "cuda_runtime", "cudaMalloc")
    assert args["apiName"] == "cudaMalloc_v3020"
    assert args["returnValue"] == 2
    # A driver's suffix is part of its name.
    assert one(session, "cuda_driver", "cuModuleUnload_v2")[:2] == (500, 200)


def test_a_call_with_its_chain_is_not_counted_twice(session: Session) -> None:
    ts, dur, args = one(session, "cuda_backtrace", "cudaMalloc")
    assert (ts, dur, args["callchainId"]) == (880, 140, 1)
    ((own, beside),) = rows(session, "SELECT any_value(track_id) FILTER "
                            "(category = 'cuda_runtime'), any_value(track_id) FILTER "
                            "(category = 'cuda_backtrace') FROM slice "
                            "WHERE name = 'cudaMalloc'")  # fmt: skip
    assert own != beside


def test_unified_memory_is_on_no_stream_and_has_no_launch(session: Session) -> None:
    found = rows(session, "SELECT s.ts, s.dur, s.name, g.stream_id, g.context_id, g.bytes, "
                 "g.correlation_id, g.launch_slice_id, k.type FROM gpu_op g "
                 "JOIN slice s ON s.id = g.slice_id JOIN track k ON k.id = s.track_id "
                 "WHERE copy_kind LIKE 'uvm%'")  # fmt: skip
    assert found == [(2_000, 1_000, "Unified Memory Memcpy HtoD", None, None, 4096, None, None,
                      "gpu_unified_memory")]  # fmt: skip


def test_addresses_have_no_sign(newest: Session) -> None:
    ((args,),) = rows(newest, "SELECT args FROM slice WHERE category = 'gpu_memcpy' "
                      "AND name LIKE 'Unified%'")  # fmt: skip
    assert json.loads(args)["virtualAddress"] == (1 << 64) - 4096


def test_a_fill_says_of_what(session: Session) -> None:
    found = rows(session, "SELECT s.name, g.bytes, g.dst_memory, s.ts, s.dur FROM gpu_op g "
                 "JOIN slice s ON s.id = g.slice_id WHERE g.kind = 'memset'")  # fmt: skip
    assert found == [("Memset (Device)", 512, "device", 4_000, 100)]


def test_waits_are_slices_and_no_work(session: Session) -> None:
    found = rows(session, "SELECT s.name, s.ts, s.dur, k.stream_id, s.args FROM slice s "
                 "JOIN track k ON k.id = s.track_id WHERE s.category = 'sync' "
                 "ORDER BY s.ts")  # fmt: skip
    assert [row[:4] for row in found] == [
        ("Context Synchronize", 5_000, 1_000, None),
        ("Stream Synchronize", 6_000, 500, 7),
        ("Synchronize (77)", 6_600, 0, 7),
    ]
    # The sentinel is no event; what ends before it starts keeps its end.
    assert "eventId" not in (found[0][4] or "")
    assert json.loads(found[2][4]) == {"end": 6_500, "eventId": 5}
    assert rows(session, "SELECT count FROM diagnostic "
                "WHERE code = 'slice_negative_duration'") == [(1,)]  # fmt: skip


def test_a_recorded_event_has_the_time_of_its_call(session: Session) -> None:
    calls = rows(session, "SELECT l.ts FROM slice l JOIN track k ON k.id = l.track_id "
                 f"JOIN process p ON p.upid = k.upid WHERE p.pid = {PIDS[0]} "
                 "AND l.correlation_id = 1 AND l.category = 'cuda_runtime'")  # fmt: skip
    found = rows(session, "SELECT ts, args ->> '$.eventId' FROM slice "
                 "WHERE category = 'cuda_event'")  # fmt: skip
    assert found == [(calls[0][0], "11")]
    assert rows(session, "SELECT count FROM diagnostic "
                "WHERE code = 'cuda_event_without_time'") == [(1,)]  # fmt: skip


def test_ranges_have_domains_categories_and_colours(session: Session) -> None:
    ts, dur, args = one(session, "nvtx_range", "overlap a")
    assert (ts, dur) == (100, 4_900)
    assert args["domain"] == "NCCL"
    assert args["category"] == "phase"
    assert args["color"] == 0xFF00FF00
    assert args["endGlobalTid"] == tid_of(0, 1)
    assert one(session, "nvtx_range", "overlap b")[:2] == (200, 8_800)


def test_marks_are_instants_with_their_payload(session: Session) -> None:
    assert one(session, "nvtx_mark", "mark") == (300, 0, {"payload_uint64": 1 << 40})


def test_a_range_that_is_never_closed_stays_open(session: Session) -> None:
    ts, dur, args = one(session, "nvtx", "never closed")
    assert (ts, dur, args) == (400, -1, {"jsonText": '{"k": "\\u00e9"}'})
    # A range without any text, inside it.
    assert one(session, "nvtx", "[NVTX]")[:2] == (450, 10)


def test_torchs_numbers_are_no_part_of_a_name(session: Session) -> None:
    found = rows(session, "SELECT (args ->> '$.op_id')::INT FROM slice "
                 "WHERE name = 'aten::step' ORDER BY 1")  # fmt: skip
    assert found == [(step,) for step in range(STEPS) for _ in PIDS]


def test_payloads_have_fields(newest: Session) -> None:
    ts, dur, args = one(newest, "nvtx", "ncclAllReduce")
    assert (ts, dur) == (600, 100)
    assert args["NCCL communicator ID"] == 1 << 33
    assert args["Message size [bytes]"] == 4096


def test_what_came_before_the_session_is_there(session: Session) -> None:
    ts, dur, _ = one(session, "overhead", "CUDA profiling overhead")
    assert (ts, dur) == (-500, 400)


def test_a_table_that_nobody_knows(session: Session) -> None:
    ts, dur, args = one(session, "future_events", "new thing")
    assert (ts, dur, args) == (100, 100, {"flavour": 3, "weight": 0.5})
    found = rows(session, "SELECT code, count FROM diagnostic WHERE code LIKE 'table_not_read%' "
                 "ORDER BY code")  # fmt: skip
    assert found == [("table_not_read", 2), ("table_not_read.FUTURE_FACTS", 2)]


def test_memory_events(session: Session) -> None:
    found = rows(session, "SELECT ts, kind, bytes, address, pool, device_id FROM allocation "
                 "ORDER BY ts")  # fmt: skip
    assert found == [(1_000, "alloc", 4096, 0x7F00, "device", 0),
                     (9_000, "free", 4096, 0x7F00, "device", 0),
                     (9_100, "alloc", 64, 0x8000, "pinned", None)]  # fmt: skip
    assert rows(session, "SELECT count FROM diagnostic "
                "WHERE code = 'allocation_without_kind'") == [(1,)]  # fmt: skip


def test_page_faults(session: Session) -> None:
    ts, dur, args = one(session, "um_cpu_page_fault", "CPU page fault")
    assert (ts, dur, args["address"]) == (7_000, 0, (1 << 64) - 4096)
    assert args["module"] == "libx.so"
    ts, dur, args = one(session, "um_gpu_page_fault", "GPU page fault")
    assert (ts, dur, args["numberOfPageFaults"], args["faultAccessType"]) == (
        7_000, 200, 3, "Write")  # fmt: skip


def test_libraries_and_mpi(session: Session) -> None:
    assert one(session, "cublas", "cublasSgemm_v2")[:2] == (10_000, 500)
    ts, dur, args = one(session, "mpi", "MPI_Allreduce")
    assert (ts, dur, args) == (11_000, 1_000, {"commHandle": 1, "size": 64, "recvSize": 64})
    ranks = rows(session, "SELECT pid, rank, name FROM process WHERE rank IS NOT NULL ORDER BY 2")
    assert ranks == [(pid, n, f"rank{n}") for n, pid in enumerate(PIDS)]


def test_scheduling(session: Session) -> None:
    found = rows(session, "SELECT ts, dur, cpu FROM sched ORDER BY ts")
    assert found == [(0, 100, 3), (300, 600, 3), (1_000, -1, 3)]
    states = rows(session, "SELECT ts, dur, state FROM thread_state ORDER BY ts")
    is_new = rows(session, "SELECT 1 FROM metadata WHERE str_value = '3.28.1'")
    out = ("S", "R") if is_new else (None, None)
    assert states == [(0, 100, "Running"), (100, 200, out[0]), (300, 600, "Running"),
                      (900, 100, out[1]), (1_000, -1, "Running")]  # fmt: skip


def test_samples_and_their_stacks(session: Session) -> None:
    found = rows(session, "SELECT s.ts, s.cpu, s.weight, s.weight_unit, f.name, m.name, r.name, "
                 "r.parent_id FROM sample s JOIN frame f ON f.id = s.frame_id "
                 "JOIN frame m ON m.id = f.parent_id JOIN frame r ON r.id = m.parent_id "
                 "ORDER BY s.ts")  # fmt: skip
    is_new = rows(session, "SELECT 1 FROM metadata WHERE str_value = '3.28.1'")
    weights = (1_000, 2_500, 4_000) if is_new else (1, 1, 1)
    unit = "cycles" if is_new else "count"
    assert found == [
        (50 * n, 3, weights[n], unit, *((f"{p}leaf", f"{p}middle", f"{p}root")), None)
        for n, p in enumerate(("", "", "other "))
    ]
    # Two samples of one stack share their frames.
    assert rows(session, "SELECT count(DISTINCT frame_id) FROM sample") == [(2,)]


def test_whole_graphs_are_work_of_the_device(newest: Session) -> None:
    found = rows(newest, "SELECT s.name, s.ts, s.dur, g.graph_id, g.stream_id, k.name "
                 "FROM gpu_op g JOIN slice s ON s.id = g.slice_id "
                 "JOIN track k ON k.id = s.track_id WHERE g.kind = 'graph'")  # fmt: skip
    assert found == [("CUDA graph", 20_000, 1_000, 40, 13, "copies")]


def test_metrics_of_a_gpu(newest: Session) -> None:
    found = rows(newest, "SELECT k.name, k.unit, count(*), min(c.ts), max(c.ts) FROM counter c "
                 "JOIN track k ON k.id = c.track_id GROUP BY ALL ORDER BY 1")  # fmt: skip
    assert found == [
        ("Bytes received", "B", 1, 1_000, 1_000),
        ("GPC Clock Frequency", "Hz", 50, 0, 4_900),
        (f"GPU_METRICS {(1 << 48) | 256}/9", None, 1, 0, 0),
        ("SMs Active [Throughput %]", "%", 50, 0, 4_900),
        ("gpu0.power_mW", "mW", 5, 0, 4_000),
    ]
    assert rows(newest, "SELECT count FROM diagnostic "
                "WHERE code = 'generic_event_without_time'") == [(1,)]  # fmt: skip


def test_accesses_to_files_name_the_file(newest: Session) -> None:
    ts, dur, args = one(newest, "file_access", "write")
    assert (ts, dur) == (800, 50)
    assert args["file"] == "/data/log.txt"
    assert (args["eventType"], args["bytesProcessed"]) == ("Write", 8)


def test_what_nsys_said_is_passed_on(newest: Session) -> None:
    found = rows(newest, "SELECT severity, count, message FROM diagnostic WHERE code LIKE 'nsys.%' "
                 "ORDER BY code")  # fmt: skip
    assert found == [("data_loss", 1, "Events were lost."), ("info", 1, "Profiling has started.")]


def test_devices_and_their_limits(session: Session) -> None:
    found = rows(session, "SELECT device_id, vendor, name, uuid, multiprocessor_count, "
                 "compute_major, compute_minor, memory_bytes, clock_hz FROM device "
                 "ORDER BY device_id")  # fmt: skip
    assert found == [(n, "nvidia", "Made GPU 80GB", f"uuid-{n}", 108, 8, 0, 80 << 30, 1.41e9)
                     for n in range(2)]  # fmt: skip


def test_the_oldest_describe_devices_in_their_own_units(sessions: dict[str, Session]) -> None:
    found = rows(sessions["2020"], "SELECT name, memory_bytes, clock_hz, multiprocessor_count, "
                 "compute_major FROM device")  # fmt: skip
    assert found == [("Made GPU 2020", 32510 << 20, 1.53e9, 80, 7)]


def test_a_process_may_call_another_gpu_its_first(newest: Session) -> None:
    """TARGET_INFO_CUDA_DEVICE says that what the second process numbers 0 is GPU 1."""
    found = rows(newest, "SELECT p.pid, array_agg(DISTINCT g.device_id) FROM gpu_op g "
                 "JOIN slice s ON s.id = g.slice_id JOIN track k ON k.id = s.track_id "
                 "JOIN process p ON p.upid = k.upid GROUP BY p.pid ORDER BY 1")  # fmt: skip
    assert found == [(PIDS[0], [0]), (PIDS[1], [1])]


def test_names_and_the_environment_stay_out_unless_asked_for(
    newest: Session, tmp_path: Path
) -> None:
    private = {"SECRET=x", "somebody", "somewhere"}
    kept = {value for (value,) in rows(newest, "SELECT str_value FROM metadata")}
    assert not kept & private
    assert "8" in kept
    assert "Linux \ufffd\ufffd" in kept
    source = tmp_path / "kept.sqlite"
    make("3.28", seed=5).write(source)
    store = Store.open(tmp_path / "store", create=True)
    done = ingest(source, store=store, options={"keep_environment": True})
    with Session([done.trace], store=store) as session:
        all_of_it = {value for (value,) in rows(session, "SELECT str_value FROM metadata")}
    assert private <= all_of_it
    assert kept <= all_of_it
