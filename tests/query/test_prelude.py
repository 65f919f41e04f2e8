"""What the views mean: Perfetto's columns, lossless args, pruning."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_builder import BuiltStore, build

from traceql.model import tables
from traceql.query.session import Session

PERFETTO = {
    "slice": "id ts dur track_id category name depth parent_id arg_set_id thread_ts thread_dur "
    "thread_instruction_count thread_instruction_delta cat slice_id",
    "instant": "ts track_id name arg_set_id",
    "args": "id arg_set_id flat_key key int_value string_value real_value value_type display_value",
    "thread": "id utid tid name start_ts end_ts upid is_main_thread is_idle machine_id",
    "process": "id upid pid name start_ts end_ts parent_upid uid android_appid "
    "android_user_id cmdline arg_set_id machine_id",
    "track": "id name type dimension_arg_set_id parent_id source_arg_set_id machine_id "
    "track_group_id",
    "thread_track": "id name type parent_id source_arg_set_id machine_id utid",
    "process_track": "id name type parent_id source_arg_set_id machine_id upid",
    "cpu_track": "id name type parent_id source_arg_set_id machine_id cpu",
    "gpu_track": "id name type parent_id source_arg_set_id dimension_arg_set_id machine_id scope "
    "description context_id",
    "counter": "id ts track_id value arg_set_id",
    "counter_track": "id name parent_id type dimension_arg_set_id source_arg_set_id machine_id "
    "unit description",
    "process_counter_track": "id name type parent_id source_arg_set_id machine_id unit "
    "description upid",
    "cpu": "id ucpu cpu cluster_id processor machine_id capacity arg_set_id",
    "sched": "id ts dur cpu utid end_state priority ucpu ts_end",
    "sched_slice": "id ts dur cpu utid end_state priority ucpu",
    "thread_state": "id ts dur cpu utid state io_wait blocked_function waker_utid waker_id "
    "irq_context ucpu",
    "flow": "id slice_out slice_in trace_id arg_set_id",
    "stats": "id name key idx severity source value description machine_id trace_id",
    "metadata": "id name key_type int_value str_value",
    "trace_bounds": "start_ts end_ts",
    "gpu": "id ugpu gpu name vendor model architecture uuid pci_bdf machine_id arg_set_id",
    "stack_sample": "id ts source utid upid async_name async_kind ucpu cpu_mode callsite_id "
    "session_id",
    "stack_profile_callsite": "id depth parent_id frame_id",
    "cpu_profile_stack_sample": "id ts callsite_id utid process_priority",
}


@pytest.mark.parametrize("view", PERFETTO)
def test_perfettos_columns_come_first(one, view: str) -> None:
    expected = tuple(PERFETTO[view].split())

    assert one.sql(f"SELECT * FROM {view}").columns[: len(expected)] == expected


def test_args_are_the_source_text(one) -> None:
    found = dict(one.sql("SELECT id, args FROM slice").fetchall())

    assert found[0] == (
        '{"External id":7,"x":[1,2.5,{"y":"z"}],"b":true,"n":null,"big":18446744073709551615}'
    )
    assert found[1] == '{"a":1,"b":2}'
    assert found[2] is None
    assert found[3] == "{bad"
    assert one.sql("SELECT end_args, extra FROM slice WHERE id < 2 ORDER BY id").fetchall() == [
        (None, '{"cname":"good"}'),
        ('{"b":2}', None),
    ]


def test_flat_keys_of_args(one) -> None:
    rows = one.sql(
        "SELECT key, flat_key, int_value, string_value, real_value, value_type, display_value "
        "FROM args WHERE arg_set_id = 0 ORDER BY key"
    ).fetchall()

    assert rows == [
        ("args.External id", "args.External id", 7, None, None, "int", "7"),
        ("args.b", "args.b", 1, None, None, "bool", "true"),
        ("args.big", "args.big", None, None, None, "uint", "18446744073709551615"),
        ("args.n", "args.n", None, None, None, "null", None),
        ("args.x[0]", "args.x", 1, None, None, "int", "1"),
        ("args.x[1]", "args.x", None, None, 2.5, "real", "2.5"),
        ("args.x[2].y", "args.x.y", None, "z", None, "string", "z"),
    ]


def test_ids_of_args_ascend_as_the_source_writes_them(one) -> None:
    rows = one.sql("SELECT id, arg_set_id, key FROM args ORDER BY id").fetchall()
    firsts = [key for _, arg_set, key in rows if arg_set == 0]

    assert len({row[0] for row in rows}) == len(rows)
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
    text = one.sql("SELECT args FROM slice WHERE id = 0").fetchall()[0][0]
    assert list(dict.fromkeys(re.split(r"[.\[]", key)[1] for key in firsts)) == list(
        json.loads(text)
    )


def test_args_of_every_table(one) -> None:
    sql = "SELECT arg_set_id % 8 AS code, list(key ORDER BY key) FROM args WHERE arg_set_id % 8 > 0"

    assert dict(one.sql(f"{sql} GROUP BY code").fetchall()) == {
        1: ["args.q"],
        2: ["args.d"],
        3: ["args.labels"],
        4: ["args.w[0]", "args.w[1].z"],
        5: ["args.f"],
        6: ["args.sm"],
    }
    joined = (
        "SELECT t.name, a.key FROM thread t JOIN args a ON a.arg_set_id = t.utid * 8 + 4 ORDER BY 2"
    )
    assert one.sql(joined).fetchall() == [("worker 0", "args.w[0]"), ("worker 0", "args.w[1].z")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text("ab\"\\.é'[ ", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.text("abc de~/", min_size=1, max_size=4), inner, max_size=3
    ),
    max_leaves=8,
)  # fmt: skip


def leaves(value, key: str = "args"):
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, f"{key}.{name}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from leaves(item, f"{key}[{place}]")
    else:
        yield key, value


@settings(max_examples=12, deadline=None)
@given(st.dictionaries(st.text("abc de", min_size=1, max_size=4), JSON, min_size=1, max_size=4))
def test_args_equal_a_walk_of_the_json(tmp_path_factory, value) -> None:
    root = tmp_path_factory.mktemp("args")
    row = {"id": 0, "ts": 0, "dur": 1, "track_id": 0, "depth": 0, "args": json.dumps(value)}
    trace = build(root, "t", {"slice": [row]}, 0)
    expected = [
        (k, v) for k, v in leaves(value) if len(re.findall(r"[.\[]", k)) <= 5
    ]  # fmt: skip

    with Session([trace], store=BuiltStore(root)) as session:
        found = session.sql(
            "SELECT key, value_type, int_value, string_value FROM args WHERE value_type <> 'json'"
        ).fetchall()
        text = session.sql("SELECT args FROM slice").fetchall()

    read = {"null": lambda _, __: None, "bool": lambda i, _: bool(i), "int": lambda i, _: i,
            "string": lambda _, s: s}  # fmt: skip
    assert text == [(json.dumps(value),)]
    if all(len(re.findall(r"[.\[]", k)) <= 5 for k, _ in leaves(value)):
        assert sorted(map(repr, ((k, read[t](i, s)) for k, t, i, s in found))) == sorted(
            map(repr, expected)
        )


@pytest.mark.parametrize(
    ("set_id", "key", "expected"),
    [
        (0, "args.External id", "7"),
        (0, "External id", "7"),
        (0, "args.x[2].y", "z"),
        (0, "args.x[1]", "2.5"),
        (0, "args.b", "true"),
        (0, "args.nope", None),
        (8, "args.b", "2"),
        (24, "args.a", None),
        (9, "args.q", None),
        (1, "args.q", "w"),
        (12, "args.w[1].z", "2"),
        (14, "args.sm", None),
        (6, "args.sm", "80"),
    ],
)
def test_extract_arg(one, set_id: int, key: str, expected: str | None) -> None:
    sql = "SELECT extract_arg($set, $key)"

    assert one.sql(sql, {"set": set_id, "key": key}).fetchall() == [(expected,)]


def test_extract_arg_of_a_column_that_has_an_inner_name(one) -> None:
    """The caller's columns are not captured by those inside the macro."""
    rows = one.sql(
        "SELECT id, extract_arg(arg_set_id, 'args.a') FROM slice WHERE arg_set_id IS NOT NULL"
    ).fetchall()

    assert dict(rows) == {0: None, 1: "1", 3: None, 4: None}


