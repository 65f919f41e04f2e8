"""Facts about slices: counts, sums, bounds, names, nesting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oracle_check import (
    ASYNC,
    PHASE,
    Check,
    Facts,
    Sql,
    excuse,
    legacy,
    one,
    unknown_parts,
)

LEGACY = "the oracle leaves S/F pairs out, which are slices here"


def slice_count(value: int, facts: Facts, sql: Sql) -> list[Check]:
    found = one(sql, f"SELECT count(*) FROM slice s WHERE dur >= 0 AND {PHASE} = ''")
    return [Check("slice_count", value + legacy(facts, "matched"), found)]


def slice_count_positive(value: int, facts: Facts, sql: Sql) -> list[Check]:
    found = one(sql, "SELECT count(*) FROM slice WHERE dur > 0")
    return [Check("slice_count_positive", value + legacy(facts, "matched_positive"), found)]


def slice_sum_dur(value: int, facts: Facts, sql: Sql) -> list[Check]:
    found = one(sql, "SELECT coalesce(sum(dur), 0) FROM slice WHERE dur > 0")
    return [Check("slice_sum_dur_ns", value + legacy(facts, "sum_dur_ns"), int(found))]


def complete(value: Facts, facts: Facts, sql: Sql) -> list[Check]:
    unknown_parts("x", value, ("valid", "valid_positive", "zero_dur", "sum_dur_ns",
                               "missing_dur", "negative_dur"))  # fmt: skip
    odd = one(sql, f"SELECT count(*) FROM slice s WHERE {PHASE} = 'X'")
    counted = {row["code"]: row["count"] for row in sql("SELECT code, count FROM diagnostic")}
    checks = [
        Check("x.missing_dur + negative_dur", value["missing_dur"] + value["negative_dur"], odd),
        Check("x.missing_dur counted", value["missing_dur"],
              counted.get("slice_without_duration", 0)),
        Check("x.negative_dur counted", value["negative_dur"],
              counted.get("slice_negative_duration", 0)),
    ]  # fmt: skip
    if facts["phases"].get("B"):
        return checks  # B/E and X share tracks; their sum is compared as slice_count and slice_sum
    (row,) = sql(
        "SELECT count(*) AS valid, count(*) FILTER (dur > 0) AS positive, count(*) FILTER (dur = 0)"
        " AS zero, CAST(coalesce(sum(dur), 0) AS BIGINT) AS total FROM slice s JOIN track t "
        f"ON t.id = s.track_id WHERE {PHASE} = '' AND NOT {ASYNC} AND dur >= 0"
    )
    return [
        *checks,
        Check("x.valid", value["valid"], row["valid"]),
        Check("x.valid_positive", value["valid_positive"], row["positive"]),
        Check("x.zero_dur", value["zero_dur"], row["zero"]),
        Check("x.sum_dur_ns", value["sum_dur_ns"], row["total"]),
    ]


def begin_end(value: Facts, _facts: Facts, sql: Sql) -> list[Check]:
    unknown_parts("be", value, ("by_name", "by_position", "rules_agree"))
    found = one(
        sql,
        "SELECT count(*) FROM slice s JOIN track t ON t.id = s.track_id "
        f"WHERE s.dur < 0 AND NOT {ASYNC}",
    )
    return [Check("be.unmatched_begin", value["by_name"]["unmatched_begin"], found)]


def nestable_async(value: Facts, facts: Facts, sql: Sql) -> list[Check]:
    unknown_parts("async", value, ("id_global", "id_per_process", "rules_agree"))
    (row,) = sql(
        "SELECT count(*) FILTER (s.dur < 0) AS open, count(*) FILTER (s.dur > 0) AS positive "
        f"FROM slice s JOIN track t ON t.id = s.track_id WHERE {ASYNC}"
    )
    main = value["id_global"]
    opened = main["unmatched_begin"] + legacy(facts, "unmatched_begin")
    positive = main["matched_positive"] + legacy(facts, "matched_positive")
    return [
        Check("async.unmatched_begin", opened, row["open"]),
        Check("async.matched_positive", positive, row["positive"]),
    ]


def legacy_async(value: Facts, facts: Facts, sql: Sql) -> list[Check]:
    """Matched pairs are added to the facts of slices and of async; here, the ends without one."""
    unknown_parts("legacy_async", value, ("matched", "matched_positive", "sum_dur_ns",
                  "unmatched_begin", "unmatched_end", "steps_T_p"))  # fmt: skip
    expected = (
        facts["be"]["by_name"]["unmatched_end"]
        + facts["async"]["id_global"]["unmatched_end"]
        + value["unmatched_end"]
    )
    found = one(
        sql, "SELECT coalesce(sum(count), 0) FROM diagnostic WHERE code = 'misplaced_end_event'"
    )
    steps = one(sql, f"SELECT count(*) FROM slice s WHERE {PHASE} IN ('T', 'p')")
    return [
        Check("unmatched_end of be, async and legacy_async", expected, int(found)),
        Check("legacy_async.steps_T_p", value["steps_T_p"], steps),
    ]


def instants(value: Facts, _facts: Facts, sql: Sql) -> list[Check]:
    unknown_parts("instants", value, ("i_I_R", "with_ts", "async_n"))
    (row,) = sql(
        f"SELECT count(*) FILTER ({PHASE} IN ('i', 'I', 'R')) AS alone, "
        f"count(*) FILTER ({PHASE} = 'n') AS nested FROM slice s WHERE dur = 0"
    )
    return [
        Check("instants.with_ts", value["with_ts"], row["alone"]),
        Check("instants.async_n", value["async_n"], row["nested"]),
    ]


def objects(value: int, _facts: Facts, sql: Sql) -> list[Check]:
    found = one(sql, f"SELECT count(*) FROM slice s WHERE {PHASE} IN ('N', 'O', 'D')")
    return [Check("object_events_N_O_D", value, found)]


def thread_states(value: int, _facts: Facts, sql: Sql) -> list[Check]:
    return [Check("thread_state_T_with_dur", value, one(sql, "SELECT count(*) FROM thread_state"))]


def bounds(value: Facts, facts: Facts, sql: Sql) -> list[Check]:
    """Starts and ends over slices, instants and counters; S/F slices are not among them."""
    unknown_parts("bounds", value, ("min_ts_ns", "max_end_ns"))
    (row,) = sql(
        'SELECT min(ts) AS low, max("end") AS high FROM (SELECT s.ts, s.ts + s.dur AS "end" FROM '
        f"slice s WHERE dur >= 0 AND {PHASE} IN ('', 'i', 'I', 'R', 'n') "
        "UNION ALL SELECT ts, ts FROM counter) both_tables"
    )
    if legacy(facts, "matched"):
        return [
            Check("bounds.min_ts_ns", True, row["low"] <= value["min_ts_ns"]),
            Check("bounds.max_end_ns", True, row["high"] >= value["max_end_ns"]),
        ]
    return [
        Check("bounds.min_ts_ns", value["min_ts_ns"], row["low"]),
        Check("bounds.max_end_ns", value["max_end_ns"], row["high"]),
    ]


def bounds_positive(value: Facts, facts: Facts, sql: Sql) -> list[Check]:
    unknown_parts("bounds_positive", value, ("min_ts_ns", "max_end_ns"))
    if legacy(facts, "matched_positive"):
        return excuse("bounds_positive", LEGACY)
    (row,) = sql("SELECT min(ts) AS low, max(ts + dur) AS high FROM slice WHERE dur > 0")
    return [
        Check("bounds_positive.min_ts_ns", value["min_ts_ns"], row["low"]),
        Check("bounds_positive.max_end_ns", value["max_end_ns"], row["high"]),
    ]


def top_names(value: Sequence[Facts], facts: Facts, sql: Sql) -> list[Check]:
    if legacy(facts, "matched_positive"):
        return excuse("top_names_positive", LEGACY)
    rows = sql(
        "SELECT coalesce(s.name, 'None') AS name, count(*) AS count, CAST(sum(s.dur) AS BIGINT) AS "
        "total_ns, min(s.dur) AS min_ns, max(s.dur) AS max_ns FROM slice s WHERE dur > 0 GROUP BY 1"
    )
    found = {row["name"]: row for row in rows}
    return [
        Check(f"top_names_positive[{top['name']}]", dict(top),
              _same_keys(found.get(top["name"]), top))
        for top in value
    ]  # fmt: skip


def _same_keys(row: Mapping[str, Any] | None, like: Facts) -> dict[str, Any] | None:
    return None if row is None else {k: (like[k] if k == "name" else row[k]) for k in like}


def names_exactly(value: Facts, _facts: Facts, sql: Sql) -> list[Check]:
    """All names of a generated trace, zero-length slices included."""
    rows = sql(
        "SELECT name, count(*) AS count, CAST(sum(dur) AS BIGINT) AS total_ns FROM slice "
        "WHERE dur >= 0 GROUP BY 1"
    )
    found = {row.pop("name"): row for row in rows}
    return [Check(f"names[{n}]", dict(want), found.get(n)) for n, want in value.items()]


def distinct_names(value: int, facts: Facts, sql: Sql) -> list[Check]:
    if legacy(facts, "matched_positive"):
        return excuse("distinct_names_positive", LEGACY)
    found = one(sql, "SELECT count(DISTINCT coalesce(name, 'None')) FROM slice WHERE dur > 0")
    return [Check("distinct_names_positive", value, found)]


def category_sums(value: Sequence[Facts], facts: Facts, sql: Sql) -> list[Check]:
    """Sums by category are of X only: exact where no other phase makes slices of that category."""
    rows = sql(
        "SELECT coalesce(s.category, 'None') AS category, count(*) AS count, "
        "CAST(sum(s.dur) AS BIGINT) AS total FROM slice s "
        f"JOIN track t ON t.id = s.track_id WHERE s.dur >= 0 AND NOT {ASYNC} GROUP BY 1"
    )
    found = {row["category"]: row for row in rows}
    if facts["phases"].get("B"):
        return excuse("category_x_dur", "the oracle counts X only; B/E have categories too")
    checks = []
    for want in value:
        row = found.get(want["cat"], {"count": 0, "total": 0})
        checks.append(Check(f"category[{want['cat']}].sum", want["sum_dur_ns"], row["total"]))
        checks.append(Check(f"category[{want['cat']}].count", True, row["count"] >= want["count"]))
    return checks


def nesting(value: Facts, facts: Facts, sql: Sql) -> list[Check]:
    unknown_parts("nesting", value, ("threads", "threads_overlapping", "max_depth", "self_sum_ns",
                                     "top_self"))  # fmt: skip
    if not value["computed"]:
        return excuse("nesting", "not computed by the oracle")
    if facts["be"]["by_name"]["unmatched_begin"]:
        return excuse("nesting", "an unclosed slice holds what follows it; not so in the oracle")
    clean = (
        "t.id NOT IN (SELECT parent_id FROM track WHERE type LIKE '%overflow%') AND "
        f"t.type NOT LIKE '%overflow%' AND NOT {ASYNC}"
    )
    rows = sql(
        "SELECT coalesce(s.name, 'None') AS name, max(s.depth) AS depth, "
        "CAST(sum(s.self_dur) AS BIGINT) AS self FROM slice s JOIN track t ON t.id = s.track_id "
        f"WHERE s.dur > 0 AND {clean} GROUP BY 1"
    )
    lanes = sql(
        "SELECT count(DISTINCT t.id) FILTER (t.type NOT LIKE '%overflow%') AS lanes, "
        "count(DISTINCT t.parent_id) FILTER (t.type LIKE '%overflow%') AS over "
        f"FROM slice s JOIN track t ON t.id = s.track_id WHERE s.dur > 0 AND NOT {ASYNC}"
    )[0]
    own = {row["name"]: row["self"] for row in rows}
    depth = max((row["depth"] + 1 for row in rows), default=0)
    checks = [
        Check("nesting.threads", value["threads"], lanes["lanes"]),
        Check("nesting.threads_overlapping", value["threads_overlapping"], lanes["over"]),
        Check("nesting.max_depth", value["max_depth"] or 0, depth),
        Check("nesting.self_sum_ns", value["self_sum_ns"], sum(own.values())),
    ]
    return checks + [
        Check(f"nesting.top_self[{top['name']}]", top["self_ns"], own.get(top["name"]))
        for top in value["top_self"]
    ]
