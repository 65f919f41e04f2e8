"""A run of an imagined program on two AMD GPUs, told once: the truth that every form is held to.

All of it follows from a seed. Times are ns on the host's clock since it was started.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

PID, TIDS, HOST = 4242, (4242, 4243), "synthetic-node"
START = 63_857_982_000_000
KERNELS = (
    'void axpy<float>(float*, float const*, "synthetic", int)',
    "gemm_kernel(double*, double const*, int, int)",
    "__amd_rocclr_fillBufferAligned",
    "ncclDevKernel_Generic_1(ncclDevKernelArgsStorage<4096ul>)",
)
COUNTERS = ("SQ_WAVES", "FETCH_SIZE")
GUID = "0000ddb5-8903-7903-b269-cd8d3745bb8a"


@dataclass
class Agent:
    node: int
    is_gpu: bool
    name: str


AGENTS = (
    Agent(0, is_gpu=False, name="Synthetic CPU"),
    Agent(1, is_gpu=True, name="gfx942"),
    Agent(2, is_gpu=True, name="gfx942"),
)


@dataclass
class Call:
    domain: str
    function: str
    tid: int
    correlation: int
    start: int
    end: int


@dataclass
class Dispatch:
    dispatch: int
    kernel: int
    agent: int
    queue: int
    stream: int
    tid: int
    correlation: int
    start: int
    end: int
    group: tuple[int, int, int]
    grid: tuple[int, int, int]
    lds: int
    scratch: int

    @property
    def name(self) -> str:
        return KERNELS[self.kernel]


@dataclass
class Copy:
    direction: str
    source: int
    target: int
    stream: int
    tid: int
    correlation: int
    start: int
    end: int
    size: int


@dataclass
class Memory:
    operation: str
    agent: int | None
    size: int
    address: int
    tid: int
    correlation: int
    start: int
    end: int


@dataclass
class Plan:
    calls: list[Call] = field(default_factory=list)
    markers: list[Call] = field(default_factory=list)
    dispatches: list[Dispatch] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    scratch: list[Memory] = field(default_factory=list)
    counters: list[tuple[int, str, float]] = field(default_factory=list)
    """Dispatch, counter, value; the second counter has two instances."""
    samples: list[tuple[int, int, str, str]] = field(default_factory=list)
    """Time, dispatch, instruction, place in the source."""


def plan(seed: int = 1, steps: int = 20) -> Plan:
    """Make a run of some steps: memory, copies up, kernels, copies down."""
    made, chance, clock = Plan(), random.Random(f"rocm {seed}"), _Clock()
    for agent in (1, 2):
        call = _call(made, clock, chance, "HIP_RUNTIME_API_EXT", "hipMalloc", TIDS[0])
        made.memory.append(Memory(
            "MEMORY_ALLOCATION_ALLOCATE", agent, 1 << 20, 0x7FFB26354000 + (agent << 24),
            TIDS[0], call.correlation, call.start + 10, call.end - 10,
        ))  # fmt: skip
    for step in range(steps):
        tid, agent = TIDS[step % 2], 1 + step % 2
        begin = clock.now
        _copy(made, clock, chance, tid, agent, up=True)
        for _ in range(chance.randrange(1, 4)):
            _launch(made, clock, chance, tid, agent)
        _copy(made, clock, chance, tid, agent, up=False)
        _call(made, clock, chance, "HSA_CORE_API", "hsa_signal_wait_scacquire", tid)
        made.markers.append(Call(
            "MARKER_CORE_RANGE_API", f"step {step}", tid, clock.next_id(), begin, clock.now
        ))  # fmt: skip
    made.markers.append(Call(
        "MARKER_CORE_API", "the, end", TIDS[0], clock.next_id(), clock.now, clock.now
    ))  # fmt: skip
    call = _call(made, clock, chance, "HIP_RUNTIME_API_EXT", "hipFree", TIDS[0])
    made.memory.append(Memory(
        "MEMORY_ALLOCATION_FREE", None, 0, made.memory[0].address, TIDS[0], call.correlation,
        call.start + 10, call.end - 10,
    ))  # fmt: skip
    first = made.dispatches[0]
    made.scratch.append(Memory(
        "SCRATCH_MEMORY_ALLOC", first.agent, 4096, 0, first.tid, 0, first.start - 300,
        first.start - 100,
    ))  # fmt: skip
    for dispatch in made.dispatches[:4]:
        for n in range(5):
            at = dispatch.start + n * (dispatch.end - dispatch.start) // 5
            made.samples.append((at, dispatch.dispatch, "s_waitcnt vmcnt(0)", f"axpy.cpp:{40 + n}"))
    return made


class _Clock:
    def __init__(self) -> None:
        self.now, self._id = START, 0

    def next_id(self) -> int:
        self._id += 1
        return self._id


def _call(
    made: Plan, clock: _Clock, chance: random.Random, domain: str, function: str, tid: int
) -> Call:
    start = clock.now + chance.randrange(50, 200)
    clock.now = start + chance.randrange(500, 9000)
    call = Call(domain, function, tid, clock.next_id(), start, clock.now)
    made.calls.append(call)
    return call


def _launch(made: Plan, clock: _Clock, chance: random.Random, tid: int, agent: int) -> None:
    call = _call(made, clock, chance, "HIP_RUNTIME_API_EXT", "hipLaunchKernel", tid)
    kernel = chance.choices(range(len(KERNELS)), (5, 3, 1, 1))[0]
    busy = max((d.end for d in made.dispatches if d.agent == agent), default=0)
    start = max(call.end, busy) + chance.randrange(900, 4000)
    group = (64, 2, 1) if kernel == 1 else (256, 1, 1)
    blocks = (chance.randrange(1, 300), chance.randrange(1, 5), 1)
    # A grid need not be a multiple of its group: the last block is then partly empty.
    grid = tuple(g * b - (g // 2 if kernel == 0 and n == 0 else 0)
                 for n, (g, b) in enumerate(zip(group, blocks, strict=True)))  # fmt: skip
    made.dispatches.append(Dispatch(
        len(made.dispatches) + 1, kernel, agent, agent, tid - PID, tid, call.correlation, start,
        start + chance.randrange(2_000, 60_000), group, (grid[0], grid[1], grid[2]),
        512 * chance.randrange(3), 0,
    ))  # fmt: skip
    number = len(made.dispatches)
    made.counters.append((number, COUNTERS[0], float(chance.randrange(1 << 20))))
    made.counters += [(number, COUNTERS[1], chance.randrange(1 << 12) / 16) for _ in range(2)]


def _copy(
    made: Plan, clock: _Clock, chance: random.Random, tid: int, agent: int, *, up: bool
) -> None:
    call = _call(made, clock, chance, "HIP_RUNTIME_API_EXT", "hipMemcpyAsync", tid)
    start = call.end + chance.randrange(300, 900)
    end = start + chance.randrange(1000, 30_000)
    made.copies.append(Copy(
        "HOST_TO_DEVICE" if up else "DEVICE_TO_HOST", 0 if up else agent, agent if up else 0,
        tid - PID, tid, call.correlation, start, end, chance.randrange(1 << 8, 1 << 22),
    ))  # fmt: skip
    clock.now = max(clock.now, end)


def agent_record(agent: Agent) -> dict[str, Any]:
    """What the driver tells of an agent, in the tool's order and spelling (lower case)."""
    return {
        "node_id": agent.node, "logical_node_id": agent.node,
        "agent_type": "GPU" if agent.is_gpu else "CPU",
        "cpu_cores_count": 0 if agent.is_gpu else 64, "simd_count": 1216 if agent.is_gpu else 0,
        "max_waves_per_simd": 8 if agent.is_gpu else 0,
        "lds_size_in_kb": 64 if agent.is_gpu else 0,
        "wave_front_size": 64 if agent.is_gpu else 0, "num_xcc": 8 if agent.is_gpu else 1,
        "cu_count": 304 if agent.is_gpu else 64,
        "gfx_target_version": 90402 if agent.is_gpu else 0,
        "max_engine_clk_ccompute": 3300, "max_engine_clk_fcompute": 2100 if agent.is_gpu else 0,
        "max_waves_per_cu": 32 if agent.is_gpu else 0,
        "workgroup_max_size": 1024 if agent.is_gpu else 0, "gpu_id": 77 * agent.node,
        "name": agent.name, "vendor_name": "AMD" if agent.is_gpu else "CPU",
        "product_name": "AMD Instinct MI300X" if agent.is_gpu else agent.name, "model_name": "",
    }  # fmt: skip
