"""The whole assembly against the slow versions, at any cut into chunks and any memory."""

from __future__ import annotations

import random
import re
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow as pa
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st

from traceql.assembly import assemble, order, scratch
from traceql.model import tables
from traceql.model.protocols import Chunk

PLENTY = 1 << 30
LIFTED = tables.table("slice").lifted_args

names = st.sampled_from([None, "a", "b"])
categories = st.sampled_from([None, "x"])
args = st.sampled_from(
    [
        None,
        "{}",
        '{"stream": 7}',
        '{"stream":8, "q":"\\u0001"}',
        "\x01A",
        "\x02{}",
        '{"stream":1.5}',
    ]
)
extras = st.sampled_from([None, '{"cname":"red"}'])
event = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["span", "span", "begin", "end", "point", "counter"]),
        "ts": st.integers(-3, 20),
        "dur": st.integers(0, 9),
        "track_id": st.integers(0, 2),
        "name": names,
        "category": categories,
        "args": args,
        "extra": extras,
        "thread_ts": st.sampled_from([None, 1, 5]),
        "key": st.sampled_from(["k", "l", None]),
        "step": st.sampled_from(["start", "step", "end"]),
        "binding": st.sampled_from(["next", "enclosing"]),
        "correlation": st.sampled_from([None, 1, 2]),
        "role": st.sampled_from(["host", "device"]),
    }
)
traces = st.lists(event, max_size=30)

SPAN = ("ordinal", "ts", "track_id", "name", "category", "thread_ts", "args", "extra")


def staged(events):
    """Rows of staging tables by table, from events whose place is their ordinal."""
    rows = defaultdict(list)
    for ordinal, e in enumerate(events):
        base = {name: e.get(name, ordinal) for name in SPAN}
        if e["kind"] == "span":
            rows["span"].append({**base, "dur": e["dur"]})
        elif e["kind"] == "counter":
            for track in (8, 7):
                one = {k: base[k] for k in ("ordinal", "ts", "args")}
                rows["counter_sample"].append({**one, "track_id": track, "value": float(track)})
        elif e["kind"] in {"begin", "end"}:
            rows["edge"].append({**base, "is_end": e["kind"] == "end"})
        own = e["kind"] in {"span", "begin"}
        if e["kind"] == "point" or (own and e["key"]):
            point = {k: base[k] for k in ("ordinal", "ts", "track_id", "name", "category")}
            binding = "own" if own else e["binding"]
            point |= {"key": e["key"] or "m", "step": e["step"], "binding": binding}
            rows["flow_point"].append(point)
        if e["correlation"] is not None:
            link = {"scope": "p", "correlation_id": e["correlation"], "role": e["role"]}
            rows["link"].append({"ordinal": ordinal, **link})
            if e["role"] == "device":
                rows["gpu_span"].append({"ordinal": ordinal, "kind": "kernel"})
    rows["track"] = [{"id": i, "type": "thread"} for i in range(3)]
    rows["diagnostic"] = [
        {"severity": "info", "code": "c", "count": n, "first_offset": n, "message": "m"}
        for n in (3, 2)
    ]
    rows["metadata"] = [{"name": "b"}, {"name": "a"}, {"name": "b", "int_value": 1}]
    return rows


def chunk(table, rows, encoded=False):
    names_ = tables.table(table).arrow_schema.names
    batch = tables.conform(table, {n: [row.get(n) for row in rows] for n in names_})
    if encoded:
        columns = [
            c.dictionary_encode() if pa.types.is_string(c.type) else c for c in batch.columns
        ]
        batch = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
    return Chunk(table, batch)


def cut(rows, seed):
    """Chunks of random sizes; those of different tables in random order."""
    rng = random.Random(seed)
    left = {table: list(some) for table, some in rows.items()}
    while any(left.values()):
        table = rng.choice([t for t, some in left.items() if some])
        size = rng.randint(1, 4)
        yield chunk(table, left[table][:size], encoded=rng.random() < 0.5)
        left[table] = left[table][size:]


def plain(schema):
    """Texts may be dictionary-encoded; else types are those of the store."""
    kinds = [f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in schema]
    return pa.schema([f.with_type(kind) for f, kind in zip(schema, kinds, strict=True)])


def assembled(chunks, memory=PLENTY):
    with tempfile.TemporaryDirectory() as folder:
        found = defaultdict(list)
        for table, rows in assemble(chunks, scratch=Path(folder), memory_limit_bytes=memory):
            assert plain(rows.schema) == tables.table(table).stored_schema, table
            assert 0 < rows.num_rows <= order.BATCH_ROWS
            found[table] += rows.to_pylist()
    return found


