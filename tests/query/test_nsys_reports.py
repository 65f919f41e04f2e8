"""The reports of `nsys stats`: every name answers, and says what SQLite counts in the export."""

from __future__ import annotations

import re
import sqlite3
import statistics
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from traceql.engine.ingest import ingest
from traceql.errors import UnknownName
from traceql.query import library
from traceql.query.session import Session
from traceql.store.catalog import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

REPORTS = [
    "cuda_api_gpu_sum", "cuda_api_sum", "cuda_api_trace", "cuda_gpu_kern_gb_sum",
    "cuda_gpu_kern_sum", "cuda_gpu_mem_size_sum", "cuda_gpu_mem_time_sum", "cuda_gpu_sum",
    "cuda_gpu_trace", "cuda_kern_exec_sum", "cuda_kern_exec_trace", "dx11_pix_sum",
    "dx12_gpu_marker_sum", "dx12_pix_sum", "mpi_event_sum", "mpi_event_trace",
    "mpi_msg_size_sum", "network_congestion", "nvtx_gpu_proj_sum", "nvtx_gpu_proj_trace",
    "nvtx_kern_sum", "nvtx_pushpop_sum", "nvtx_pushpop_trace", "nvtx_startend_sum", "nvtx_sum",
    "nvvideo_api_sum", "openacc_sum", "opengl_khr_gpu_range_sum", "opengl_khr_range_sum",
    "openmp_sum", "osrt_sum", "syscall_sum", "um_cpu_page_faults_sum", "um_sum", "um_total_sum",
    "vulkan_api_sum", "vulkan_api_trace", "vulkan_gpu_marker_sum", "vulkan_marker_sum",
    "wddm_queue_sum",
]  # fmt: skip
OLD = {
    "gpukernsum": "cuda_gpu_kern_sum", "cudaapisum": "cuda_api_sum", "gputrace": "cuda_gpu_trace",
    "cudaapitrace": "cuda_api_trace", "gpumemtimesum": "cuda_gpu_mem_time_sum",
    "gpumemsizesum": "cuda_gpu_mem_size_sum", "gpusum": "cuda_gpu_sum",
    "apigpusum": "cuda_api_gpu_sum", "kernexecsum": "cuda_kern_exec_sum",
    "kernexectrace": "cuda_kern_exec_trace", "nvtxppsum": "nvtx_pushpop_sum",
    "nvtxpptrace": "nvtx_pushpop_trace", "nvtxkernsum": "nvtx_kern_sum", "osrtsum": "osrt_sum",
    "umsum": "um_sum",
}  # fmt: skip
FORMS = ("nsys_2020", "nsys_2_9", "nsys_3_28")


@pytest.fixture(scope="module")
def samples(root: Path) -> Path:
    return root / "sample_traces/synthetic/nsys"


@pytest.fixture(scope="module")
def store(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = Store.open(tmp_path_factory.mktemp("nsys") / "store", create=True)
    for form in FORMS:
        ingest(samples / f"{form}.sqlite", store=made)
    return made


@pytest.fixture(scope="module")
def session(store: Store) -> Iterator[Session]:
    with Session(store.traces(), store=store) as opened:
        yield opened


@pytest.fixture(scope="module")
def singles(store: Store) -> Iterator[list[Session]]:
    """A session over each trace alone."""
    with ExitStack() as opened:
        yield [opened.enter_context(Session([t], store=store)) for t in store.traces()]


def rows(session: Session, report: str, trace: str) -> list[dict[str, Any]]:
    answer = session.sql(f"SELECT * FROM nsys_{report} WHERE trace = '{trace}'")
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.fetchall()]


def test_there_are_forty() -> None:
    assert len(set(REPORTS)) == 40
    assert {f"nsys_{name}" for name in REPORTS} == {
        item.name
        for item in library.objects().values()
        if item.module.startswith("nsys.") and not item.is_private
    }


@pytest.mark.parametrize("report", REPORTS)
def test_it_answers_for_whatever_is_there(session: Session, report: str) -> None:
    assert library.find(f"nsys.{report}").name == f"nsys_{report}"
    found = session.sql(f"SELECT * FROM nsys_{report}")
    assert found.columns[-1] == "trace"
    share = [c for c in found.columns if c == "Time (%)"]
    if share:
        sums = session.sql(f'SELECT sum("Time (%)") FROM nsys_{report} GROUP BY trace').fetchall()
        assert all(value == pytest.approx(100, abs=0.5) for (value,) in sums)


