"""rocpd's and rocprof's summaries: what SQLite counts in a rocpd database, and nothing else."""

from __future__ import annotations

import sqlite3
import statistics
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest

from traceql.engine.ingest import ingest
from traceql.query import library
from traceql.query.session import Session
from traceql.store.catalog import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUMMARIES = [
    item.name
    for item in library.objects().values()
    if item.module.startswith("rocpd.") and item.kind == "view" and not item.is_private
]


@pytest.fixture(scope="module")
def database(root: Path) -> Path:
    return root / "sample_traces/synthetic/rocm/rocpd.db"


@pytest.fixture(scope="module")
def store(root: Path, database: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = Store.open(tmp_path_factory.mktemp("rocpd") / "store", create=True)
    ingest(database, store=made)
    ingest(database.parent / "rocprofv3", store=made)
    ingest(root / "sample_traces/synthetic/nsys/nsys_3_28.sqlite", store=made)
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


def rows(session: Session, view: str, trace: str = "rocpd") -> list[dict[str, Any]]:
    answer = session.sql(f"SELECT * FROM {view} WHERE trace = '{trace}'")
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.fetchall()]


def spans(database: Path, kind: str) -> list[tuple[str, int]]:
    """Name and duration of every row of a base table of the only process."""
    with closing(sqlite3.connect(database)) as base:
        (table,) = base.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE ?",
            (f"rocpd_{kind}_%",),
        ).fetchone()
        guid = table.removeprefix(f"rocpd_{kind}")
        named = {
            "kernel_dispatch": f"JOIN rocpd_info_kernel_symbol{guid} k ON k.id = d.kernel_id",
            "memory_copy": f"JOIN rocpd_string{guid} k ON k.id = d.name_id",
        }[kind]
        name = {"kernel_dispatch": "k.display_name", "memory_copy": "k.string"}[kind]
        return base.execute(f'SELECT {name}, d."end" - d.start FROM {table} d {named}').fetchall()


def test_kernels_are_those_of_the_database(session: Session, database: Path) -> None:
    given: dict[str, list[int]] = {}
    for name, dur in spans(database, "kernel_dispatch"):
        given.setdefault(name, []).append(dur)
    whole = sum(map(sum, given.values()))
    found = {r["Name"]: r for r in rows(session, "rocpd_kernel_stats")}
    assert sorted(r["TotalDurationNs"] for r in found.values()) == sorted(map(sum, given.values()))
    for dur in given.values():
        (row,) = [r for r in found.values() if r["TotalDurationNs"] == sum(dur)]
        assert row["Calls"] == len(dur)
        assert (row["MinNs"], row["MaxNs"]) == (min(dur), max(dur))
        assert row["AverageNs"] == pytest.approx(statistics.fmean(dur))
        assert row["Percentage"] == pytest.approx(100 * sum(dur) / whole)
        assert row["StdDev"] == pytest.approx(statistics.stdev(dur) if len(dur) > 1 else 0.0)
    cut = {r["Name"]: r["AverageNs"] for r in rows(session, "rocpd_stats")}
    assert cut == {name: r["TotalDurationNs"] // r["Calls"] for name, r in found.items()}
    top = {r["name"]: r["total_duration"] for r in rows(session, "rocpd_top_kernels")}
    assert top == {name: r["TotalDurationNs"] for name, r in found.items()}


def test_copies_are_those_of_the_database(session: Session, database: Path) -> None:
    given: dict[str, int] = {}
    for name, dur in spans(database, "memory_copy"):
        given[name] = given.get(name, 0) + dur
    found = {r["Name"]: r["TotalDurationNs"] for r in rows(session, "rocpd_memory_copy_stats")}
    assert found == given


def test_domains_sum_what_is_in_them(session: Session) -> None:
    domains = {r["Name"]: r["TotalDurationNs"] for r in rows(session, "rocpd_domain_stats")}
    for domain, view in (
        ("KERNEL_DISPATCH", "kernel_stats"), ("HIP_API", "hip_api_stats"),
        ("HSA_API", "hsa_api_stats"), ("MARKER_API", "marker_api_stats"),
        ("MEMORY_COPY", "memory_copy_stats"), ("SCRATCH_MEMORY", "scratch_memory_stats"),
        ("MEMORY_ALLOCATION", "memory_allocation_stats"),
    ):  # fmt: skip
        found = rows(session, f"rocpd_{view}")
        assert sum(r["TotalDurationNs"] for r in found) == domains[domain]
        assert sum(r["Percentage"] for r in found) == pytest.approx(100)
    top = rows(session, "rocpd_top")
    assert sum(r["total_duration"] for r in top) == sum(domains.values())


def test_devices_are_as_busy_as_their_work_is_long(session: Session) -> None:
    work = sum(r["GpuTime"] for r in rows(session, "rocpd_busy"))
    domains = {r["Name"]: r["TotalDurationNs"] for r in rows(session, "rocpd_domain_stats")}
    assert work == domains["KERNEL_DISPATCH"] + domains["MEMORY_COPY"]


def rounded(found: list[tuple[Any, ...]]) -> list[str]:
    """Sums of floating-point numbers depend on their order in the last digits."""
    return sorted(
        repr(tuple(round(v, 6) if isinstance(v, float) else v for v in row)) for row in found
    )


@pytest.mark.parametrize("view", SUMMARIES)
def test_over_three_traces_it_is_the_union(
    singles: list[Session], session: Session, view: str
) -> None:
    sql = f"SELECT * FROM {view}"
    single = [row for one in singles for row in one.sql(sql).fetchall()]
    assert rounded(session.sql(sql).fetchall()) == rounded(single)


def test_both_forms_of_one_run_agree(session: Session) -> None:
    for view in ("rocpd_kernel_stats", "rocpd_hip_api_stats", "rocpd_memory_copy_stats"):
        one, other = (
            [[v for c, v in r.items() if c != "trace"] for r in rows(session, view, trace)]
            for trace in ("rocpd", "rocprofv3")
        )
        assert one == other


def test_an_old_name() -> None:
    assert library.find("rocpd.rocprof_stats").name == "rocpd_stats"
