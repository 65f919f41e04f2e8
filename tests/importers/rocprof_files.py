"""Write the run of rocm_plan as rocprof v1, v2 and roctracer write it. Run me for the samples."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from rocm_plan import PID, Plan, plan

SAMPLES = Path(__file__).resolve().parents[2] / "sample_traces" / "synthetic" / "rocm" / "rocprof"
QUEUE = 3


def _dispatch(d: Any, number: int) -> dict[str, Any]:
    return {
        "Index": number, "KernelName": f"{d.name} [clone .kd]", "gpu-id": d.agent,
        "queue-id": d.queue, "queue-index": number, "pid": PID, "tid": d.tid,
        "grd": d.grid[0] * d.grid[1] * d.grid[2], "wgr": d.group[0] * d.group[1] * d.group[2],
        "lds": d.lds, "scr": d.scratch, "arch_vgpr": 32, "accum_vgpr": 4, "sgpr": 96,
        "wave_size": 64, "sig": "0x0", "obj": "0x7fe7a63eb600",
    }  # fmt: skip


def _v1_rows(run: Plan) -> list[dict[str, Any]]:
    waves = {number: value for number, name, value in run.counters if name == "SQ_WAVES"}
    return [
        _dispatch(d, n)
        | {"SQ_WAVES": waves[d.dispatch], "DispatchNs": d.start - 9, "BeginNs": d.start,
           "EndNs": d.end, "CompleteNs": d.end + 9, "DurationNs": d.end - d.start}
        for n, d in enumerate(run.dispatches)
    ]  # fmt: skip


def v1_csv(run: Plan) -> str:
    """Give results.csv: header and numbers bare, names quoted."""
    out = io.StringIO()
    rows = _v1_rows(run)
    out.write(",".join(rows[0]) + "\n")
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    for row in rows:
        writer.writerow(row.values())
    return out.getvalue()


def v1_base(path: Path, run: Plan) -> None:
    """Write results.db: dispatches, calls, operations, copies and markers."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as base:
        base.execute("PRAGMA page_size = 1024")
        calls: list[dict[str, Any]] = [
            {"BeginNs": c.start, "EndNs": c.end, "pid": PID, "tid": c.tid, "Name": c.function,
             "args": "( synthetic=1)", "Index": c.correlation, "Data": "", "__section": 2,
             "__lane": c.tid}
            for c in run.calls
        ]  # fmt: skip
        tables = {
            "HIP": [c for c in calls if c["Name"].startswith("hip")],
            "HSA": [c for c in calls if not c["Name"].startswith("hip")],
            "rocTX": [
                {"BeginNs": m.start, "EndNs": m.end, "pid": PID, "tid": m.tid,
                 "Name": f'"{m.function}"', "Index": n, "__section": 0, "__lane": 1}
                for n, m in enumerate(run.markers)
            ],
            "OPS": [
                {"BeginNs": d.start, "EndNs": d.end, "dev-id": d.agent, "queue-id": d.queue,
                 "Name": d.name, "pid": PID, "tid": d.tid, "roctx-range": "",
                 "stream-id": d.stream, "Index": d.correlation}
                for d in run.dispatches
            ] + [
                {"BeginNs": c.start, "EndNs": c.end, "dev-id": c.target or c.source,
                 "queue-id": QUEUE, "Name": _copy(c), "pid": PID, "tid": c.tid,
                 "roctx-range": "", "stream-id": c.stream, "Index": c.correlation}
                for c in run.copies
            ],
        }  # fmt: skip
        for name, rows in tables.items():
            columns = ", ".join(f'"{column}"' for column in rows[0])
            base.execute(f'CREATE TABLE "{name}" ({columns})')
            marks = ",".join("?" * len(rows[0]))
            base.executemany(
                f'INSERT INTO "{name}" VALUES ({marks})', [tuple(row.values()) for row in rows]
            )
        base.commit()
        base.execute("VACUUM")


def _copy(copy: Any) -> str:
    words = copy.direction.split("_")
    return "Copy" + "".join(word.title() for word in words)


