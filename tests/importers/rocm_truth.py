"""Hold a trace that was read from any form to the run of rocm_plan that it tells."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rocm_plan import PID, Plan

OPERATIONS = (
    'SELECT s.ts, s.ts + s.dur AS "end", s.name, g.device_id AS device, g.stream_id AS stream, '
    "g.bytes, g.copy_kind, [g.grid_x, g.grid_y, g.grid_z] AS grid, "
    "[g.block_x, g.block_y, g.block_z] AS block, g.registers_per_thread AS registers, "
    "g.shared_bytes AS shared, s.correlation_id AS correlation, l.name AS launch "
    "FROM gpu_op g JOIN slice s ON s.id = g.slice_id "
    "LEFT JOIN (SELECT id, name FROM slice) l ON l.id = g.launch_slice_id WHERE g.kind = '{}' "
    "ORDER BY s.ts, s.name"
)


def rows(session: Any, text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = session.sql(text).arrow().to_pylist()
    return found


def kernels(session: Any, run: Plan) -> None:
    """Every dispatch, its place, its grid in blocks, and the call that launched it."""
    wanted = [
        {
            "ts": d.start, "end": d.end, "name": d.name, "device": d.agent, "stream": d.stream,
            "bytes": None, "copy_kind": None,
            "grid": [-(-g // b) for g, b in zip(d.grid, d.group, strict=True)],
            "block": list(d.group), "registers": 32, "shared": d.lds,
            "correlation": d.correlation, "launch": "hipLaunchKernel",
        }
        for d in sorted(run.dispatches, key=lambda d: (d.start, d.name))
    ]  # fmt: skip
    assert rows(session, OPERATIONS.format("kernel")) == wanted


def copies(session: Any, run: Plan, *, with_sizes: bool) -> None:
    """Every copy, its direction, its device, and its size where the form tells it."""
    wanted = [
        {
            "ts": c.start, "end": c.end, "device": c.target or c.source, "stream": c.stream,
            "copy_kind": "htod" if c.target else "dtoh", "correlation": c.correlation,
            "bytes": c.size if with_sizes else None, "launch": "hipMemcpyAsync",
        }
        for c in sorted(run.copies, key=lambda c: c.start)
    ]  # fmt: skip
    found = rows(session, OPERATIONS.format("memcpy"))
    assert [{key: row[key] for key in wanted[0]} for row in found] == wanted
    assert {row["name"] for row in found} == {"Memcpy HtoD", "Memcpy DtoH"}


def calls(session: Any, run: Plan) -> None:
    """Every call and marker on the track of its thread."""
    found = rows(
        session,
        'SELECT s.ts, s.ts + s.dur AS "end", s.name, s.category, tid, pid FROM slice s '
        "JOIN (SELECT id, utid AS u FROM track) t ON t.id = s.track_id "
        "JOIN (SELECT utid, tid, upid AS p FROM thread) h ON h.utid = t.u "
        "JOIN process ON upid = h.p "
        "WHERE s.category IN ('hip_runtime', 'hsa_api', 'roctx')",
    )  # fmt: skip
    named = {"HIP": "hip_runtime", "HSA": "hsa_api", "MAR": "roctx"}
    assert Counter(tuple(row.values()) for row in found) == Counter(
        (c.start, c.end, c.function, named[c.domain[:3]], c.tid, PID)
        for c in (*run.calls, *run.markers)
    )


def memory(session: Any, run: Plan) -> None:
    """Allocations and frees, of which a free does not tell its size."""
    found = rows(session, "SELECT ts, kind, device_id, address, bytes, pool FROM allocation "
                          "ORDER BY ts, kind")  # fmt: skip
    wanted = [
        (m.start, "alloc" if m.size else "free", m.agent, m.address or None, m.size or None,
         "scratch" if "SCRATCH" in m.operation else None)
        for m in sorted((*run.memory, *run.scratch), key=lambda m: m.start)
    ]  # fmt: skip
    assert [tuple(row.values()) for row in found] == wanted


def counted(session: Any, run: Plan) -> None:
    """Every counter value, as it stands: a counter has one for each instance."""
    found = rows(session, "SELECT t.name, c.ts, c.value, t.device FROM counter c JOIN "
                          "(SELECT id, name, device_id AS device FROM track) t "
                          "ON t.id = c.track_id")  # fmt: skip
    wanted = Counter(
        (name, run.dispatches[number - 1].start, value, run.dispatches[number - 1].agent)
        for number, name, value in run.counters
    )
    assert Counter(tuple(row.values()) for row in found) == wanted


def devices(session: Any) -> None:
    """The agents, with what occupancy needs of them."""
    found = rows(
        session,
        "SELECT device_id, kind, vendor, warp_size, multiprocessor_count, clock_hz, "
        "shared_bytes_per_multiprocessor AS shared, max_threads_per_multiprocessor AS threads "
        "FROM device ORDER BY device_id",
    )
    assert [row["device_id"] for row in found] == [0, 1, 2]
    assert [row["kind"] for row in found] == ["cpu", "gpu", "gpu"]
    gpu = {
        "device_id": 2, "kind": "gpu", "vendor": "amd", "warp_size": 64,
        "multiprocessor_count": 304, "clock_hz": 2.1e9, "shared": 65536, "threads": 2048,
    }  # fmt: skip
    assert found[2] == gpu
