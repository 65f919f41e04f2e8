"""Theoretical occupancy: NVIDIA's calculator written out, published examples, torch.profiler."""

from __future__ import annotations

import json
from math import ceil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_builder import BuiltStore, build

from traceql.engine.analyze import analyze
from traceql.engine.ingest import ingest
from traceql.query.session import Session
from traceql.store.catalog import Store

LIMITS = {  # warps, blocks, parts, shared memory, its unit, reserved
    (5, 2): (64, 32, 4, 98304, 256, 0), (6, 0): (64, 32, 2, 65536, 256, 0),
    (7, 0): (64, 32, 4, 98304, 256, 0), (7, 5): (32, 16, 4, 65536, 256, 0),
    (8, 0): (64, 32, 4, 167936, 128, 1024), (8, 6): (48, 16, 4, 102400, 128, 1024),
    (8, 9): (48, 24, 4, 102400, 128, 1024), (9, 0): (64, 32, 4, 233472, 128, 1024),
    (10, 0): (64, 32, 4, 233472, 128, 1024), (12, 0): (48, 24, 4, 102400, 128, 1024),
}  # fmt: skip


def blocks(capability, threads, registers, shared):
    """Blocks on a multiprocessor, as the occupancy calculator counts them."""
    most_warps, most_blocks, parts, memory, unit, reserved = LIMITS[capability]
    warps = ceil(threads / 32)
    of_warp = ceil(registers * 32 / 256) * 256
    by_registers = most_warps
    if registers:
        by_registers = 65536 // parts // of_warp * parts // warps
        if warps * of_warp > 65536:
            by_registers = 0
    taken = ceil((shared + reserved) / unit) * unit
    by_shared = memory // taken if taken else most_warps
    return min(most_blocks, most_warps // warps, by_registers, by_shared)


def trace_of(device, kernels):
    """Kernels (threads, registers, shared bytes, blocks of the grid, args) of one device."""
    return {
        "slice": [
            {"id": i, "ts": 100 * i, "dur": 10, "name": "k", "track_id": 0, "depth": 0,
             "args": kernel[4]}
            for i, kernel in enumerate(kernels)
        ],
        "gpu_op": [
            {"slice_id": i, "kind": "kernel", "device_id": 0, "block_x": threads, "block_y": 1,
             "block_z": 1, "registers_per_thread": registers, "shared_bytes": shared,
             "grid_x": grid, "grid_y": 1, "grid_z": 1}
            for i, (threads, registers, shared, grid, _) in enumerate(kernels)
        ],
        "track": [{"id": 0, "type": "gpu_stream", "device_id": 0}],
        "device": [{"device_id": 0, "kind": "gpu", **device}],
    }  # fmt: skip


def ask(folder, rows, sql, number=1):
    with Session([build(folder, f"t{number}", rows, number)], store=BuiltStore(folder)) as session:
        return session.sql(sql).fetchall()


kernels_ = st.lists(
    st.tuples(
        st.integers(1, 1024), st.integers(0, 255), st.integers(0, 120_000), st.integers(1, 9999)
    ),
    min_size=30,
    max_size=30,
)


@pytest.mark.parametrize("capability", LIMITS)
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kernels_)
def test_blocks_are_those_of_the_calculator(tmp_path_factory, capability, kernels):
    folder = tmp_path_factory.mktemp("occupancy")
    major, minor = capability
    device = {"vendor": "nvidia", "compute_major": major, "compute_minor": minor}
    rows = trace_of(device, [(*k, None) for k in kernels])
    found = ask(
        folder, rows,
        "SELECT fit_count, occupancy_ratio, warp_count FROM gpu_kernel_occupancy ORDER BY id",
    )  # fmt: skip

    for (threads, registers, shared, _), (fit, ratio, warps) in zip(kernels, found, strict=True):
        expected = blocks(capability, threads, registers, shared)
        assert fit == expected
        assert ratio == expected * warps / LIMITS[capability][0]


def test_the_limiter_is_named_and_waves_are_counted(tmp_path):
    device = {"vendor": "nvidia", "compute_major": 8, "compute_minor": 0,
              "multiprocessor_count": 108}  # fmt: skip
    rows = trace_of(
        device,
        [(128, 64, 0, 864, None), (32, 16, 0, 108, None), (1024, 32, 0, 1, None),
         (256, 32, 100_000, 54, None), (1024, 128, 0, 1, None)],
    )  # fmt: skip
    found = ask(
        tmp_path, rows,
        "SELECT limiter, fit_count, occupancy_ratio, wave_count, estimated_ratio "
        "FROM gpu_kernel_occupancy ORDER BY id",
    )  # fmt: skip

    assert found == [
        ("registers", 8, 0.5, 1.0, 0.5),
        ("blocks", 32, 0.5, 1 / 32, 1 / 64),
        ("warps", 2, 1.0, 1 / 216, pytest.approx(1 / 216)),
        ("shared memory", 1, 0.125, 0.5, pytest.approx(0.0625)),
        ("registers", 0, 0.0, None, 0.0),
    ]