def test_holes_are_filled_for_every_lifted_arg(tmp_path) -> None:
    names = tables.table("slice").lifted_args
    assert len(names) == 16, "queries/prelude/slices.sql fills 16 holes"
    template = ",".join(f'"{n}":\x01{chr(65 + i)}' for i, n in enumerate(names))
    row = {"id": 0, "ts": 0, "dur": 1, "track_id": 0, "depth": 0, "args": f"{{{template}}}",
           "_lifted": {i: -i * 10**15 for i in range(16)}}  # fmt: skip
    trace = build(tmp_path, "t", {"slice": [row]}, 0)

    with Session([trace], store=BuiltStore(tmp_path)) as session:
        ((text,),) = session.sql("SELECT args FROM slice").fetchall()

    assert json.loads(text) == {n: -i * 10**15 for i, n in enumerate(names)}


@pytest.mark.parametrize(
    ("begun", "ended", "shown"),
    [
        ('{"a":1}', '{"b":2}', '{"a":1,"b":2}'),
        ("{}", '{"b":2}', '{"b":2}'),
        ('{"a":1 }\n', '{ "b":2}', '{"a":1 , "b":2}'),
        ('{"a":1}', "{ }", '{"a":1}'),
        ("[1]", '{"b":2}', "[1]"),
        ('{"a":1}', "3", '{"a":1}'),
    ],
)
def test_begin_and_end_args_are_joined(tmp_path, begun, ended, shown) -> None:
    row = {"id": 0, "ts": 0, "dur": 1, "track_id": 0, "depth": 0, "args": begun,
           "end_args": ended}  # fmt: skip
    trace = build(tmp_path, "t", {"slice": [row]}, 0)

    with Session([trace], store=BuiltStore(tmp_path)) as session:
        assert session.sql("SELECT args, end_args FROM slice").fetchall() == [(shown, ended)]