@pytest.mark.parametrize(("old", "new"), OLD.items())
def test_old_names_mean_the_same(old: str, new: str) -> None:
    assert library.find(f"nsys.{old}") == library.find(f"nsys.{new}")


def test_a_wrong_name_is_told_with_those_near_it() -> None:
    with pytest.raises(UnknownName, match="osrt_sum"):
        library.find("nsys_osrt_sums")


def asked(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as base:
        return base.execute(sql).fetchall()


def tenth(value: float) -> float:
    """Round half away from zero, as SQL does."""
    return int(value * 10 + 0.5) / 10


def summed(durations: dict[str, list[int]]) -> dict[str, tuple[float, ...]]:
    """Total, count, mean, median, least, most, deviation and share, each by its definition."""
    whole = sum(map(sum, durations.values()))
    return {
        name: (
            tenth(100 * sum(d) / whole), sum(d), len(d), tenth(statistics.fmean(d)),
            tenth(statistics.median(d)), min(d), max(d),
            tenth(statistics.stdev(d)) if len(d) > 1 else 0.0,
        )
        for name, d in durations.items()
    }  # fmt: skip


def by_name(found: list[dict[str, Any]], label: str) -> dict[str, tuple[float, ...]]:
    return {row[label]: tuple(list(row.values())[:8]) for row in found}


def collected(pairs: list[tuple[Any, ...]]) -> dict[str, list[int]]:
    made: dict[str, list[int]] = {}
    for name, dur in pairs:
        made.setdefault(name, []).append(dur)
    return made


@pytest.mark.parametrize("form", FORMS)
def test_kernels_are_those_of_the_export(session: Session, samples: Path, form: str) -> None:
    pairs = asked(
        samples / f"{form}.sqlite",
        'SELECT s.value, k."end" - k.start FROM CUPTI_ACTIVITY_KIND_KERNEL k '
        "JOIN StringIds s ON s.id = k.demangledName",
    )
    expected = summed(collected(pairs))
    found = rows(session, "cuda_gpu_kern_sum", form)
    assert by_name(found, "Name") == expected
    totals = [row["Total Time (ns)"] for row in found]
    assert totals == sorted(totals, reverse=True)
    by_grid = rows(session, "cuda_gpu_kern_gb_sum", form)
    assert sum(row["Total Time (ns)"] for row in by_grid) == sum(totals)
    assert {row["GridXYZ"].split()[0] for row in by_grid} == {"64"}


@pytest.mark.parametrize("form", FORMS)
def test_calls_are_those_of_the_export(session: Session, samples: Path, form: str) -> None:
    pairs = asked(
        samples / f"{form}.sqlite",
        'SELECT s.value, r."end" - r.start FROM CUPTI_ACTIVITY_KIND_RUNTIME r '
        'JOIN StringIds s ON s.id = r.nameId WHERE r."end" >= r.start',
    )
    named = [(re.sub(r"_v\d{4,5}$", "", name), dur) for name, dur in pairs]
    found = by_name(rows(session, "cuda_api_sum", form), "Name")
    expected = summed(collected(named))
    for name in ("cudaLaunchKernel", "cudaMemcpyAsync"):
        assert found[name][1:] == expected[name][1:]
    traced = rows(session, "cuda_api_trace", form)
    assert [r["Start (ns)"] for r in traced] == sorted(r["Start (ns)"] for r in traced)
    assert len(traced) == sum(int(values[2]) for values in found.values())


@pytest.mark.parametrize("form", FORMS)
def test_bytes_are_those_of_the_export(session: Session, samples: Path, form: str) -> None:
    (expected,) = asked(
        samples / f"{form}.sqlite",
        "SELECT sum(bytes) FILTER (WHERE copyKind = 1), sum(bytes) FILTER (WHERE copyKind = 2) "
        "FROM CUPTI_ACTIVITY_KIND_MEMCPY",
    )
    found = {r["Operation"]: r["Total (MB)"] for r in rows(session, "cuda_gpu_mem_size_sum", form)}
    assert found["[CUDA memcpy Host-to-Device]"] == round(expected[0] / 1e6, 3)
    assert found["[CUDA memcpy Device-to-Host]"] == round(expected[1] / 1e6, 3)
    traced = rows(session, "cuda_gpu_trace", form)
    copies = [r for r in traced if r["Name"] == "[CUDA memcpy Host-to-Device]"]
    assert all(
        r["Throughput (MB/s)"] == pytest.approx(1e3 * 1048576 / r["Duration (ns)"], abs=1e-3)
        for r in copies
    )


@pytest.mark.parametrize("form", FORMS)
def test_launches_are_those_of_the_export(session: Session, samples: Path, form: str) -> None:
    pairs = asked(
        samples / f"{form}.sqlite",
        'SELECT k.start, k.start - r."end" FROM CUPTI_ACTIVITY_KIND_KERNEL k '
        "JOIN CUPTI_ACTIVITY_KIND_RUNTIME r ON r.correlationId = k.correlationId "
        "AND r.globalTid >> 24 = k.globalPid >> 24",
    )
    found = {r["Kernel Start (ns)"]: r for r in rows(session, "cuda_kern_exec_trace", form)}
    assert set(found) == {start for start, _ in pairs}
    for start, wait in pairs:
        assert found[start]["Queue Dur (ns)"] == (wait if wait > 0 else None)
        total = found[start]["Kernel Start (ns)"] + found[start]["Kernel Dur (ns)"]
        assert found[start]["Total Dur (ns)"] == total - found[start]["API Start (ns)"]
    summary = rows(session, "cuda_kern_exec_sum", form)
    assert sum(r["Count"] for r in summary) == len(pairs)
    assert sum(r["QCount"] for r in summary) == sum(wait > 0 for _, wait in pairs)


def test_ranges_say_their_domain_and_their_place(session: Session) -> None:
    found = {r["Range"]: r for r in rows(session, "nvtx_sum", "nsys_3_28")}
    assert found["NCCL:overlap a"]["Style"] == "StartEnd"
    assert found["aten::step"]["Style"] == "PushPop"
    assert "never closed" not in found
    for r in rows(session, "nvtx_pushpop_trace", "nsys_3_28"):
        assert r["DurChild (ns)"] + r["DurNonChild (ns)"] == r["Duration (ns)"]
        assert r["RangeStack"].endswith(f":{r['RangeId']}")
        assert r["RangeStack"].count(":") == r["Lvl"] + 1


def test_ranges_are_projected_onto_what_they_launched(session: Session) -> None:
    (found,) = rows(session, "nvtx_gpu_proj_sum", "nsys_2_9")
    traced = rows(session, "nvtx_gpu_proj_trace", "nsys_2_9")
    assert found["Range Instances"] == len(traced) == 48
    assert found["Total Proj Time (ns)"] == sum(r["Projected Duration (ns)"] for r in traced)
    assert found["Total GPU Ops"] == 96
    kernels = rows(session, "nvtx_kern_sum", "nsys_2_9")
    assert sum(r["Kern Inst"] for r in kernels) == 48


def test_unified_memory_and_messages(session: Session) -> None:
    (total,) = rows(session, "um_total_sum", "nsys_3_28")
    assert total["Total HtoD Migration Size (MB)"] == 0.004096
    assert (total["Total CPU Page Faults"], total["Total GPU PageFaults"]) == (1, 3)
    places = {r["Virtual Address"]: r for r in rows(session, "um_sum", "nsys_3_28")}
    assert places["0xFFFFFFFFFFFFF000"]["CPU Page Faults"] == 1
    (message,) = rows(session, "mpi_event_trace", "nsys_3_28")
    assert (message["Rank"], message["CollSendSize (MB)"]) == (0, 6.4e-05)
    (size,) = rows(session, "mpi_msg_size_sum", "nsys_3_28")
    assert size["Total Message Volume (bytes)"] == 64


@pytest.mark.parametrize("report", REPORTS)
def test_over_three_traces_it_is_the_union(
    singles: list[Session], session: Session, report: str
) -> None:
    sql = f"SELECT * FROM nsys_{report}"
    single = [row for one in singles for row in one.sql(sql).fetchall()]
    assert sorted(map(repr, session.sql(sql).fetchall())) == sorted(map(repr, single))
