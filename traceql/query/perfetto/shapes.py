"""Types of SQLite and of the engine, and what the engine's complaints teach about a statement."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from traceql.query.perfetto import extras

if TYPE_CHECKING:
    from traceql.query.perfetto.complaints import Complaints
    from traceql.query.perfetto.rewrite import Fixes

_AS_INTEGER = ("BOOLEAN", "HUGEINT", "UHUGEINT")


def learn(error: Exception, complaints: Complaints, fixes: Fixes) -> bool:
    """Whether a binder's error teaches how to write the statement otherwise."""
    message = str(error)
    column = extras.ambiguous(message)
    if column and column not in fixes.hidden:
        fixes.hidden.add(column)
        return True
    found = re.search(r'Referenced (?:column|table) "([^"]+)"', message)
    if found and found[1] in complaints.quoted and found[1] not in fixes.literals:
        fixes.literals.add(found[1])
        return True
    if ("'trunc(" in message or "trunc(" in message.partition("\n")[0]) and not fixes.text_casts:
        fixes.text_casts = True
        return True
    return False


def engine_type(declared: str) -> str:
    """Give the engine's type of a declared one, by the rules of SQLite's affinities."""
    kind = declared.upper()
    if "INT" in kind or kind in {"LONG", "BOOL", "BOOLEAN", "TIMESTAMP", "DURATION", "ID"}:
        return "BIGINT"
    if kind.startswith(("JOINID", "ARGSETID")):
        return "BIGINT"
    if any(part in kind for part in ("CHAR", "TEXT", "CLOB", "STRING")):
        return "VARCHAR"
    if any(part in kind for part in ("REAL", "FLOA", "DOUB", "NUM", "DEC")):
        return "DOUBLE"
    return "BLOB" if kind in {"BLOB", "BYTES"} else ""


def cast_of(kind: str) -> str:
    """Give the type that a result of this type is printed as; empty: as it is."""
    if kind in _AS_INTEGER:
        return "BIGINT"
    return "DOUBLE" if kind.startswith("DECIMAL") else ""


def scalar(sql: str, returns: str) -> tuple[str, bool]:
    """Give the body of a scalar function, and whether it is an expression that reads no table."""
    import sqlglot
    from sqlglot import exp

    tree = sqlglot.parse_one(sql, read="duckdb")
    body, is_alone = f"({sql})", False
    if isinstance(tree, exp.Select) and {k for k, v in tree.args.items() if v} <= {"expressions"}:
        item = tree.expressions[0]
        is_alone = item.find(exp.Select) is None
        body = (item.this if isinstance(item, exp.Alias) else item).sql(
            dialect="duckdb", identify=True, normalize_functions=False
        )
    kind = engine_type(returns)
    return (f"CAST({body} AS {kind})" if kind else body), is_alone
