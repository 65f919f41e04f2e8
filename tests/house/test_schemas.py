"""Laws 4 and 8 for the data model: every column is documented, typed and has its unit."""

from __future__ import annotations

import pytest

from traceql.model import tables

ALL = {**tables.canonical(), **tables.staging()}
UNIT_OF_SUFFIX = {
    "_bytes": "bytes",
    "_w": "w",
    "_j": "j",
    "_celsius": "celsius",
    "_hz": "hz",
    "_ratio": "ratio",
    "_count": "count",
    "_ts": "ns",
    "_dur": "ns",
}


@pytest.mark.parametrize("table", ALL.values(), ids=list(ALL))
def test_columns_are_documented_and_have_units(table: tables.Table) -> None:
    assert table.doc.endswith((".", ":"))
    for column in table.columns:
        assert column.doc.endswith("."), column.name
        if column.name in {"ts", "dur"}:
            assert column.unit == "ns"
        for suffix, unit in UNIT_OF_SUFFIX.items():
            if column.name.endswith(suffix):
                assert column.unit == unit, column.name


@pytest.mark.parametrize("table", ALL.values(), ids=list(ALL))
def test_references_and_sort_keys_name_real_columns(table: tables.Table) -> None:
    for column in table.columns:
        if column.refers_to:
            target, _, name = column.refers_to.partition(".")
            assert name in tables.canonical()[target], column.name
        if column.dimension:
            assert f"dim_{column.dimension}" in tables.canonical()
    for key in table.sorted_by:
        assert key.removesuffix(" desc") in table


def test_names_of_design_are_all_there() -> None:
    expected = {
        "process", "thread", "track", "slice", "gpu_op", "counter", "flow", "sample", "frame",
        "allocation", "sched", "thread_state", "profile", "device", "metadata", "diagnostic",
        "finding", "iteration",
    }  # fmt: skip

    assert expected <= set(tables.canonical())
    assert {"span", "edge", "flow_point", "link"} <= set(tables.staging())


def test_conform_fills_and_refuses() -> None:
    rows = tables.conform("metadata", {"name": ["a", "b"], "int_value": [1, None]})

    tables.validate("metadata", rows)
    assert rows.num_rows == 2
    with pytest.raises(ValueError, match="nulls"):
        tables.conform("metadata", {"name": [None]})
    with pytest.raises(ValueError, match="unknown"):
        tables.conform("metadata", {"name": ["a"], "nope": [1]})
    with pytest.raises(ValueError, match="columns"):
        tables.validate("track", rows)
