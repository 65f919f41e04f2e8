"""Write evidence: SQL predicates that restate a rule with its fitted constants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COLUMNS = "trace, id, ts, dur, name"
"""What evidence returns first."""


def literal(value: float | str | None) -> str:
    """Write a value as an SQL literal."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def equals(column: str, value: float | str | None) -> str:
    """Write `column = value`, or `column IS NULL`.

    A device's number is compared without the number of its trace, which stands in the upper half
    of every id when a session holds several: evidence must give the same rows in both.
    """
    if value is None:
        return f"{column} IS NULL"
    if column == "device_id":
        return f"device_id % 4294967296 = {literal(value)}"
    return f"{column} = {literal(value)}"


def where(conditions: Mapping[str, Any], *more: str) -> str:
    """Join equalities of columns and other conditions with AND."""
    return " AND ".join([*(equals(column, value) for column, value in conditions.items()), *more])


def select(relation: str, conditions: Mapping[str, Any], *more: str) -> str:
    """Write a query for the events of a relation that meet the conditions."""
    return f"SELECT {COLUMNS} FROM {relation} WHERE {where(conditions, *more)}"  # noqa: S608
