"""Columns of this library's tables that Perfetto's tables of the same name lack.

A query written for Perfetto does not know them: where one of them makes a name mean two things, it
is taken away; and where no text of the session names them, `*` does not stand for them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlglot import exp

    from traceql.query.perfetto.rewrite import Fixes

_OF_SLICES = "self_dur correlation_id name_id category_id args end_args extra end_extra trace"
_EXTRAS = {
    "slice": _OF_SLICES,
    "slices": _OF_SLICES,
    "_lean_slice": _OF_SLICES,
    "_slice_by_stack": _OF_SLICES,
    "flow": "name category args trace",
    "track": "upid utid device_id context_id stream_id cpu unit args trace",
    "counter_track": "upid utid device_id cpu args trace",
    "gpu_counter_track": "device_id args trace",
    "gpu_track": "context_id device_id stream_id args trace",
    "thread": "tid_text args trace",
    "process": "pid_text host rank args trace",
    "gpu_slice": "kind device_id stream_id correlation_id launch_slice_id bytes trace",
    "stack_profile_frame": "module file line trace",
}
_OF_NO_TABLE_THERE = frozenset((
    "trace", "args", "end_args", "extra", "end_extra", "correlation_id", "name_id", "category_id",
    "tid_text", "pid_text", "host", "rank",
))  # fmt: skip
_MARKS_OF_SLICES = {"depth", "thread_instruction_delta"}
_AMBIGUOUS = re.compile(r'[Aa]mbiguous (?:reference to column name "([^"]+)"|column name: (\w+)$)')


def of(table: str) -> frozenset[str]:
    """Give the columns that a table of the library has and Perfetto's lacks."""
    return frozenset(_EXTRAS.get(table.lower(), "args trace").split())


def ambiguous(message: str) -> str:
    """Give the column that an error of the engine, or of SQLite, calls ambiguous; else nothing."""
    found = _AMBIGUOUS.search(message)
    return (found[1] or found[2]).lower() if found else ""


def shown(columns: Sequence[str], words: Collection[str]) -> list[int]:
    """Give the places of the columns of an answer over one trace that its reader asked for.

    Args:
        columns: names of the answer's columns.
        words: all that texts of the session name, in small letters.
    """
    names = [column.lower() for column in columns]
    foreign = _OF_NO_TABLE_THERE
    if set(names) >= _MARKS_OF_SLICES:
        foreign |= {"self_dur", "stack_id", "parent_stack_id"}
    return [i for i, name in enumerate(names) if name not in foreign or name in words]


def hide(tree: exp.Expr, fixes: Fixes, tables: frozenset[str]) -> None:
    """Take the columns `fixes.hidden` away from the tables of the library that should lack them.

    Args:
        tree: a query for the engine.
        fixes: what was learnt.
        tables: names of the library's views.
    """
    from sqlglot import exp

    if not fixes.hidden:
        return
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for table in list(tree.find_all(exp.Table)):
        name = table.name.lower()
        gone = fixes.hidden & of(name)
        if name not in tables or name in ctes or not gone or table.args.get("db"):
            continue
        alias = table.alias or table.name
        inner = exp.Table(this=exp.to_identifier(table.name, quoted=True))
        key = "except_" if "except_" in exp.Star.arg_types else "except"
        star = exp.Star(**{key: [exp.to_identifier(column, quoted=True) for column in gone]})
        table.replace(
            exp.Subquery(
                this=exp.select(star).from_(inner),
                alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True)),
            )
        )
