"""The Perfetto samples: they are what their generator makes, and hold what it put in."""

from __future__ import annotations

from typing import Any

import perfetto_traces as made
import pytest

from traceql.engine.ingest import ingest
from traceql.query.session import Session
from traceql.store.catalog import Store


@pytest.fixture(scope="module", params=sorted(made.SAMPLES))
def taken(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give the name of a sample and a session over it."""
    store = Store.open(tmp_path_factory.mktemp("perfetto") / "store", create=True)
    done = ingest(made.FOLDER / request.param, store=store)
    with Session([done.trace], store=store) as session:
        yield request.param, session


@pytest.mark.parametrize("name", sorted(made.SAMPLES))
def test_the_generator_gives_the_same_bytes_again(name: str) -> None:
    assert (made.FOLDER / name).read_bytes() == made.SAMPLES[name]()


def test_nothing_is_wrong_with_the_samples(taken: Any) -> None:
    _, session = taken
    assert session.sql("SELECT * FROM diagnostic WHERE severity <> 'info'").fetchall() == []


def test_metadata_says_what_the_trace_is(taken: Any) -> None:
    _, session = taken
    found = dict(session.sql("SELECT name, str_value FROM metadata").fetchall())
    assert found["system_release"] == "6.8.0-100-generic"
    assert found["trace_uuid"] == "11223344-5566-7788-99aa-bbccddeeff00"
    assert found["clock.REALTIME"] == "1750000005000000000"
    assert '"track_event"' in found["trace_config"]
    assert found["trigger"] == "synthetic"


def test_track_events_are_all_there(taken: Any) -> None:
    name, session = taken
    if name != "track_events.pftrace":
        pytest.skip("another sample")
    assert session.sql("SELECT count(*), count(*) FILTER (dur = -1) FROM slice").fetchall() == [
        (2 * (60 * 2 + 2 * 6), 0)
    ]
    assert session.sql("SELECT min(ts) FROM slice").fetchall() == [(5_100_000_000,)]
    assert session.sql("SELECT count(*) FROM counter").fetchall() == [(120,)]
    assert session.sql("SELECT count(*) FROM flow").fetchall() == [(60,)]


def test_kernels_and_copies_are_work_of_the_device(taken: Any) -> None:
    name, session = taken
    if name != "rocprofv3.pftrace":
        pytest.skip("another sample")
    assert session.sql(
        "SELECT g.kind, g.device_id, g.stream_id, count(*), sum(s.dur)::BIGINT, "
        "sum(g.bytes)::BIGINT, min(g.registers_per_thread), min(g.shared_bytes), min(l.name), "
        "min(g.copy_kind) "
        "FROM gpu_op g JOIN slice s ON s.id = g.slice_id JOIN slice l ON l.id = g.launch_slice_id "
        "GROUP BY ALL ORDER BY g.kind"
    ).fetchall() == [
        ("kernel", 1, 1, 40, 40 * 20_000 + 39 * 20, None, 24, 1024, "hipLaunchKernel", None),
        ("memcpy", 1, 1, 40, 8 * 256 * 31, 8 * 4096 * 31, None, None, "hipMemcpyAsync", "htod"),
    ]
    assert session.sql("SELECT count(*) FROM flow").fetchall() == [(80,)]
    assert session.sql("SELECT unit, max(value) FROM counter JOIN track t ON t.id = track_id "
                       "GROUP BY 1").fetchall() == [("bytes", 65536)]  # fmt: skip


def test_scheduling_of_both_forms_is_there(taken: Any) -> None:
    name, session = taken
    if name != "kernel.pftrace":
        pytest.skip("another sample")
    assert session.sql("SELECT cpu, count(*) FROM sched GROUP BY 1 ORDER BY 1").fetchall() == [
        (0, 240), (1, 240),
    ]  # fmt: skip
    # Slices are open exactly while their threads run, less the moments to enter and to leave.
    assert session.sql(
        "SELECT count(*), count(*) FILTER (s.dur = r.dur - 200 AND s.ts = r.ts + 100) FROM slice s "
        "JOIN thread_track k ON k.id = s.track_id JOIN thread_state r ON r.utid = k.utid "
        "AND r.state = 'Running' AND s.ts >= r.ts AND s.ts < r.ts + r.dur"
    ).fetchall() == [(240, 120)]
    assert session.sql("SELECT name, count(*) FROM counter JOIN track t ON t.id = track_id "
                       "GROUP BY 1 ORDER BY 1").fetchall() == [
        ("MemFree", 20), ("cpufreq", 20), ("mem.rss", 20), ("oom_score_adj", 20),
    ]  # fmt: skip
