"""Write the run of rocm_plan as rocprofv3 writes it: CSV files. Run me to make the samples."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rocm_plan import AGENTS, PID, Plan, agent_record, plan

SAMPLES = Path(__file__).resolve().parents[2] / "sample_traces" / "synthetic" / "rocm"
KEPT = tuple(
    f"{PID}_{name}.csv"
    for name in ("kernel_trace", "hip_api_trace", "memory_copy_trace", "counter_collection")
)
"""Files that are kept among the samples."""
_XYZ = ("X", "Y", "Z")


def csv_files(run: Plan) -> dict[str, str]:
    """Give file name to content, as of version 1.0 with `--output-format csv`."""
    return {
        f"{PID}_{name}.csv": text_of(rows)
        for name, rows in {
            "kernel_trace": map(_kernel, run.dispatches),
            "hip_api_trace": [_call(c) for c in run.calls if c.domain.startswith("HIP")],
            "hsa_api_trace": [_call(c) for c in run.calls if c.domain.startswith("HSA")],
            "marker_api_trace": map(_call, run.markers),
            "memory_copy_trace": map(_copy, run.copies),
            "memory_allocation_trace": map(_memory, run.memory),
            "scratch_memory_trace": map(_scratch, run.scratch),
            "counter_collection": _counters(run),
            "agent_info": (
                {"_".join(part.title() for part in key.split("_")): value
                 for key, value in agent_record(agent).items()}
                for agent in AGENTS
            ),
            "kernel_stats": _statistics(run),
            "pc_sampling_host_trap": (
                {"Sample_Timestamp": at, "Exec_Mask": (1 << 64) - 1, "Dispatch_Id": dispatch,
                 "Instruction": text, "Instruction_Comment": place,
                 "Correlation_Id": run.dispatches[dispatch - 1].correlation}
                for at, dispatch, text, place in run.samples
            ),
        }.items()
    }  # fmt: skip


def text_of(rows: Iterable[Mapping[str, Any]]) -> str:
    """Write a table: texts quoted, numbers bare."""
    given = list(rows)
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(given[0])
    writer.writerows(row.values() for row in given)
    return out.getvalue()


def _call(call: Any) -> dict[str, Any]:
    return {
        "Domain": call.domain, "Function": call.function, "Process_Id": PID,
        "Thread_Id": call.tid, "Correlation_Id": call.correlation,
        "Start_Timestamp": call.start, "End_Timestamp": call.end,
    }  # fmt: skip


def _kernel(d: Any) -> dict[str, Any]:
    return {
        "Kind": "KERNEL_DISPATCH", "Agent_Id": f"Agent {d.agent}", "Queue_Id": d.queue,
        "Stream_Id": d.stream, "Thread_Id": d.tid, "Dispatch_Id": d.dispatch,
        "Kernel_Id": d.kernel + 1, "Kernel_Name": d.name, "Correlation_Id": d.correlation,
        "Start_Timestamp": d.start, "End_Timestamp": d.end, "LDS_Block_Size": d.lds,
        "Scratch_Size": d.scratch, "VGPR_Count": 32, "Accum_VGPR_Count": 4, "SGPR_Count": 96,
        **{f"Workgroup_Size_{x}": n for x, n in zip(_XYZ, d.group, strict=True)},
        **{f"Grid_Size_{x}": n for x, n in zip(_XYZ, d.grid, strict=True)},
    }  # fmt: skip


def _copy(copy: Any) -> dict[str, Any]:
    return {
        "Kind": "MEMORY_COPY", "Direction": f"MEMORY_COPY_{copy.direction}",
        "Stream_Id": copy.stream, "Source_Agent_Id": f"Agent {copy.source}",
        "Destination_Agent_Id": f"Agent {copy.target}", "Correlation_Id": copy.correlation,
        "Start_Timestamp": copy.start, "End_Timestamp": copy.end,
    }  # fmt: skip


def _memory(memory: Any) -> dict[str, Any]:
    return {
        "Kind": "MEMORY_ALLOCATION", "Operation": memory.operation,
        "Agent_Id": "" if memory.agent is None else f"Agent {memory.agent}",
        "Allocation_Size": memory.size, "Address": f"0x{memory.address:016x}",
        "Correlation_Id": memory.correlation, "Start_Timestamp": memory.start,
        "End_Timestamp": memory.end,
    }  # fmt: skip


def _scratch(memory: Any) -> dict[str, Any]:
    return {
        "Kind": "SCRATCH_MEMORY", "Operation": memory.operation,
        "Agent_Id": f"Agent {memory.agent}", "Queue_Id": 1, "Thread_Id": memory.tid,
        "Alloc_Flags": 0, "Start_Timestamp": memory.start, "End_Timestamp": memory.end,
        "Allocation_Size": memory.size,
    }  # fmt: skip


def _counters(run: Plan) -> Iterable[dict[str, Any]]:
    for number, name, value in run.counters:
        d = run.dispatches[number - 1]
        yield {
            "Correlation_Id": d.correlation, "Dispatch_Id": number,
            "Agent_Id": f"Agent {d.agent}", "Queue_Id": d.queue, "Process_Id": PID,
            "Thread_Id": d.tid, "Grid_Size": d.grid[0] * d.grid[1] * d.grid[2],
            "Kernel_Id": d.kernel + 1, "Kernel_Name": d.name,
            "Workgroup_Size": d.group[0] * d.group[1] * d.group[2], "LDS_Block_Size": d.lds,
            "Scratch_Size": d.scratch, "VGPR_Count": 32, "Accum_VGPR_Count": 4, "SGPR_Count": 96,
            "Counter_Name": name, "Counter_Value": value, "Start_Timestamp": d.start,
            "End_Timestamp": d.end,
        }  # fmt: skip


def _statistics(run: Plan) -> Iterable[dict[str, Any]]:
    whole = sum(d.end - d.start for d in run.dispatches)
    for name in dict.fromkeys(d.name for d in run.dispatches):
        durs = [d.end - d.start for d in run.dispatches if d.name == name]
        mean = sum(durs) / len(durs)
        yield {
            "Name": name, "Calls": len(durs), "TotalDurationNs": sum(durs), "AverageNs": mean,
            "Percentage": round(100 * sum(durs) / whole, 2), "MinNs": min(durs),
            "MaxNs": max(durs), "StdDev": 0.0,
        }  # fmt: skip


def write_samples() -> None:
    """Write the CSV files that tell enough each for itself."""
    folder = SAMPLES / "rocprofv3"
    folder.mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        text = csv_files(plan())[name]
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_samples()
