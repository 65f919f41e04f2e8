"""Views and macros over three traces give the union of the single ones, and are not empty."""

from __future__ import annotations

from typing import Any

import pytest
from full_traces import full_rows_of
from store_builder import BuiltStore, BuiltTrace, build, keep_result

from traceql.query import library
from traceql.query.session import Session

SCALE = 1 << 32
NAMES = ["a", "bb", "c"]
VIEWS = [
    item.name
    for item in library.objects().values()
    if item.kind == "view"
    and not item.module.startswith(("nsys.", "rocpd."))
    and item.name != "_states_on_critical_path"
]
"""What critical_path_stack() shows gives structs. Reports as vendors name them are compared over
their own files: test_nsys_reports and test_rocpd_summaries."""

IDS = {
    "id", "slice_id", "track_id", "parent_id", "upid", "utid", "parent_upid", "device_id",
    "slice_out", "slice_in", "launch_slice_id", "frame_id", "callsite_id", "name_id",
    "category_id", "waker_utid", "ucpu", "ugpu", "gpu", "gpu_id", "mapping", "waker_id", "prev_id",
    "next_id", "root_id", "root_utid", "prev_runnable_id", "prev_wakeup_runnable_id",
    "thread_state_id", "sched_id", "runnable_latency_id", "args_id", "end_args_id", "extra_id",
    "end_extra_id",
    "__id", "api_id", "call_id", "range_id", "range_name_id", "sync_id",
    "sync_name_id", "state_id",
}  # fmt: skip
SCALED = {"arg_set_id": 8, "source_arg_set_id": 8, "__set": 8}
NOT_MOVED = {("_numbered_iteration", "id")}
"""Numbers that count within a trace."""

MACROS = {
    "ancestor_slice": "ancestor_slice({1})",
    "descendant_slice": "descendant_slice({0})",
    "directly_connected_flow": "directly_connected_flow({1})",
    "following_flow": "following_flow({1})",
    "preceding_flow": "preceding_flow({2})",
    "ancestor_slice_by_stack": (
        "ancestor_slice_by_stack((SELECT stack_id FROM slice_with_stack_id WHERE id = {1}))"
    ),
    "descendant_slice_by_stack": (
        "descendant_slice_by_stack((SELECT stack_id FROM slice_with_stack_id WHERE id = {0}))"
    ),
    "sched_time_in_state_for_thread_in_interval": (
        "sched_time_in_state_for_thread_in_interval(0, 9999, {2})"
    ),
    "sched_time_in_state_and_cpu_for_thread_in_interval": (
        "sched_time_in_state_and_cpu_for_thread_in_interval(0, 9999, {2})"
    ),
    "sched_time_in_state_for_cpu_in_interval": (
        "sched_time_in_state_for_cpu_in_interval(3, 0, 9999)"
    ),
    "thread_executing_span_critical_path": "thread_executing_span_critical_path({2}, 0, 9999)",
    "cpu_cycles_in_interval": "cpu_cycles_in_interval(0, 9999)",
    "cpu_cycles_per_cpu_in_interval": "cpu_cycles_per_cpu_in_interval(0, 9999)",
    "cpu_cycles_per_thread_in_interval": "cpu_cycles_per_thread_in_interval(0, 9999)",
    "cpu_cycles_per_process_in_interval": "cpu_cycles_per_process_in_interval(0, 9999)",
    "cpu_utilization_in_interval": "cpu_utilization_in_interval(0, 9999)",
    "cpu_utilization_per_period": "cpu_utilization_per_period(100)",
    "cpu_process_utilization_in_interval": "cpu_process_utilization_in_interval(0, 9999)",
    "cpu_thread_utilization_in_interval": "cpu_thread_utilization_in_interval(0, 9999)",
    "cpu_process_utilization_per_period": "cpu_process_utilization_per_period(100, {0})",
    "cpu_process_utilization_per_second": "cpu_process_utilization_per_second({0})",
    "cpu_thread_utilization_per_period": "cpu_thread_utilization_per_period(100, {2})",
    "cpu_thread_utilization_per_second": "cpu_thread_utilization_per_second({2})",
    "cpu_cycles_per_thread_per_cpu_in_interval": (
        "cpu_cycles_per_thread_per_cpu_in_interval(0, 9999)"
    ),
    "cpu_cycles_per_thread_slice_in_interval": "cpu_cycles_per_thread_slice_in_interval(0, 9999)",
    "critical_path_stack": "critical_path_stack({2}, 0, 9999, true, true, true, true)",
    "counter_leading_intervals": "counter_leading_intervals(counter)",
    "counter_rolling": "counter_rolling(counter, track_id, 2)",
    "interval_union": "interval_union(slice, track_id)",
    "interval_depth": "interval_depth(slice, track_id)",
    "interval_flatten": "interval_flatten(slice, track_id)",
    "interval_gaps": "interval_gaps(slice, track_id)",
    "interval_intersect": "interval_intersect(thread_state, thread_state, utid)",
    "intervals_overlap_count_by_group": (
        "intervals_overlap_count_by_group(slice, ts, dur, track_id)"
    ),
    "interval_merge_overlapping_partitioned": (
        "interval_merge_overlapping_partitioned(slice, track_id)"
    ),
}
"""Calls of macros that are given ids or tables of a trace; {n} is the id n of that trace."""
KEYS = {"key", "group_name", "id_0", "id_1"}
OF_ONE_TRACE = {"ancestor_slice", "descendant_slice", "directly_connected_flow", "following_flow",
                "preceding_flow", "sched_time_in_state_for_thread_in_interval",
                "sched_time_in_state_and_cpu_for_thread_in_interval",
                "thread_executing_span_critical_path", "critical_path_stack",
                "cpu_process_utilization_per_period", "cpu_process_utilization_per_second",
                "cpu_thread_utilization_per_period",
                "cpu_thread_utilization_per_second"}  # fmt: skip