def test_wavefronts_of_amd_share_registers_with_accumulators(tmp_path):
    device = {"vendor": "amd", "name": "gfx90a", "warp_size": 64, "multiprocessor_count": 104,
              "args": '{"gfx_target_version":90010}'}  # fmt: skip
    rows = trace_of(
        device,
        [(256, 64, 0, 1, '{"Accum_VGPR_Count":0}'), (256, 64, 0, 1, '{"Accum_VGPR_Count":64}'),
         (256, 30, 32768, 1, '{"Accum_VGPR_Count":4}'), (64, 32, 0, 1, '{"Accum_VGPR_Count":0}'),
         (256, 64, 0, 1, None)],
    )  # fmt: skip
    found = ask(
        tmp_path, rows,
        "SELECT id, limiter, fit_count, occupancy_ratio FROM gpu_kernel_occupancy ORDER BY id",
    )  # fmt: skip

    # Without a count of accumulators nothing is claimed.
    assert found == [
        (0, "warps", 8, 1.0), (1, "registers", 4, 0.5), (2, "shared memory", 2, 0.25),
        (3, "warps", 32, 1.0),
    ]  # fmt: skip
    assert ask(tmp_path, rows, "SELECT architecture FROM gpu_device_limit", 2) == [("gfx90a",)]


def test_sizes_that_tools_flatten_are_read_from_args(tmp_path):
    device = {"vendor": "amd", "name": "gfx90a", "warp_size": 64, "multiprocessor_count": 104,
              "args": '{"gfx_target_version":90010}'}  # fmt: skip
    said = ['{"Accum_VGPR_Count":0,"Workgroup_Size":256,"Grid_Size":1000}',
            '{"accum_vgpr":64,"workgroup_size":256,"grid_size":26624}',
            '{"Accum_VGPR_Count":0,"Workgroup_Size":0,"Grid_Size":1}']  # fmt: skip
    rows = trace_of(device, [(None, 64, 0, None, args) for args in said])
    found = ask(
        tmp_path, rows,
        "SELECT id, thread_count, block_count, fit_count, wave_count, configured_ratio "
        "FROM gpu_kernel_occupancy ORDER BY id",
    )  # fmt: skip

    assert found == [(0, 256, 4, 8, 4 / 832, None), (1, 256, 104, 4, 0.25, None)]


def test_shared_memory_that_the_driver_configured_is_told_apart(tmp_path):
    device = {"vendor": "nvidia", "compute_major": 8, "compute_minor": 0}
    said = '{"sharedMemoryExecuted":32768}'
    rows = trace_of(
        device,
        [(128, 32, 7168, 1, said), (128, 32, 0, 1, said), (1024, 32, 40_000, 1, said),
         (128, 32, 7168, 1, None)],
    )  # fmt: skip
    found = ask(
        tmp_path, rows,
        "SELECT occupancy_ratio, configured_shared_bytes, configured_ratio "
        "FROM gpu_kernel_occupancy ORDER BY id",
    )  # fmt: skip

    # Each block takes 1024 bytes more than it asks for.
    assert found == [
        (1.0, 32768, 0.25), (1.0, 32768, 1.0), (1.0, 32768, 0.0), (1.0, None, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "device",
    [{"vendor": "nvidia", "compute_major": 99, "compute_minor": 0},
     {"vendor": "amd", "compute_major": 9, "compute_minor": 0}, {}],
)  # fmt: skip
def test_nothing_is_claimed_of_an_unknown_device(tmp_path, device):
    rows = trace_of(device, [(128, 64, 0, 1, None)])
    assert ask(tmp_path, rows, "SELECT * FROM gpu_kernel_occupancy") == []


@pytest.mark.parametrize("part", ["ns_resolution", "h100__Qwen", "critical_path__alexnet"])
def test_estimates_are_those_of_torch_profiler(shared, tmp_path, part):
    (oracle,) = (shared / "oracles").glob(f"kineto*{part}*.json")
    store = Store.open(tmp_path / "store", create=True)
    ingest(shared / "traces" / json.loads(oracle.read_text())["file"], store=store)
    with Session(store.traces(), store=store) as session:
        found = session.sql(
            "SELECT estimated_ratio, tool_ratio FROM gpu_kernel_occupancy "
            "WHERE shared_bytes <= 49152 AND tool_ratio IS NOT NULL"
        ).fetchall()
        ((kernels, large),) = session.sql(
            "SELECT count(*), count(*) FILTER (WHERE shared_bytes > 49152) FROM gpu_kernel "
            "WHERE occupancy_ratio IS NOT NULL"
        ).fetchall()
    # torch.profiler writes 0 for more than 48 KiB of shared memory, and rounds to percent.
    assert len(found) == kernels - large > 0
    assert all(ours == pytest.approx(theirs, abs=0.0051) for ours, theirs in found)


def test_the_analysis_says_the_same(root, tmp_path):
    store = Store.open(tmp_path / "store", create=True)
    ingest(root / "sample_traces/synthetic/kineto_nvidia_planted.json.gz", store=store)
    (result,) = analyze(store, store.traces(), only=["workload.occupancy"], keep=False)
    with Session(store.traces(), store=store) as session:
        found = dict(session.sql(
            "SELECT (name, thread_count, register_count, shared_bytes, block_count), "
            "any_value(occupancy_ratio) FROM gpu_kernel_occupancy GROUP BY ALL"
        ).fetchall())  # fmt: skip
    shapes = result.tables["shape"].to_pylist()
    columns = ("name", "threads", "registers", "shared_bytes", "blocks")
    assert shapes
    for shape in shapes:
        assert found[tuple(shape[c] for c in columns)] == shape["theoretical_ratio"]