def whole(events):
    return assembled([chunk(table, rows) for table, rows in staged(events).items() if rows])


@given(traces, st.integers(0, 99), st.sampled_from([PLENTY, 3000, 1]))
@settings(max_examples=60)
def test_rows_do_not_depend_on_chunks_batches_or_memory(events, seed, memory):
    expected = whole(events)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "BATCH_ROWS", 3)
        patch.setattr(scratch.RunWriter, "block_rows", 2)
        patch.setattr(scratch.PackedFile, "block_rows", 2)
        found = assembled(cut(staged(events), seed), memory)

    assert found == expected


def slices_of(events):
    """Slices before nesting, by ordinal, with the ordinal of the end of those that had one."""
    edges = sorted(
        (e["track_id"], e["ts"], ordinal)
        for ordinal, e in enumerate(events)
        if e["kind"] in {"begin", "end"}
    )
    code = {None: -1, "a": 0, "b": 1, "x": 0}
    rows = [(track, events[ordinal]) for track, _, ordinal in edges]
    pairs = reference.pair(
        [
            reference.Edge(track, e["kind"] == "end", code[e["name"]], code[e["category"]])
            for track, e in rows
        ]
    )
    end_of = {edges[b][2]: edges[e][2] for b, e in pairs}
    found = {}
    for ordinal, e in enumerate(events):
        if e["kind"] == "span":
            found[ordinal] = (e, e["dur"], None)
        elif e["kind"] == "begin":
            end = events[end_of[ordinal]] if ordinal in end_of else None
            found[ordinal] = (e, end["ts"] - e["ts"] if end else -1, end)
    misplaced = sum(e["kind"] == "end" for e in events) - len(pairs)
    return found, misplaced


def number(slices):
    ordinals = sorted(slices, key=lambda o: (slices[o][0]["ts"], o))
    return {ordinal: i for i, ordinal in enumerate(ordinals)}


def text(dimension, id_):
    return None if id_ is None else dimension[id_]["text"]


def args_text(found, row, column):
    if row[column] is None:
        return None
    entry = found["dim_args"][row[column]]
    values = {k: row[f"arg_{k}"] for k in range(len(LIFTED)) if entry["holes"] >> k & 1}
    return reference.rebuild(entry["text"], entry["holes"], values)


@given(traces)
@settings(max_examples=100)
def test_slices_are_those_of_the_slow_versions(events):
    found = whole(events)
    slices, misplaced = slices_of(events)
    ids = number(slices)
    facts = reference.nest(
        [reference.Slice(e["track_id"], e["ts"], dur, ids[o]) for o, (e, dur, _) in slices.items()]
    )
    main = {t["id"]: t["parent_id"] if t["id"] > 2 else t["id"] for t in found["track"]}

    assert sorted(row["id"] for row in found["slice"]) == list(range(len(slices)))
    rows = {row["id"]: row for row in found["slice"]}
    for ordinal, (e, dur, end) in slices.items():
        row, fact = rows[ids[ordinal]], facts[ids[ordinal]]
        assert (row["ts"], row["dur"], main[row["track_id"]]) == (e["ts"], dur, e["track_id"])
        assert (row["track_id"] > 2) == (fact["lane"] > 0)
        assert row["depth"] == fact["depth"]
        assert row["parent_id"] == (None if fact["parent"] < 0 else fact["parent"])
        assert row["self_dur"] == (None if dur < 0 else fact["self_dur"])
        assert text(found["dim_name"], row["name_id"]) == e["name"]
        assert text(found["dim_category"], row["category_id"]) == e["category"]
        for column in ("args", "extra"):
            mine, other = e[column], end and end[column]
            both = (mine, other) if mine is not None else (other, None)
            kept = tuple(args_text(found, row, f"{p}{column}_id") for p in ("", "end_"))
            assert kept == both
        spent = [e["thread_ts"], end and end["thread_ts"]]
        assert row["thread_dur"] == (None if None in spent else spent[1] - spent[0])
    counted = {d["code"]: d["count"] for d in found["diagnostic"]}
    assert counted.get("misplaced_end_event", 0) == misplaced
    assert counted.get("slice_unclosed", 0) == sum(dur < 0 for _, dur, _ in slices.values())
    assert counted.get("slice_spill_overlapping_complete_event", 0) == sum(
        f["lane"] > 0 for f in facts.values()
    )
    assert counted["c"] == 5