def test_perfettos_usual_joins_are_not_ambiguous(one) -> None:
    sql = (
        "SELECT thread.name, pid, slice.dur, display_value FROM slice "
        "JOIN thread_track ON slice.track_id = thread_track.id JOIN thread USING (utid) "
        "LEFT JOIN process USING (upid) JOIN args ON args.arg_set_id = slice.arg_set_id "
        "WHERE key = 'args.a'"
    )
    assert one.sql(sql).fetchall() == [("main", 10, 200, "1")]
    counters = (
        "SELECT value, tid, pid FROM counter JOIN thread_counter_track t ON t.id = track_id "
        "JOIN thread USING (utid) JOIN process USING (upid)"
    )
    assert one.sql(counters).fetchall() == []


def plan(session: Session, sql: str) -> str:
    return session.sql(f"EXPLAIN {sql}").fetchall()[0][1]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT name, sum(dur) FROM slice GROUP BY name",
        "SELECT count(*) FROM slice WHERE name = 'op'",
        "SELECT * FROM (SELECT id, dur FROM slice) ORDER BY id",
        "SELECT thread_name, sum(dur) FROM thread_slice GROUP BY 1",
    ],
)
def test_args_are_not_read_unless_asked(one, sql: str) -> None:
    assert "args_id = id" not in plan(one, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM slice",
        "SELECT s FROM slice s",
        "SELECT args FROM slice",
        "SELECT COLUMNS('^a.*') FROM slice",
        "FROM slice",
        "WITH c AS (SELECT * FROM slice) SELECT args FROM c",
        "WITH slice AS (SELECT * FROM slice) SELECT * FROM slice",
        "SELECT args FROM slice_closed",
    ],
)
def test_args_are_there_when_asked_in_any_way(one, sql: str) -> None:
    assert "External id" in str(one.sql(sql).fetchall())


def test_windows_and_tracks_prune_row_groups(tmp_path) -> None:
    rows = [
        {"id": i, "ts": i, "dur": 1, "track_id": i // 3000, "depth": 0, "name": "n"}
        for i in range(6000)
    ]
    trace = build(tmp_path, "t", {"slice": rows}, 0, row_group_size=1000)

    with Session([trace], store=BuiltStore(tmp_path)) as session:
        for condition in ("ts BETWEEN 10 AND 20", "track_id = 1 AND ts < 3005", "id = 5"):
            sql = f"EXPLAIN ANALYZE SELECT sum(dur) FROM slice WHERE {condition}"
            text = session.sql(sql).fetchall()[0][1]
            scanned = re.findall(r"Row Groups Scanned: (\d+) / (\d+)", text)
            assert max(int(n) for _, n in scanned) >= 5
            assert all(int(n) == 1 for n, of in scanned if int(of) >= 5), condition


def test_bounds_and_results(one) -> None:
    assert one.sql("SELECT trace_start(), trace_end(), trace_dur()").fetchall() == [
        (1000, 1500, 500)
    ]
    assert one.sql("SELECT dur, trace FROM iteration").fetchall() == [(2, "a")]
    assert one.sql("SELECT * FROM finding").fetchall() == []
