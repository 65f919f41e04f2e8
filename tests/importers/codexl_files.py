"""Write the run of rocm_plan as CodeXL's trace of an OpenCL program. Run me to make the sample."""

from __future__ import annotations

from pathlib import Path

from rocm_plan import TIDS, Plan, plan

SAMPLES = Path(__file__).resolve().parents[2] / "sample_traces" / "synthetic" / "rocm"
API = {"hipLaunchKernel": "clEnqueueNDRangeKernel", "hipMemcpyAsync": "clEnqueueWriteBuffer"}


def name_of(kernel: str) -> str:
    """OpenCL's kernels are called by one word."""
    return "".join(c if c.isalnum() else "_" for c in kernel)


def text(run: Plan) -> str:
    """Give the trace: headers, calls of each thread, then their times."""
    works = {d.correlation: d for d in run.dispatches}
    copies = {c.correlation: c for c in run.copies}
    lines = ["TraceFileVersion=3.0", "ProfilerVersion=5.6", "Application=/opt/made/synthetic",
             "OS Version=Linux synthetic"]  # fmt: skip
    lines.append("=====ocl API Trace Output=====")
    for tid in TIDS:
        mine = [c for c in run.calls if c.tid == tid]
        lines += [str(tid), str(len(mine))]
        lines += [f"CL_SUCCESS = {API.get(c.function, 'clFinish')} ( 0x1; {c.correlation} )"
                  for c in mine]  # fmt: skip
    lines.append("=====ocl Timestamp Output=====")
    for tid in TIDS:
        mine = [c for c in run.calls if c.tid == tid]
        lines += [str(tid), str(len(mine))]
        for c in mine:
            line = f"{7:<6}{API.get(c.function, 'clFinish'):<30}{c.start:<22}{c.end:<22}"
            if c.correlation in works:
                d = works[c.correlation]
                line += (
                    f"{4592:<6}CL_COMMAND_NDRANGE_KERNEL {c.start + 1} {c.start + 2} {d.start} "
                    f"{d.end} {d.queue} 0xaa 1 0xbb GPU {d.agent} 0xcc {name_of(d.name)} "
                    f"{{{d.grid[0]},{d.grid[1]}}} {{{d.group[0]},{d.group[1]}}}"
                )
            elif c.correlation in copies:
                p = copies[c.correlation]
                word = "WRITE" if p.target else "READ"
                line += (
                    f"{4595:<6}CL_COMMAND_{word}_BUFFER {c.start + 1} {c.start + 2} {p.start} "
                    f"{p.end} 1 0xaa 1 0xbb GPU {p.target or p.source} {p.size}"
                )
            lines.append(line)
    lines += ["=====ocl Perfmarker Output=====", str(TIDS[0]), "2",
              f"clBeginPerfMarker   my range   {run.calls[0].start - 5}   group",
              f"clEndPerfMarker   {run.calls[-1].end + 5}"]  # fmt: skip
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (SAMPLES / "codexl.atp").write_text(text(plan(steps=10)), encoding="utf-8")