@given(traces)
@settings(max_examples=60)
def test_order_dictionaries_and_sketch_follow_their_rules(events):
    found = whole(events)
    longest_first = {-1: float("-inf")}
    keys = [
        (r["track_id"], r["ts"], longest_first.get(r["dur"], -r["dur"]), r["id"])
        for r in found["slice"]
    ]
    assert keys == sorted(keys)

    seen = [e["name"] for e in events if e["kind"] in {"span", "begin", "end"}]
    expected = [name for name in dict.fromkeys(seen) if name is not None]
    assert [row["text"] for row in found["dim_name"]] == expected

    durations = defaultdict(list)
    for r in found["slice"]:
        if r["dur"] >= 0:
            durations[r["name_id"]].append((r["dur"], r["self_dur"]))
    for row in found["sketch"]:
        mine = durations.pop(row["name_id"])
        assert row["count"] == len(mine)
        assert row["sum_dur"] == sum(d for d, _ in mine)
        assert row["sum_self_dur"] == sum(s for _, s in mine)
        assert (row["min_dur"], row["max_dur"]) == (min(mine)[0], max(mine)[0])
        pairs = list(zip(*[iter(memoryview(row["log_histogram"]).cast("i"))] * 2, strict=True))
        assert dict(pairs) == Counter(reference.bucket(d) for d, _ in mine)
    assert not durations


@given(traces)
@settings(max_examples=100)
def test_flows_and_launches_are_those_of_the_slow_versions(events):
    found = whole(events)
    slices, _ = slices_of(events)
    ids = number(slices)
    facts = reference.nest(
        [reference.Slice(e["track_id"], e["ts"], dur, ids[o]) for o, (e, dur, _) in slices.items()]
    )
    ordered = sorted(
        (reference.Slice(e["track_id"], e["ts"], dur, ids[o]) for o, (e, dur, _) in slices.items()),
        key=reference.nesting_key,
    )
    targets = [(s.track, s.ts, facts[s.id]["end"], s.id) for s in ordered]
    points = []
    for row in staged(events)["flow_point"]:
        place = [(row["track_id"], row["ts"], row["binding"] == "next")]
        own = row["binding"] == "own"
        bound = ids[row["ordinal"]] if own else reference.bind(targets, place)[0]
        points.append(reference.Point(row["ordinal"], row["ts"], row["key"], row["step"], bound))
    arrows, odd = reference.arrows(points)

    assert [(f["slice_out"], f["slice_in"]) for f in found["flow"]] == arrows
    assert [f["id"] for f in found["flow"]] == list(range(len(arrows)))
    counted = {d["code"]: d["count"] for d in found["diagnostic"]}
    assert {code: n for code, n in counted.items() if code.startswith("flow")} == odd

    rows = staged(events)
    links = [
        (ids[r["ordinal"]], r["scope"], r["correlation_id"], r["role"])
        for r in rows["link"]
        if r["ordinal"] in ids
    ]
    launches = reference.launches(links)
    gpu = sorted(ids[r["ordinal"]] for r in rows["gpu_span"] if r["ordinal"] in ids)
    assert [(g["slice_id"], g["launch_slice_id"]) for g in found["gpu_op"]] == [
        (i, launches.get(i)) for i in gpu
    ]
    lost = counted.get("gpu_op_without_slice", 0)
    assert lost == len(rows["gpu_span"]) - len(gpu)


@given(traces)
@settings(max_examples=40)
def test_counters_are_numbered_by_time_and_stored_by_track(events):
    found = whole(events)["counter"]
    rows = staged(events)["counter_sample"]
    order_ = sorted(range(len(rows)), key=lambda i: (rows[i]["ts"], i))
    ids = {place: id_ for id_, place in enumerate(order_)}
    expected = sorted((rows[i]["track_id"], rows[i]["ts"], ids[i]) for i in range(len(rows)))

    assert [(c["track_id"], c["ts"], c["id"]) for c in found] == expected


def test_an_empty_trace_and_a_table_that_nobody_knows():
    assert assembled([]) == {}
    with pytest.raises(ValueError, match="no rows of table 'slice'"):
        assembled([Chunk("slice", tables.conform("slice", {}))])
    with pytest.raises(ValueError, match="columns"):
        assembled([Chunk("span", tables.conform("edge", {}))])


