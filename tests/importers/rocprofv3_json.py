"""Write the run of rocm_plan as rocprofv3's JSON. Run me to make the sample."""

from __future__ import annotations

import json
from typing import Any

from rocm_plan import AGENTS, COUNTERS, HOST, KERNELS, PID, Call, Dispatch, Plan, agent_record, plan
from rocprofv3_files import SAMPLES

HANDLE = (1 << 63) + 7
"""Handles have 64 bits without sign."""
KINDS: dict[str, tuple[str, ...]] = {
    "NONE": (),
    "HSA_CORE_API": ("hsa_init", "hsa_signal_wait_scacquire"),
    "HIP_RUNTIME_API_EXT": ("hipMalloc", "hipLaunchKernel", "hipMemcpyAsync", "hipFree"),
    "MARKER_CORE_RANGE_API": ("roctxRangePushA",),
    "MARKER_CORE_API": ("roctxMarkA",),
    "KERNEL_DISPATCH": ("NONE", "ENQUEUE", "COMPLETE"),
    "MEMORY_COPY": ("NONE", "MEMORY_COPY_HOST_TO_DEVICE", "MEMORY_COPY_DEVICE_TO_HOST"),
    "MEMORY_ALLOCATION": ("MEMORY_ALLOCATION_ALLOCATE", "MEMORY_ALLOCATION_FREE"),
    "SCRATCH_MEMORY": ("NONE", "SCRATCH_MEMORY_ALLOC"),
}
_KIND = list(KINDS)


def _handle(number: int) -> dict[str, int]:
    return {"handle": number}


def _agent(node: int | None) -> dict[str, int]:
    return _handle(0 if node is None else HANDLE + node)


def _sizes(sizes: tuple[int, int, int]) -> dict[str, int]:
    return dict(zip("xyz", sizes, strict=True))


def _record(kind: str, operation: str, of: Any, **rest: Any) -> dict[str, Any]:
    return {
        "size": 64, "kind": _KIND.index(kind), "operation": KINDS[kind].index(operation),
        "correlation_id": {"internal": of.correlation, "external": 0},
        "start_timestamp": of.start, "end_timestamp": of.end, "thread_id": of.tid, **rest,
    }  # fmt: skip


def _call(call: Call) -> dict[str, Any]:
    marker = {"MARKER_CORE_RANGE_API": "roctxRangePushA", "MARKER_CORE_API": "roctxMarkA"}
    name = marker.get(call.domain, call.function)
    return _record(call.domain, name, call, args={"flags": call.correlation % 2, "name": "x"})


def _dispatch_info(d: Dispatch) -> dict[str, Any]:
    return {
        "size": 72, "agent_id": _agent(d.agent), "queue_id": _handle(d.queue),
        "kernel_id": d.kernel + 1, "dispatch_id": d.dispatch, "private_segment_size": d.scratch,
        "group_segment_size": d.lds, "workgroup_size": _sizes(d.group), "grid_size": _sizes(d.grid),
    }  # fmt: skip


def _counter_record(run: Plan, d: Dispatch) -> dict[str, Any]:
    values = [(name, value) for number, name, value in run.counters if number == d.dispatch]
    return {
        "thread_id": d.tid, "arch_vgpr_count": 32, "sgpr_count": 96, "lds_block_size_v": d.lds,
        "dispatch_data": {
            "correlation_id": {"internal": d.correlation, "external": 0},
            "start_timestamp": d.start, "end_timestamp": d.end, "dispatch_info": _dispatch_info(d),
        },
        "records": [
            {"counter_id": _handle(HANDLE + COUNTERS.index(name)), "value": value}
            for name, value in values
        ],
    }  # fmt: skip


def document(run: Plan, pid: int = PID, *, with_dispatches: bool = True) -> dict[str, Any]:
    """Give the object of one process, its members in the tool's order."""
    named = {"name": "", "formatted_kernel_name": ""}
    return {
        "metadata": {
            "node": {"id": 0, "machine_id": "m1", "system_name": "Linux", "hostname": HOST},
            "pid": pid, "init_time": 1, "fini_time": 2, "command": ["./x", "--secret"],
            "config": {"output_path": "/somewhere"}, "note": "synthetic",
        },
        "agents": [
            {k: v for k, v in agent_record(a).items() if k != "agent_type"}
            | {"id": _agent(a.node), "type": 1 + a.is_gpu, "caches": []}
            for a in AGENTS
        ],
        "counters": [{"id": _handle(HANDLE + n), "name": c} for n, c in enumerate(COUNTERS)],
        "strings": {
            "callback_records": [],
            "buffer_records": [{"kind": k, "operations": list(v)} for k, v in KINDS.items()],
            "marker_api": [{"key": m.correlation, "value": m.function} for m in run.markers],
            "correlation_id": {"external": []},
            "pc_sample_instructions": ["s_waitcnt vmcnt(0)"],
            "pc_sample_comments": ["axpy.cpp:40"],
        },
        "code_objects": [],
        "kernel_symbols": [
            {"kernel_id": n, "arch_vgpr_count": 32, "accum_vgpr_count": 4, "sgpr_count": 96}
            | (named if n == 0 else {"formatted_kernel_name": KERNELS[n - 1]})
            for n in range(len(KERNELS) + 1)
        ],
        "host_functions": [],
        "summary": [{"domain": "KERNEL_DISPATCH", "stats": {"operations": [
            {"key": KERNELS[0], "value": {"count": 3, "sum": 900, "mean": 300.0, "min": 1,
                                          "max": 500, "stddev": 2.5}},
        ]}}],
        "callback_records": {
            "counter_collection": [_counter_record(run, d) for d in run.dispatches]
        },
        "buffer_records": {
            "kernel_dispatch": [
                _record("KERNEL_DISPATCH", "COMPLETE", d, dispatch_info=_dispatch_info(d),
                        stream_id=_handle(d.stream))
                for d in run.dispatches if with_dispatches
            ],
            "hip_api": [_call(c) for c in run.calls if c.domain.startswith("HIP")],
            "hsa_api": [_call(c) for c in run.calls if c.domain.startswith("HSA")],
            "marker_api": [_call(c) for c in run.markers],
            "memory_copy": [
                _record("MEMORY_COPY", f"MEMORY_COPY_{c.direction}", c,
                        dst_agent_id=_agent(c.target), src_agent_id=_agent(c.source),
                        bytes=c.size, stream_id=_handle(c.stream))
                for c in run.copies
            ],
            "memory_allocation": [
                _record("MEMORY_ALLOCATION", m.operation, m, agent_id=_agent(m.agent),
                        address=_handle(m.address), allocation_size=m.size)
                for m in run.memory
            ],
            "scratch_memory": [
                _record("SCRATCH_MEMORY", m.operation, m, agent_id=_agent(m.agent),
                        queue_id=_handle(1), flags=0, allocation_size=m.size)
                for m in run.scratch
            ],
            "pc_sample_host_trap": [
                {"record": {"hw_id": {"wave_id": 1}, "exec_mask": (1 << 64) - 1, "timestamp": at,
                            "dispatch_id": number}, "inst_index": 0}
                for at, number, _, _ in run.samples
            ],
        },
    }  # fmt: skip


def text_of(*processes: dict[str, Any], indent: int | None = None) -> str:
    """Write a file."""
    separators = (",", ":") if indent is None else None
    whole = {"rocprofiler-sdk-tool": list(processes)}
    return json.dumps(whole, indent=indent, separators=separators)


if __name__ == "__main__":
    (SAMPLES / "rocprofv3" / f"{PID}_results.json").write_text(
        text_of(document(plan(steps=8))), encoding="utf-8"
    )
