"""Make small nsys exports of three ages of the schema, with what real ones rarely have together.

`python tests/importers/nsight_databases.py` writes them to sample_traces/synthetic/nsys. Tables and
columns are those of the formats' descriptions: 2020 (no metadata table, no enumerations), 2.9
(EXPORT_META_DATA, full device records) and 3.28 (enumerations, green contexts, payloads, metrics).
"""

from __future__ import annotations

import random
import sqlite3
import struct
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

AGES = ("2020", "2.9", "3.28")
NO_ID = 0xFFFFFFFF
VM = 1 << 48
PIDS = (4100, 4200)
STEPS = 24
"""Steps of each process: a range, four calls, a kernel, two copies."""

KERNELS = {
    1: ("void gemm<float, (int)128>(const float *, float *)", "gemm", "_Z4gemm"),
    2: ("void relu<float>(float *)", "relu", "_Z4relu"),
    3: ("ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevComm *)", "ncclDevKernel_AllReduce", None),
}


def pid_of(number: int) -> int:
    return VM | PIDS[number] << 24


def tid_of(number: int, thread: int = 0) -> int:
    return pid_of(number) | PIDS[number] + thread


@dataclass
class Made:
    """A database to be, and what is true of it."""

    age: str
    strings: dict[str, int] = field(default_factory=dict)
    tables: dict[str, tuple[str, list[tuple[Any, ...]]]] = field(default_factory=dict)

    def string(self, text: str) -> int:
        return self.strings.setdefault(text, len(self.strings))

    def add(self, table: str, columns: str, *rows: tuple[Any, ...]) -> None:
        """Add rows; the columns count the first time that a table is named."""
        self.tables.setdefault(table, (columns, []))[1].extend(rows)

    @property
    def is_new(self) -> bool:
        return self.age == "3.28"

    def write(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self.add("StringIds", "id value:T", *((n, text) for text, n in self.strings.items()))
        with closing(sqlite3.connect(path)) as base:
            for table, (columns, rows) in self.tables.items():
                types = {"T": "TEXT", "R": "REAL", "": "INTEGER"}
                listed = [name.partition(":") for name in columns.split()]
                base.execute(
                    f'CREATE TABLE "{table}" ('
                    + ", ".join(f'"{name}" {types[kind]}' for name, _, kind in listed)
                    + ")"
                )
                marks = ", ".join("?" * len(listed))
                base.executemany(f'INSERT INTO "{table}" VALUES ({marks})', rows)
            base.commit()
            base.execute("VACUUM")


def make(age: str, seed: int = 1) -> Made:
    """Make the rows of an age; the same seed gives the same rows."""
    made = Made(age)
    chance = random.Random(f"{age} {seed}")
    made.string("[Unknown]")
    about(made)
    for number in range(len(PIDS)):
        steps(made, chance, number)
    if age != "2020":
        oddities(made)
        cpu(made, chance)
    if made.is_new:
        newer(made, chance)
    return made


def about(made: Made) -> None:
    if made.age == "2020":
        made.string("synthetic: made by a script")
        made.add("TARGET_INFO_CUDA_GPU",
                 "vmId name pciBusId:T globalMemoryBandwidth globalMemorySize constantMemorySize "
                 "l2CacheSize numThreadsPerWarp coreClockRate numMemcpyEngines "
                 "numMultiprocessors maxIPC maxWarpsPerMultiprocessor maxBlocksPerMultiprocessor "
                 "maxRegistersPerBlock maxSharedMemoryPerBlock maxThreadsPerBlock "
                 "computeCapabilityMajor computeCapabilityMinor deviceId pid",
                 (VM, made.string("Made GPU 2020"), "0000:01:00.0", 0, 32510, 65536, 6291456, 32,
                  1530000, 4, 80, 4, 64, 32, 65536, 49152, 1024, 7, 0, 0, PIDS[0]))  # fmt: skip
        return
    meta = "META_DATA_EXPORT" if made.is_new else "EXPORT_META_DATA"
    version = "3.28.1" if made.is_new else "2.9.1"
    made.add(meta, "name:T value:T", ("EXPORT_PRODUCT_NAME", "synthetic: made by a script"),
             ("EXPORT_SCHEMA_VERSION", version), ("EXPORT_USER", "somebody"),
             ("EXPORT_HOST", "somewhere"))  # fmt: skip
    made.add("PROCESSES", "globalPid pid name:T",
             *((pid_of(n), PIDS[n], f"rank{n}") for n in range(2)),
             (VM | 77 << 24, 77, "unrelated"))  # fmt: skip
    made.add("ThreadNames", "nameId priority globalTid",
             *((made.string("main"), 20, tid_of(n)) for n in range(2)))  # fmt: skip
    made.add("TARGET_INFO_SESSION_START_TIME", "utcEpochNs utcTime:T localTime:T",
             (1_700_000_000_000_000_000, "2023-11-14T22:13:20", "2023-11-14T22:13:20"))  # fmt: skip
    made.add("TARGET_INFO_SYSTEM_ENV", "globalVid devStateName:T name:T nameEnum value:T",
             (VM, "Local", "CpuCores", 1, "8"), (VM, "Local", "Hostname", 2, "somewhere"),
             (VM, "Local", "DeviceEnvironment", 3, "SECRET=x"),
             (VM, "Local", "OsDescription", 4, sqlite3_bytes(b"Linux \xff\xfe")))  # fmt: skip
    made.add("TARGET_INFO_GPU",
             "vmId id name:T busLocation:T isDiscrete l2CacheSize totalMemory memoryBandwidth "
             "clockRate smCount uuid:T maxRegistersPerBlock maxShmemPerBlock "
             "maxShmemPerBlockOptin maxShmemPerSm maxRegistersPerSm threadsPerWarp "
             "maxWarpsPerSm maxBlocksPerSm maxThreadsPerBlock computeMajor computeMinor",
             *((VM, n, "Made GPU 80GB", f"0000:0{n}:00.0", 1, 1 << 25, 80 << 30,
                2_039_000_000_000, 1_410_000_000, 108, f"uuid-{n}", 65536, 49152, 166912, 167936,
                65536, 32, 64, 32, 1024, 8, 0) for n in range(2)))  # fmt: skip


def sqlite3_bytes(text: bytes) -> Any:
    """A text that is not UTF-8; SQLite keeps it as the bytes that it is."""
    return text


KERNEL = ("start end deviceId contextId streamId correlationId globalPid demangledName shortName "
          "launchType cacheConfig registersPerThread gridX gridY gridZ blockX blockY blockZ "
          "staticSharedMemory dynamicSharedMemory localMemoryPerThread localMemoryTotal gridId "
          "sharedMemoryExecuted")  # fmt: skip
RUNTIME = "start end eventClass globalTid correlationId nameId returnValue"
MEMCPY = (
    "start end deviceId contextId streamId correlationId globalPid bytes copyKind srcKind dstKind"
)
NVTX = ("start end eventType rangeId category color text:T globalTid endGlobalTid textId domainId "
        "uint64Value jsonText:T")  # fmt: skip


def steps(made: Made, chance: random.Random, number: int) -> None:
    """A process: each step is a range around a copy, a launch and a wait; ids repeat by process."""
    new, device = made.is_new, 0
    now, correlation = 1_000_000 * (number + 1), 1
    process, thread = pid_of(number), tid_of(number)
    for step in range(STEPS):
        begin = now
        for name, copy in (("cudaMemcpyAsync_v3020", True), ("cudaLaunchKernel_v7000", False)):
            length = chance.randrange(2_000, 9_000)
            made.add("CUPTI_ACTIVITY_KIND_RUNTIME", RUNTIME + " callchainId",
                     (now + 100, now + 100 + length, 0, thread, correlation, made.string(name), 0,
                      None))  # fmt: skip
            start = now + length + 5_000
            busy = chance.randrange(1_000, 50_000)
            if copy:
                row: tuple[Any, ...] = (
                       start, start + busy, device, 1, 7, correlation, process, 1 << 20,
                       1 if step % 3 else 2, 1, 2)  # fmt: skip
                more: tuple[Any, ...] = (None, None, 0, 1) if new else (None,)
                made.add("CUPTI_ACTIVITY_KIND_MEMCPY", MEMCPY
                         + (" graphNodeId virtualAddress greenContextId copyCount" if new
                            else " migrationCause"), row + more)  # fmt: skip
            else:
                which = chance.choice(sorted(KERNELS))
                full, short, mangled = KERNELS[which]
                row = (start, start + busy, device, 1, 7, correlation, process,
                       made.string(full), made.string(short), 1, 0, 32, 64, 2, 1, 256, 1, 1, 1024,
                       2048, 0, 0, step + 1, 32768)  # fmt: skip
                more = () if made.age == "2020" else (
                    None if mangled is None else made.string(mangled), None,
                )  # fmt: skip
                columns = KERNEL + ("" if made.age == "2020" else " mangledName graphNodeId")
                if new:
                    more += (0, 1, 1, 1, "[]")
                    columns += (
                        " greenContextId clusterX clusterY clusterZ tensorSizeMinusOneElements:T"
                    )
                made.add("CUPTI_ACTIVITY_KIND_KERNEL", columns, row + more)
            now = start + busy + 1_000
            correlation += 1
        made.add("NVTX_EVENTS", NVTX,
                 (begin, now, 59, None, None, None, f"aten::step, op_id = {step}", thread, None,
                  None, 0, None, None))  # fmt: skip
        now += chance.randrange(1_000, 30_000)


def oddities(made: Made) -> None:
    """What readers stumble over."""
    process, thread = pid_of(0), tid_of(0)
    name = made.string
    # A driver call, a call with its chain (class 67) around the call, a failed call.
    made.add("CUPTI_ACTIVITY_KIND_RUNTIME", "",
             (500, 700, 1, thread, 9001, name("cuModuleUnload_v2"), 0, None),
             (880, 1_020, 67, thread, 9002, name("cudaMalloc"), 0, 1),
             (900, 1_000, 0, thread, 9002, name("cudaMalloc_v3020"), 2, None))  # fmt: skip
    # Unified memory: no correlation, stream or context.
    uvm = (2_000, 3_000, 0, 0, 0, 0, process, 4096, 11, 7, 7)
    made.add("CUPTI_ACTIVITY_KIND_MEMCPY", "",
             uvm + ((None, -4096, 0, 1) if made.is_new else (2,)))  # fmt: skip
    made.add("CUPTI_ACTIVITY_KIND_MEMSET",
             "start end deviceId contextId streamId correlationId globalPid value bytes memKind",
             (4_000, 4_100, 0, 1, 7, 9100, process, 0, 512, 2))  # fmt: skip
    made.add("CUPTI_ACTIVITY_KIND_SYNCHRONIZATION",
             "start end deviceId contextId streamId correlationId globalPid syncType eventId",
             (5_000, 6_000, 0, 1, NO_ID, 9200, process, 4, NO_ID),
             (6_000, 6_500, 0, 1, 7, 9201, process, 3, NO_ID),
             (6_600, 6_500, 0, 1, 7, 9202, process, 77, 5))  # fmt: skip
    # Its first call is the one of correlation 1; the second has none.
    made.add("CUPTI_ACTIVITY_KIND_CUDA_EVENT",
             "deviceId contextId streamId correlationId globalPid eventId",
             (0, 1, 7, 1, process, 11), (0, 1, 7, 8888, process, 12))  # fmt: skip
    made.add("NVTX_EVENTS", "",
             (-50, None, 75, None, None, None, "NCCL", thread, None, None, 1, None, None),
             (-40, None, 33, None, 5, None, "phase", thread, None, None, 1, None, None),
             (100, 5_000, 60, 1, 5, 0xFF00FF00, None, thread, tid_of(0, 1), name("overlap a"), 1,
              None, None),
             (200, 9_000, 60, 2, None, None, None, thread, thread, name("overlap b"), 1, None,
              None),
             (300, None, 34, None, None, None, "mark", thread, None, None, 0, 1 << 40, None),
             (400, None, 59, None, None, None, "never closed", tid_of(0, 2), None, None, 0, None,
              '{"k": "\\u00e9"}'),
             (450, 460, 59, None, None, None, None, tid_of(0, 2), None, None, 0, None,
              None))  # fmt: skip
    made.add("CUBLAS_EVENTS", "start end eventClass globalTid nameId",
             (10_000, 10_500, 29, thread, name("cublasSgemm_v2")))  # fmt: skip
    made.add("MPI_COLLECTIVES_EVENTS",
             "start end globalTid textId commHandle tag rootRank size recvSize",
             (11_000, 12_000, thread, name("MPI_Allreduce"), 1, None, None, 64, 64))  # fmt: skip
    made.add("MPI_RANKS", "globalTid rank", *((tid_of(n), n) for n in range(2)))
    made.add("PROFILER_OVERHEAD", "start end globalTid nameId returnValue",
             (-500, -100, thread, name("CUDA profiling overhead"), 0))  # fmt: skip
    made.add("FUTURE_EVENTS", "start end globalTid nameId flavour weight:R",
             (100, 200, thread, name("new thing"), 3, 0.5))  # fmt: skip
    made.add("FUTURE_FACTS", "id number", (1, 2), (2, 3))
    made.add("CUDA_GPU_MEMORY_USAGE_EVENTS",
             "start globalPid deviceId contextId address pc bytes memKind memoryOperationType",
             (1_000, process, 0, 1, 0x7F00, 0, 4096, 2, 0),
             (9_000, process, 0, 1, 0x7F00, 0, 4096, 2, 1),
             (9_100, process, 0, 1, 0x8000, 0, 64, 1, 0),
             (9_200, process, 0, 1, 0x8000, 0, 64, 1, 9))  # fmt: skip
    made.add("CUDA_UM_CPU_PAGE_FAULT_EVENTS", "start globalPid address originalFaultPc module",
             (7_000, process, -4096, 1, name("libx.so")))  # fmt: skip
    made.add("CUDA_UM_GPU_PAGE_FAULT_EVENTS",
             "start end globalPid deviceId address numberOfPageFaults faultAccessType",
             (7_000, 7_200, process, 0, 4096, 3, 2))  # fmt: skip


def cpu(made: Made, chance: random.Random) -> None:
    thread, name = tid_of(0), made.string
    made.add("SCHED_EVENTS", "start cpu isSchedIn globalTid"
             + (" threadState threadBlock" if made.is_new else ""),
             *((at, 3, inside, thread, *((state, block) if made.is_new else ()))
               for at, inside, state, block in
               ((0, 1, 0, 0), (100, 0, 2, 7), (300, 1, 0, 0), (900, 0, 6, 0),
                (1_000, 1, 0, 0))))  # fmt: skip
    frames = ("leaf", "middle", "root")
    cycles = (1_000, 2_500, 4_000) if made.is_new else (1, 1, 1)
    made.add("COMPOSITE_EVENTS", "id start cpu threadState globalTid cpuCycles",
             *((n + 1, 50 * n, 3, 1, thread, cycles[n]) for n in range(3)))  # fmt: skip
    rows = [(n + 1, name(frame if n < 2 else f"other {frame}"), name("app"), depth)
            for n in range(3) for depth, frame in enumerate(frames)]  # fmt: skip
    chance.shuffle(rows)
    made.add("SAMPLING_CALLCHAINS", "id symbol module stackDepth", *rows)
    made.add("CUDA_CALLCHAINS", "id symbol module stackDepth",
             (1, name("cudaMalloc"), name("libcudart.so"), 0),
             (1, name("root"), name("app"), 1))  # fmt: skip


def newer(made: Made, chance: random.Random) -> None:
    """What only later versions have."""
    process, thread, name = pid_of(0), tid_of(0), made.string
    made.add("ENUM_CUDA_KERNEL_LAUNCH_TYPE", "id name:T label:T", (1, "REGULAR", "Regular kernel"))
    made.add("TARGET_INFO_CUDA_DEVICE", "gpuId cudaId pid uuid:T",
             (0, 0, PIDS[0], "uuid-0"), (1, 0, PIDS[1], "uuid-1"))  # fmt: skip
    made.add("TARGET_INFO_CUDA_CONTEXT_INFO",
             "nullStreamId hwId vmId processId deviceId contextId",
             *((7, 0, 1, pid, 0, 1) for pid in PIDS))  # fmt: skip
    made.add("TARGET_INFO_CUDA_STREAM", "streamId hwId vmId processId contextId priority flag",
             (13, 0, 1, PIDS[0], 1, 4294967291, 2))  # fmt: skip
    made.add("TARGET_INFO_NVTX_CUDA_STREAM",
             "name:T hwId vmId processId deviceId contextId streamId",
             ("copies", 0, 1, PIDS[0], 0, 1, 13))  # fmt: skip
    made.add("CUPTI_ACTIVITY_KIND_GRAPH_TRACE",
             "start end deviceId contextId greenContextId streamId correlationId globalPid "
             "graphId graphExecId",
             (20_000, 21_000, 0, 1, None, 13, 3, process, 40, 41))  # fmt: skip
    made.add("META_DATA_CAPTURE", "name:T value:T", ("CUDA_GRAPH_TRACE_OPTIONS:MODE", "Graph"),
             ("PROCESS_0:ENVIRONMENT_VARIABLE", "SECRET=x"),
             ("PROCESS_0:USER_NAME", "somebody"))  # fmt: skip
    made.add("TARGET_INFO_GPU_METRICS", "typeId sourceId typeName:T metricId metricName:T",
             (VM | 256, 1, "GA100", 1, "GPC Clock Frequency"),
             (VM | 256, 1, "GA100", 2, "SMs Active [Throughput %]"))  # fmt: skip
    made.add("GPU_METRICS", "rawTimestamp timestamp typeId metricId value",
             *((1, 100 * n, VM | 256, metric, value)
               for n in range(50)
               for metric, value in ((1, 1_410_000_000), (2, chance.randrange(101)))),
             (1, 0, VM | 256, 9, 5))  # fmt: skip
    made.add("GENERIC_EVENT_SOURCES", "sourceId nameId", (1, name("nvml_metrics")))
    made.add("GENERIC_EVENT_TYPES", "typeId sourceId nameId", (8, 1, name("gpu0")))
    made.add("GENERIC_EVENT_TYPE_FIELDS", "typeId fieldIdx fieldNameId type",
             (8, 0, name("power_mW"), 1))  # fmt: skip
    made.add("GENERIC_EVENTS", "genericEventId rawTimestamp timestamp typeId data:T",
             *((n, 0, 1_000 * n, 8, None) for n in range(5)))  # fmt: skip
    made.add("GENERIC_EVENT_DATA", "genericEventId fieldIdx intVal uintVal floatVal:R doubleVal:R",
             *((n, 0, None, 100_000 + n, None, None) for n in range(5)),
             (99, 0, 1, None, None, None))  # fmt: skip
    payload = struct.pack("<4Q", 1, 500, 16, 48) + struct.pack("<QQ", 1 << 33, 4096)
    columns, rows = made.tables["NVTX_EVENTS"]
    made.tables["NVTX_EVENTS"] = (
        f"{columns} binaryData:T eventId",
        [(*row, None, n) for n, row in enumerate(rows)],
    )
    made.add("NVTX_EVENTS", "",
             (600, 700, 59, None, None, None, None, tid_of(0, 3), None, name("ncclAllReduce"), 1,
              None, None, payload, 9_999))  # fmt: skip
    made.add("NVTX_PAYLOAD_SCHEMA_ENTRIES",
             "domainId schemaId idx flags type name:T description:T arrayOrUnionDetail offset",
             (1, 500, 0, None, 18, "NCCL communicator ID", None, None, None),
             (1, 500, 1, None, 22, "Message size [bytes]", None, None, 8))  # fmt: skip
    made.add("OSRT_API",
             "start end eventClass globalTid nameId returnValue nestingLevel callchainId "
             "argumentsId", (800, 850, 27, thread, name("write"), 8, 0, 0, 0))  # fmt: skip
    made.add("OSRT_FILE_ACCESS_EVENTS",
             "fileAccessId threadId startedAt endedAt eventType apiCallId bytesProcessed context:T",
             (1, PIDS[0], 800, 850, 4, name("write"), 8, ""))  # fmt: skip
    made.add("OSRT_FILE_ACCESS_DESCRIPTORS",
             "fileAccessId processId openedAt closedAt filePath:T",
             (1, PIDS[0], 700, 0, "/data/log.txt"))  # fmt: skip
    made.add("DIAGNOSTIC_EVENT", "timestamp timestampType source severity text:T globalPid",
             (-10, 1, 1, 2, "Events were lost.", process),
             (-10, 1, 1, 1, "Profiling has started.", process))  # fmt: skip
    made.add("NET_NIC_METRIC", "start end globalId portId metricsListId metricsIdx value",
             (0, 1_000, 5, 1, 2, 0, 4096))  # fmt: skip
    made.add("TARGET_INFO_NETWORK_METRICS",
             "metricsListId metricsIdx name:T description:T unit:T",
             (2, 0, "Bytes received", "of the port", "B"))  # fmt: skip


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for age in AGES:
        make(age).write(folder / f"nsys_{age.replace('.', '_')}.sqlite")


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else root / "sample_traces/synthetic/nsys")