def test_settled_tables_come_by_id_and_overflow_tracks_copy_their_track():
    spans = [
        {"ordinal": i, "ts": i, "dur": 10, "track_id": t} for i, t in enumerate([5, 5, 5, 2, 2])
    ]
    tracks = [
        {"id": 5, "type": "thread", "utid": 3, "name": "main"},
        {"id": 2, "type": "gpu_stream", "device_id": 1, "stream_id": 7},
    ]
    found = assembled(
        [
            chunk("span", spans),
            chunk("track", tracks),
            chunk("process", [{"upid": 1}, {"upid": 0}]),
            chunk("metadata", [{"name": "b"}, {"name": "a"}]),
        ]
    )

    assert [p["upid"] for p in found["process"]] == [0, 1]
    assert [m["name"] for m in found["metadata"]] == ["a", "b"]
    shown = [
        {k: t[k] for k in ("id", "type", "parent_id", "utid", "stream_id", "name")}
        for t in found["track"]
    ]
    assert [tuple(t.values()) for t in shown] == [
        (2, "gpu_stream", None, None, 7, None),
        (5, "thread", None, 3, None, "main"),
        (6, "gpu_stream_overflow", 2, None, 7, None),
        (7, "thread_overflow", 5, 3, None, "main"),
        (8, "thread_overflow", 5, 3, None, "main"),
    ]
    assert [s["track_id"] for s in found["slice"]] == [2, 5, 6, 7, 8]


def test_timelines_keep_nulls_last_and_slices_of_allocations():
    found = assembled(
        [
            chunk("span", [{"ordinal": 4, "ts": 9, "dur": 0, "track_id": 0}]),
            chunk(
                "allocation_event",
                [
                    {"ordinal": 4, "ts": 9, "kind": "alloc", "bytes": 5},
                    {"ordinal": 3, "ts": 2, "kind": "free"},
                ],
            ),
            chunk(
                "sched_span",
                [
                    {"ordinal": 0, "ts": 1, "dur": 2, "cpu": None},
                    {"ordinal": 1, "ts": 0, "dur": 2, "cpu": 1},
                    {"ordinal": 2, "ts": 5, "dur": -1, "cpu": 0},
                ],
            ),
            chunk("sample_event", [{"ordinal": 6, "ts": 3}, {"ordinal": 5, "ts": 3}]),
        ]
    )

    assert [(a["id"], a["ts"], a["slice_id"]) for a in found["allocation"]] == [
        (0, 2, None),
        (1, 9, 0),
    ]
    assert [(s["cpu"], s["id"]) for s in found["sched"]] == [(0, 2), (1, 0), (None, 1)]
    assert [s["id"] for s in found["sample"]] == [0, 1]


def test_an_arrow_carries_what_its_start_says():
    points = [
        {"ordinal": 1, "ts": 1, "track_id": 0, "key": "k", "step": "start", "binding": "enclosing",
         "name": "ac2g", "category": "c", "args": '{"id":3}'},
        {"ordinal": 2, "ts": 2, "track_id": 0, "key": "k", "step": "end", "binding": "enclosing"},
    ]  # fmt: skip
    found = assembled(
        [
            chunk("span", [{"ordinal": 0, "ts": 0, "dur": 9, "track_id": 0}]),
            chunk("flow_point", points),
        ]
    )

    assert found["flow"] == [
        {
            "id": 0,
            "slice_out": 0,
            "slice_in": 0,
            "name": "ac2g",
            "category": "c",
            "args": '{"id":3}',
        }
    ]


def test_a_hundred_thousand_levels():
    deep = 100_000
    edges = {
        "ordinal": range(2 * deep),
        "ts": range(2 * deep),
        "track_id": [0] * 2 * deep,
        "is_end": [False] * deep + [True] * deep,
        "name": ["f"] * 2 * deep,
    }
    found = assembled([Chunk("edge", tables.conform("edge", edges))])

    assert [row["depth"] for row in found["slice"]] == list(range(deep))
    assert found["slice"][0]["self_dur"] == 2
    assert re.fullmatch("[^f]*f[^f]*", str(found["dim_name"]))


def test_a_slice_longer_than_int64_is_as_long_as_can_be():
    edges = {"ordinal": [0, 1], "ts": [-(2**63), 2**63 - 1], "track_id": [0, 0]}
    found = assembled([Chunk("edge", tables.conform("edge", {**edges, "is_end": [False, True]}))])

    assert [row["dur"] for row in found["slice"]] == [2**63 - 1]
