"""From SQLite's SQL to the engine's: syntax by sqlglot, meaning by the steps written here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp


@dataclass
class Fixes:
    """What the engine's complaints taught about one statement."""

    literals: set[str] = field(default_factory=set)
    """Names in double quotes that are texts, because no column has them."""
    text_casts: bool = False
    """CAST(… AS INT) is applied to a text somewhere."""
    hidden: set[str] = field(default_factory=set)
    """Columns that Perfetto's tables lack and that made a name ambiguous."""


@dataclass(frozen=True)
class Surroundings:
    """What a rewrite must know of the session.

    `orders` gives, by table, the columns in whose order its rows come; `renamed` the hidden name
    of a temp table that has a name of the library; `arg_type` the type of an arg: int, bool, real
    or text; `tables` names the views of the library; `loose` gives by the name of a view in the
    engine the one of the same rows in no order.
    """

    orders: Mapping[str, tuple[str, ...]]
    renamed: Mapping[str, str]
    arg_type: Callable[[str], str]
    tables: frozenset[str] = frozenset()
    loose: Mapping[str, str] = field(default_factory=dict)


def rewritten(text: str, around: Surroundings, fixes: Fixes, labels: list[str] | None) -> str:
    """Give a query in the engine's SQL.

    Args:
        text: one query in SQLite's SQL.
        around: what is known of the session.
        fixes: what was learnt from earlier attempts.
        labels: the written text of each column, which is the name of one without a name.

    Raises:
        sqlglot.errors.SqlglotError: the text is no SQL.
    """
    import sqlglot

    from traceql.query.perfetto import extras, meaning, ordering, ranges

    tree = sqlglot.parse_one(text, read="sqlite")
    _label(tree, labels)
    tree = meaning.apply(tree, around, fixes)
    ranges.apply(tree)
    ordering.loosen(tree, around)
    ordering.apply(tree, around)
    extras.hide(tree, fixes, around.tables)
    return tree.sql(dialect="duckdb", identify=True, normalize_functions=False, comments=False)


def _label(tree: exp.Expr, labels: list[str] | None) -> None:
    """Name the unnamed columns of the outermost SELECT as SQLite does: by their text."""
    from sqlglot import exp

    select = tree
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    if not isinstance(select, exp.Select) or labels is None:
        return
    if len(labels) != len(select.expressions):
        return
    named: list[exp.Expr] = []
    for item, label in zip(select.expressions, labels, strict=True):
        bare = isinstance(item, exp.Alias | exp.Column | exp.Star) or bool(item.alias)
        named.append(item if bare or item.is_star else exp.alias_(item, label, quoted=True))
    select.set("expressions", named)