"""Macros that are given an id, and so speak of one trace only."""


@pytest.fixture(scope="module")
def full_store(tmp_path_factory: pytest.TempPathFactory) -> BuiltStore:
    return BuiltStore(tmp_path_factory.mktemp("full"))


@pytest.fixture(scope="module")
def full_traces(full_store: BuiltStore) -> list[BuiltTrace]:
    made = []
    for k, name in enumerate(NAMES):
        made.append(build(full_store.path, name, full_rows_of(k), k))
        base = 1000 * (k + 1)
        iterations = [
            {"track_id": 0, "iteration_index": n, "ts": base + 100 + 350 * n, "dur": 350,
             "source": "m", "confidence": 1.0}
            for n in range(2)
        ]  # fmt: skip
        keep_result(full_store.path, "iteration", name, "iteration", iterations, [made[-1]])
        finding = {"finding_id": name, "analysis": "x", "kind": "y", "severity": "low",
                   "message": "m", "subject_type": "track", "subject": "s", "n_events": 1,
                   "confidence": 1.0, "confidence_basis": "exact", "traces": f'["{name}"]',
                   "evidence_sql": "SELECT 1"}  # fmt: skip
        keep_result(full_store.path, "x", name, "finding", [finding], [made[-1]])
    return made


@pytest.fixture(scope="module")
def over_three(full_store, full_traces):
    with Session(full_traces, store=full_store) as session:
        yield session


@pytest.fixture(scope="module")
def singles(full_store, full_traces):
    sessions = [Session([trace], store=full_store) for trace in full_traces]
    yield sessions
    for session in sessions:
        session.close()


def rows(session: Session, sql: str) -> list[tuple[Any, ...]]:
    return session.sql(sql).fetchall()


def moved(name: str, session: Session, sql: str, number: int) -> list[tuple[Any, ...]]:
    """The answer over one trace with its ids as they are where it stands at place `number`."""
    answer = session.sql(sql)
    found = []
    for row in answer.fetchall():
        values = []
        for column, value in zip(answer.columns, row, strict=True):
            factor = SCALED.get(column, int(column in IDS or (name in MACROS and column in KEYS)))
            if name == "args" and column == "id":
                factor = 8 * 16384
            if (name, column) in NOT_MOVED or value is None:
                factor = 0
            values.append(value + number * SCALE * factor if factor else value)
        found.append(tuple(values))
    return found


@pytest.mark.parametrize("view", VIEWS)
def test_views_over_three_are_the_union(over_three, singles, view: str) -> None:
    sql = f"SELECT * FROM {view}"

    expected = [row for n, one in enumerate(singles) for row in moved(view, one, sql, n)]

    assert bool(expected) == (library.objects()[view].module != "prelude.unfilled")
    assert sorted(map(repr, rows(over_three, sql))) == sorted(map(repr, expected))


@pytest.mark.parametrize("name", MACROS)
def test_macros_over_three_are_the_union(over_three, singles, name: str) -> None:
    sql = f"SELECT * FROM {MACROS[name]}"

    expected, found = [], []
    for number, one in enumerate(singles):
        expected += moved(name, one, sql.format(*range(9)), number)
        if name in OF_ONE_TRACE:
            found += rows(over_three, sql.format(*(n + number * SCALE for n in range(9))))
    if name not in OF_ONE_TRACE:
        found = rows(over_three, sql.format(*range(9)))

    assert expected
    if "by_stack" in name:
        # The same stack stands in every trace, and each trace asked for it alone.
        assert set(map(repr, expected)) <= set(map(repr, found))
    assert sorted(map(repr, found)) == sorted(map(repr, expected))


def test_every_macro_that_reads_a_trace_is_called() -> None:
    bounds = f"{library.STORED}.trace"
    reads = {
        item.name
        for item in library.objects().values()
        if item.kind == "table macro" and not item.is_private
        and any(n.startswith("stored.") and n != bounds for n in library.in_order([item.name]))
    }  # fmt: skip

    assert reads <= set(MACROS)
