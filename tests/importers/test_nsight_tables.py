"""Nsight Systems: every table of an export gives what was planted in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from nsight_databases import PIDS, VM, Made, pid_of, tid_of

from traceql.engine.ingest import ingest
from traceql.query.session import Session
from traceql.store.catalog import Store

T, P = tid_of(0), pid_of(0)
_TYPES = {"name": ":T", "varName": ":T", "kernelName": ":T", "srcFile": ":T", "cachePath": ":T"}


class Planted(NamedTuple):
    """A row of a table by column; texts of id columns stand as texts. And what it becomes."""

    table: str
    row: dict[str, Any]
    name: str
    category: str
    args: dict[str, Any]
    track: str = "thread"
    """Type of its track."""


def call(table: str, name: str, category: str, track: str = "thread", **more: Any) -> Planted:
    return Planted(table, {"globalTid": T, "nameId": name, **more}, name, category, more, track)


SPANS = (
    call("CUBLAS_EVENTS", "cublasSgemm_v2", "cublas"),
    call("CUDNN_EVENTS", "cudnnConvolutionForward", "cudnn"),
    call("SYSCALL", "ioctl", "syscall"),
    call("OPENGL_API", "glDrawArrays", "opengl"),
    call("VULKAN_API", "vkQueueSubmit", "vulkan"),
    call("VULKAN_DEBUG_API", "frame", "vulkan_debug", "vulkan_debug"),
    call("DX12_API", "ExecuteCommandLists", "dx12"),
    call("DXGI_API", "Present", "dxgi"),
    call("D3D11_PIX_DEBUG_API", "shadow pass", "d3d11_debug", "d3d11_debug"),
    call("D3D12_PIX_DEBUG_API", "light pass", "d3d12_debug", "d3d12_debug"),
    call("KHR_DEBUG_EVENTS", "group", "opengl_debug", "opengl_debug"),
    call("NVVIDEO_ENCODER_API", "NvEncEncodePicture", "nvvideo"),
    call("NVVIDEO_DECODER_API", "cuvidDecodePicture", "nvvideo"),
    call("NVVIDEO_JPEG_API", "nvjpegDecode", "nvvideo"),
    call("OPENMP_EVENT_KIND_PARALLEL", "Parallel", "openmp_event_kind_parallel",
         "openmp_event_kind_parallel"),
    call("CUDA_GRAPH_NODE_EVENTS", "kernel node", "cuda_graph", "cuda_graph", graphNodeId=12),
    call("CUDA_GRAPH_EVENTS", "graph", "cuda_graph", "cuda_graph", graphId=4),
    call("CUDA_HOST_CALLBACK", "on done", "cuda_host_callback", "cuda_host_callback"),
    call("CUPTI_ACTIVITY_KIND_OPENACC_DATA", "enqueue upload", "openacc", bytes=64,
         varName="field"),
    call("CUPTI_ACTIVITY_KIND_OPENACC_LAUNCH", "launch", "openacc", numGangs=8,
         kernelName="loop_7"),
    call("CUPTI_ACTIVITY_KIND_OPENACC_OTHER", "wait", "openacc", lineNo=31),
    Planted("MPI_P2P_EVENTS", {"globalTid": T, "textId": "MPI_Send", "remoteRank": 1, "size": 80},
            "MPI_Send", "mpi", {"remoteRank": 1, "size": 80}),
    Planted("MPI_START_WAIT_EVENTS", {"globalTid": T, "textId": "MPI_Wait", "requestHandle": 5},
            "MPI_Wait", "mpi", {"requestHandle": 5}),
    Planted("MPI_OTHER_EVENTS", {"globalTid": T, "textId": "MPI_Init"}, "MPI_Init", "mpi", {}),
    Planted("UCP_SUBMIT_EVENTS", {"globalTid": T, "textId": "ucp_tag_send_nbx"},
            "ucp_tag_send_nbx", "ucx", {}),
    Planted("UCP_PROGRESS_EVENTS", {"globalTid": T, "textId": "ucp_worker_progress"},
            "ucp_worker_progress", "ucx", {}),
    Planted("UCP_EVENTS", {"globalTid": T, "textId": "request"}, "request", "ucx", {}, "ucx"),
    Planted("CUPTI_ACTIVITY_KIND_JIT", {"globalTid": T, "nameId": None, "cachePath": "/c",
                                        "cacheSize": 9},
            "CUDA JIT", "cuda_jit", {"cachePath": "/c", "cacheSize": 9}, "cuda_jit"),
    Planted("CUPTI_ACTIVITY_KIND_OVERHEAD", {"globalTid": T, "nameId": "Buffer flush",
                                             "overheadType": 3},
            "Buffer flush", "overhead", {"overheadType": "Buffer flush (Profiler)"}, "overhead"),
    Planted("OPENGL_WORKLOAD", {"globalTid": T, "nameId": "frame", "gpu": 1}, "frame",
            "opengl_workload", {"gpu": 1}, "opengl_workload"),
    Planted("VULKAN_WORKLOAD", {"globalTid": T, "nameId": "submit", "gpu": 0}, "submit",
            "vulkan_workload", {"gpu": 0}, "vulkan_workload"),
    Planted("DX12_WORKLOAD", {"globalTid": T, "nameId": "copy", "gpu": 0}, "copy",
            "dx12_workload", {"gpu": 0}, "dx12_workload"),
    Planted("DX12_MEMORY_OPERATION", {"globalTid": T, "nameId": "Map", "size": 3}, "Map",
            "dx12_memory", {"size": 3}, "dx12_memory"),
    Planted("GPU_VIDEO_ENGINE_WORKLOAD", {"globalPid": P, "nameId": "decode", "gpuId": 1},
            "decode", "video_engine", {"gpuId": 1}, "video_engine"),
    Planted("CUPTI_ACTIVITY_KIND_GRAPH_HOST_NODE_AND_HOST_LAUNCH",
            {"globalPid": P, "graphNodeId": 3, "correlationId": 0}, "Graph host node",
            "cuda_host_node", {"graphNodeId": 3}, "cuda_host_node"),
    Planted("CUPTI_ACTIVITY_KIND_BLOCK_TRACE", {"globalPid": P, "deviceId": 0, "SMId": 17},
            "Block", "cuda_block", {"deviceId": 0, "SMId": 17}, "cuda_block"),
    Planted("CUPTI_ACTIVITY_KIND_WARP_TRACE", {"globalPid": P, "deviceId": 0, "WarpID": 5},
            "Warp", "cuda_warp", {"deviceId": 0, "WarpID": 5}, "cuda_warp"),
    Planted("SOME_FUTURE_API", {"globalPid": P, "name": "whatever", "level": 2}, "whatever",
            "some_future_api", {"level": 2}, "some_future_api"),
)  # fmt: skip
"""One row each; the n-th lasts from 1000 n to 1000 n + 100 + n."""


def planted(made: Made) -> None:
    """Add the rows of SPANS."""
    ids = {"nameId", "textId"}
    for place, span in enumerate(SPANS):
        start = 1000 * place
        row = {"start": start, "end": start + 100 + place, **span.row}
        columns = " ".join(name + _TYPES.get(name, "") for name in row)
        made.add(span.table, columns, tuple(
            made.string(value) if name in ids and value is not None else value
            for name, value in row.items()
        ))  # fmt: skip


def others(made: Made) -> None:
    """Add what becomes no plain slice."""
    name = made.string
    made.add("PROCESSES", "globalPid pid name:T", (P, PIDS[0], "app"))
    made.add("CUDA_GPU_MEMORY_POOL_EVENTS",
             "start globalPid deviceId address operationType poolType minBytesToKeep",
             (500, P, 0, -16, 1, 1, 64))  # fmt: skip
    made.add("CUDA_GPU_MEMORY_USAGE_EVENTS",
             "start globalPid deviceId contextId address bytes memKind memoryOperationType "
             "localMemoryPoolSize localMemoryPoolUtilizedSize",
             (-5, P, 1, 1, 4096, 256, 2, 0, 1 << 20, 512), (90, P, 1, 1, 4096, 256, 2, 1, None, 0),
             (95, P, 1, 1, 8192, 32, 1, 0, None, None))  # fmt: skip
    made.add("CUPTI_ACTIVITY_KIND_MEM_DECOMPRESS",
             "start end deviceId contextId streamId correlationId globalPid sourceBytes",
             (100, 300, 0, 1, 7, 70, P, 12_345))  # fmt: skip
    made.add("CUPTI_ACTIVITY_KIND_CUDA_EVENT",
             "timestamp deviceId contextId streamId correlationId globalPid eventId eventSyncId",
             (700, 0, 1, 7, 71, P, 3, 9))  # fmt: skip
    made.add("GPU_CONTEXT_SWITCH_EVENTS", "tag vmId seqNo contextId timestamp globalPid gpuId",
             (8, VM, 1, 6, 100, P, 0), (7, VM, 2, 6, 400, P, 0), (8, VM, 3, 6, 500, P, 0),
             (10, VM, 4, 6, 600, P, 0))  # fmt: skip
    made.add("NET_NIC_METRIC", "start end globalId portId metricsListId metricsIdx value",
             (0, 1_000, 5, 1, 2, 0, 4096), (1_000, 2_000, 5, 1, 2, 7, 1))  # fmt: skip
    made.add("TARGET_INFO_NETWORK_METRICS", "metricsListId metricsIdx name:T description:T unit:T",
             (2, 0, "Bytes received", "of the port", "B"))  # fmt: skip
    made.add("NET_IB_SWITCH_CONGESTION_EVENT", "start globalTid port", (42, T, 2))
    made.add("PERF_EVENT_SOC_OR_CPU_RAW_EVENT", "start end vmId componentId eventId count",
             (0, 10, VM, 1, 2, 77))  # fmt: skip
    made.add("TARGET_INFO_COMPONENT", "componentId name:T", (1, "CPU 0"))
    made.add("TARGET_INFO_PERF_METRIC", "id name:T", (2, "Cycles"))
    made.add("SOC_METRICS", "rawTimestamp timestamp typeId metricId value", (0, 10, 1, 1, 50))
    made.add("TARGET_INFO_SOC_METRICS", "typeId sourceId typeName:T metricId metricName:T",
             (1, 1, "SoC", 1, "GR Active [Throughput %]"))  # fmt: skip
    made.add("OSRT_API", "start end eventClass globalTid nameId returnValue nestingLevel "
             "callchainId", (2_000, 2_100, 27, T, name("read"), 8, 0, 4))  # fmt: skip
    made.add("OSRT_CALLCHAINS", "id symbol module stackDepth", (4, name("main"), name("app"), 1),
             (4, name("read"), name("libc.so"), 0))  # fmt: skip
    made.add("META_DATA_EXPORT", "name:T value:T", ("EXPORT_SCHEMA_VERSION", "3.28.1"))


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("nsys_tables")
    made = Made("3.28")
    planted(made)
    others(made)
    made.write(folder / "all.sqlite")
    store = Store.open(folder / "store", create=True)
    done = ingest(folder / "all.sqlite", store=store)
    with Session([done.trace], store=store) as opened:
        yield opened


def rows(session: Session, text: str) -> list[tuple[Any, ...]]:
    return session.sql(text).fetchall()


@pytest.mark.parametrize("span", SPANS, ids=lambda span: span.table)
def test_a_row_is_a_slice(session: Session, span: Planted) -> None:
    place = SPANS.index(span)
    found = rows(session, "SELECT s.name, s.dur, k.type, s.args, p.pid FROM slice s "
                 "JOIN track k ON k.id = s.track_id LEFT JOIN process p ON p.upid = k.upid "
                 f"WHERE s.category = '{span.category}' AND s.ts = {1000 * place}")  # fmt: skip
    assert len(found) == 1
    ((name, dur, track, args, pid),) = found
    assert (name, dur, track, pid) == (span.name, 100 + place, span.track, PIDS[0])
    assert json.loads(args or "{}") == span.args


def test_no_slice_came_from_elsewhere(session: Session) -> None:
    planted_too = ("memory_pool", "gpu_decompress", "cuda_event", "gpu_context", "osrt",
                   "net_congestion")  # fmt: skip
    found = rows(session, "SELECT count(*) FROM slice WHERE category NOT IN "
                 f"{planted_too}")  # fmt: skip
    assert found == [(len(SPANS),)]


def test_a_pool_event_says_what_was_done(session: Session) -> None:
    (row,) = rows(session, "SELECT ts, dur, name, args FROM slice WHERE category = 'memory_pool'")
    assert row[:3] == (500, 0, "Memory pool")
    args = json.loads(row[3])
    assert args["address"] == (1 << 64) - 16
    assert (args["operationType"], args["poolType"], args["minBytesToKeep"]) == (
        "Created", "Local", 64)  # fmt: skip


def test_memory_is_allocated_and_freed(session: Session) -> None:
    found = rows(session, "SELECT ts, kind, bytes, address, device_id, pool, total_bytes, "
                 "reserved_bytes FROM allocation ORDER BY ts")  # fmt: skip
    assert found == [
        (-5, "alloc", 256, 4096, 1, "device", 512, 1 << 20),
        (90, "free", 256, 4096, 1, "device", 0, None),
        (95, "alloc", 32, 8192, None, "pinned", None, None),
    ]


def test_decompression_is_work_of_the_device(session: Session) -> None:
    found = rows(session, "SELECT s.ts, s.dur, s.name, g.kind, g.bytes FROM gpu_op g "
                 "JOIN slice s ON s.id = g.slice_id")  # fmt: skip
    assert found == [(100, 200, "Memory decompression", "memcpy", 12_345)]


def test_events_with_a_time_of_their_own_keep_it(session: Session) -> None:
    found = rows(session, "SELECT ts, dur, args FROM slice WHERE category = 'cuda_event'")
    assert [(ts, dur, json.loads(args)) for ts, dur, args in found] == [
        (700, 0, {"eventId": 3, "eventSyncId": 9})
    ]


def test_contexts_are_on_a_gpu_between_their_tags(session: Session) -> None:
    found = rows(session, "SELECT ts, dur, name FROM slice WHERE category = 'gpu_context'")
    assert found == [(100, 300, "Context 6")]


def test_counters_have_names_and_units(session: Session) -> None:
    found = rows(session, "SELECT k.name, k.unit, c.ts, c.value FROM counter c "
                 "JOIN track k ON k.id = c.track_id ORDER BY 1")  # fmt: skip
    assert found == [
        ("Bytes received", "B", 1_000, 4096.0),
        ("Cycles", None, 10, 77.0),
        ("GR Active [Throughput %]", "%", 10, 50.0),
        ("NET_NIC_METRIC 2/7", None, 2_000, 1.0),
    ]
    counted = rows(session, "SELECT count FROM diagnostic WHERE code = 'counter_without_meaning'")
    assert counted == [(1,)]


def test_congestion_is_an_instant(session: Session) -> None:
    found = rows(session, "SELECT ts, dur, name FROM slice WHERE category = 'net_congestion'")
    assert found == [(42, 0, "Congestion")]


def test_a_call_names_its_chain(session: Session) -> None:
    ((args,),) = rows(session, "SELECT args FROM slice WHERE category = 'osrt'")
    said = json.loads(args)
    assert said["callchainId"] == 4
    chain = rows(session, "SELECT name, module, depth FROM frame ORDER BY depth DESC")
    assert chain == [("read", "libc.so", 1), ("main", "app", 0)]
    leaf = rows(session, f"SELECT name FROM frame WHERE id = {said['frame_id']}")
    assert leaf == [("read",)]


def test_missing_tables_are_no_matter(tmp_path: Path) -> None:
    made = Made("3.28")
    made.add("CUPTI_ACTIVITY_KIND_RUNTIME", "start end eventClass globalTid correlationId nameId",
             (1, 4, 0, T, 1, made.string("cudaFree_v3020")))  # fmt: skip
    made.write(tmp_path / "bare.sqlite")
    store = Store.open(tmp_path / "store", create=True)
    done = ingest(tmp_path / "bare.sqlite", store=store)
    with Session([done.trace], store=store) as session:
        assert rows(session, "SELECT name, ts, dur FROM slice") == [("cudaFree", 1, 3)]
        assert rows(session, "SELECT pid, name FROM process") == [(PIDS[0], None)]