def v1_json(run: Plan) -> str:
    """Give results.json: numbers are texts, times are cut to microseconds."""
    rows: list[tuple[int, str, dict[str, Any]]] = [
        (6 + row["gpu-id"], row["KernelName"], row) for row in _v1_rows(run)
    ]
    rows += [
        (2 if c.function.startswith("hip") else 3, c.function,
         {"BeginNs": c.start, "EndNs": c.end, "pid": PID, "tid": c.tid, "Name": c.function,
          "args": "( synthetic=1)", "Index": c.correlation})
        for c in run.calls
    ]  # fmt: skip
    rows += [
        (0, m.function, {"BeginNs": m.start, "EndNs": m.end, "pid": PID, "tid": m.tid,
                         "Name": m.function, "Index": n})
        for n, m in enumerate(run.markers)
    ]  # fmt: skip
    rows += [
        (6 + c.target + c.source, _copy(c),
         {"BeginNs": c.start, "EndNs": c.end, "dev-id": c.target + c.source, "queue-id": QUEUE,
          "stream-id": c.stream, "Name": _copy(c), "pid": PID, "tid": c.tid,
          "Index": c.correlation})
        for c in run.copies
    ]  # fmt: skip
    lines = ['{ "traceEvents":[{}']
    for pid, name in ((1, "COPY"), (2, "CPU HIP API"), (7, "GPU1")):
        lines.append(f',{{"args":{{"name":"{name}"}},"ph":"M","pid":{pid},"name":"process_name",'
                     '"sort_index":0}')  # fmt: skip
    for pid, name, row in rows:
        event = {"ph": "X", "name": name, "pid": pid, "tid": row["tid"],
                 "ts": str(row["BeginNs"] // 1000), "dur": "5",
                 "args": {key: str(value) for key, value in row.items()}}  # fmt: skip
        lines.append("," + json.dumps(event))
    lines.append('], "otherData": {"CMD": "secret", "Agent1.Name": "gfx90a", "note": "synthetic"}}')
    return "\n".join(lines) + "\n"


def roctracer_text(run: Plan) -> str:
    """Give roctracer's text, its lines among what the program prints."""
    lines = [f"ROCTracer (pid={PID}): synthetic", "0x1e17410 agent cpu", "0x1e4f580 agent gpu"]
    lines += [
        f"{c.start}:{c.end} {PID}:{c.tid} {c.function}(stream(0), x(1:2)) :{c.correlation}"
        for c in run.calls
    ]
    lines.append("## Iteration (99) ####")
    lines += [
        f"{d.start}:{d.end} {d.agent}:{d.queue} {d.name}:{d.correlation}:{PID}"
        for d in run.dispatches
    ]
    lines += [
        f"{c.start}:{c.end} {c.target or c.source}:{QUEUE} {_copy(c)}:{c.correlation}:{PID}"
        for c in run.copies
    ]
    for m in run.markers:
        if m.start < m.end:
            lines.append(f'{m.start} {PID}:{m.tid} 1:0:"{m.function}"')
            lines.append(f'{m.end} {PID}:{m.tid} 2:0:""')
    lines += [f'{run.calls[0].start} {PID}:{PID} 3:7:"whole"', f'{run.calls[-1].end} 1:1 4:8:""']
    return "\n".join(lines) + "\n"


def v2_files(run: Plan) -> dict[str, str]:
    """Give the files of v2: an empty line behind each header, names in single quotes."""
    launches = {d.correlation: d.name.replace('"', "'") for d in run.dispatches}
    calls = []
    for c in run.calls:
        kernel = f',"{launches[c.correlation]}"' if c.correlation in launches else ""
        domain = "HIP_API_DOMAIN" if c.domain.startswith("HIP") else "HSA_API_DOMAIN"
        calls.append(f'{domain},"{c.function}"{kernel},{c.start},{c.end},{c.correlation}')
    header = "Domain,Function,Start_Timestamp,End_Timestamp,Correlation_ID\n\n"
    ends = sorted(
        [(m.start, 1, m.function) for m in run.markers if m.start < m.end]
        + [(m.end, 0, "") for m in run.markers if m.start < m.end]
    )
    wide = [
        f"{d.dispatch},{d.agent},{d.queue},{PID},{d.tid},{d.grid[0]},{d.group[0]},{d.lds},0,32,4,"
        f'96,64,"{launches[d.correlation]}",{d.start},{d.end},{d.correlation},{d.dispatch}.5'
        for d in run.dispatches
    ]
    return {
        f"hip_api_trace_{PID}.csv": header + "\n".join(calls) + "\n",
        f"roctx_trace_{PID}.csv": "Domain,ROCTX_ID,Message,Timestamp\n\n"
        + "".join(f'ROCTX_DOMAIN,{n},"{text}",{ts}\n' for n, (ts, _, text) in enumerate(ends)),
        f"hcc_ops_trace_{PID}.csv": "Domain,Operation,Kernel_Name,Start_Timestamp,Stop_Timestamp,"
        "Correlation_ID\n\n"
        + "".join(
            f'HIP_OPS_DOMAIN,{_copy(c)},"",{c.start},{c.end},{c.correlation}\n' for c in run.copies
        ),
        f"results_{PID}.csv": "Dispatch_ID,GPU_ID,Queue_ID,PID,TID,Grid_Size,Workgroup_Size,"
        "LDS_Per_Workgroup,Scratch_Per_Workitem,Arch_VGPR,Accum_VGPR,SGPR,Wave_Size,Kernel_Name,"
        "Start_Timestamp,End_Timestamp,Correlation_ID,SQ_WAVES\n\n" + "\n".join(wide) + "\n",
    }


if __name__ == "__main__":
    SAMPLES.mkdir(parents=True, exist_ok=True)
    small = plan(steps=10)
    (SAMPLES / "results.csv").write_text(v1_csv(plan()), encoding="utf-8")
    v1_base(SAMPLES / "results.db", small)
    (SAMPLES / "results.json").write_text(v1_json(small), encoding="utf-8")
    (SAMPLES / "hip_trace.txt").write_text(roctracer_text(small), encoding="utf-8")
