"""The order of rows that SQLite gives without being asked, asked for.

A scan comes in the order of its table, a join in that of its first table, then of the second, a
grouping in that of its keys, UNION sorted. Ties of an ORDER BY come in the order of the scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlglot import exp

from traceql.query.perfetto import grouping

if TYPE_CHECKING:
    from traceql.query.perfetto.rewrite import Surroundings

_PLACE = "__tq_place"


def apply(tree: exp.Expr, around: Surroundings) -> None:
    """Add to a query the ORDER BY that SQLite's way of running it amounts to."""
    _order(tree, around, {})


_ORDERLESS = (exp.Sum, exp.Count, exp.Min, exp.Max, exp.Avg)


def loosen(tree: exp.Expr, around: Surroundings) -> None:
    """Let groupings that no order can change read views in no order."""
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for select in list(tree.find_all(exp.Select)) if around.loose else ():
        called = [a for item in select.expressions for a in grouping.aggregates(item)]
        if not grouping.is_grouped(select) or not all(isinstance(a, _ORDERLESS) for a in called):
            continue
        source = select.args.get("from_") or select.args.get("from")
        for part in [source, *(select.args.get("joins") or [])]:
            table = part.this if part is not None else None
            if not isinstance(table, exp.Table):
                continue
            name = table.name.lower()
            if name in around.loose and name not in ctes:
                if not table.alias:
                    table.set("alias", exp.TableAlias(this=exp.to_identifier(name, quoted=True)))
                table.set("this", exp.to_identifier(around.loose[name], quoted=True))


def _order(query: exp.Expr, around: Surroundings, outer: dict[str, exp.CTE]) -> None:
    while isinstance(query, exp.Subquery):
        query = query.this
    ctes = outer | _ctes(query)
    if isinstance(query, exp.SetOperation):
        _order_set(query)
        return
    if not isinstance(query, exp.Select):
        return
    if grouping.is_grouped(query):
        group = query.args.get("group")
        if group is not None and group.expressions and not group.args.get("rollup"):
            _append(query, [key.copy() for key in group.expressions])
        return
    if query.args.get("distinct") is not None:
        _order_distinct(query, around, ctes)
        return
    joins = query.args.get("joins") or []
    source = query.args.get("from_") or query.args.get("from")
    if source is None:
        return
    window = next((w for item in query.expressions for w in item.find_all(exp.Window)), None)
    if window is not None and query.args.get("order") is None:
        # SQLite sorts for the window, and gives the rows as they come from it.
        window = _named(window, query)
        order = window.args.get("order")
        keys = [key.copy() for key in window.args.get("partition_by") or []]
        _append(query, keys)
        if order is not None:
            had = query.args["order"].expressions if keys else []
            query.set(
                "order", exp.Order(expressions=[*had, *(o.copy() for o in order.expressions)])
            )
    if not joins:
        _order_scan(query, source.this, around, ctes)
        return
    _append(query, _keys(query, [source.this, *(j.this for j in joins)], around, ctes))


def _named(window: exp.Window, query: exp.Select) -> exp.Expr:
    """Give the definition of a window that stands under a name in WINDOW; else itself."""
    for defined in query.args.get("windows") or []:
        if window.alias and defined.name.lower() == window.alias.lower():
            found: exp.Expr = defined
            return found
    return window


def _ctes(query: exp.Expr) -> dict[str, exp.CTE]:
    clause = query.args.get("with_") or query.args.get("with")
    if clause is None or clause.args.get("recursive"):
        return {cte.alias.lower(): cte for cte in clause.expressions} if clause else {}
    return {cte.alias.lower(): cte for cte in clause.expressions}


def _order_set(query: exp.SetOperation) -> None:
    """UNION, EXCEPT and INTERSECT sort in SQLite; UNION ALL keeps the order."""
    if isinstance(query, exp.Union) and not query.args.get("distinct"):
        return
    select: exp.Expr = query
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    if not isinstance(select, exp.Select) or any(item.is_star for item in select.expressions):
        if query.args.get("order") is None:
            query.set("order", exp.Order(expressions=[_ordered(exp.Var(this="ALL"))]))
        return
    places = [exp.Literal.number(i + 1) for i in range(len(select.expressions))]
    _append(query, places)


def _order_scan(
    query: exp.Select, source: exp.Expr, around: Surroundings, ctes: dict[str, exp.CTE]
) -> None:
    if isinstance(source, exp.Subquery):
        _order(source, around, ctes)
        return
    if not isinstance(source, exp.Table) or not isinstance(source.this, exp.Identifier):
        return
    name = source.name.lower()
    if name in ctes:
        clause = ctes[name].parent
        if clause is not None and not clause.args.get("recursive"):
            _order(ctes[name].this, around, {k: v for k, v in ctes.items() if k != name})
        return
    columns = around.orders.get(name, ())
    if columns and columns != ("rowid",):
        _append(query, [exp.column(c, table=source.alias or source.name) for c in columns])


def _order_distinct(query: exp.Select, around: Surroundings, ctes: dict[str, exp.CTE]) -> None:
    """SELECT DISTINCT gives values in the order in which they first appear."""
    source = query.args.get("from_") or query.args.get("from")
    items = query.expressions
    if source is None or query.args.get("order") is not None or query.find(exp.Window):
        return
    if any(item.is_star for item in items) or query.args["distinct"].args.get("on"):
        return
    joins = query.args.get("joins") or []
    keys = _keys(query, [source.this, *(j.this for j in joins)], around, ctes)
    if not keys:
        return
    query.set("distinct", None)
    grouped = [exp.Literal.number(i + 1) for i in range(len(items))]
    query.set("group", exp.Group(expressions=grouped))
    _append(query, [exp.Min(this=key) for key in keys])


def _keys(
    query: exp.Select,
    sources: list[exp.Expr],
    around: Surroundings,
    ctes: dict[str, exp.CTE],
) -> list[exp.Expr]:
    """Give what orders the rows of some sources; one without an order is numbered."""
    keys: list[exp.Expr] = []
    hidden: dict[str, str] = {}
    for number, source in enumerate(sources):
        if isinstance(source, exp.Subquery):
            name = source.alias or f"__tq_s{number}"
            _order(source, around, ctes)
        elif isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier):
            name = source.alias or source.name
            columns = around.orders.get(source.name.lower())
            if columns and source.name.lower() not in ctes:
                keys += [exp.column(c, table=name, quoted=True) for c in columns]
                continue
        elif number == 0:
            return []  # rows of a function: their order is their own business
        else:
            continue
        place = f"{_PLACE}{number}"
        _number(source, name, place)
        hidden[name.lower()] = place
        keys.append(exp.column(place, table=name, quoted=True))
    _hide(query, hidden)
    return keys


def _number(source: exp.Expr, name: str, place: str) -> None:
    """Replace a source by itself with the number of each row as one more column."""
    alias = source.args.get("alias")
    columns = alias.args.get("columns") if alias is not None else None
    inner = source.copy()
    if not columns:
        inner.set("alias", None)
        if isinstance(inner, exp.Subquery):
            inner.set("alias", exp.TableAlias(this=exp.to_identifier("__tq_inner")))
    over = exp.Window(this=exp.RowNumber())
    numbered = exp.select(exp.Star(), exp.alias_(over, place, quoted=True)).from_(inner)
    made = exp.Subquery(
        this=numbered, alias=exp.TableAlias(this=exp.to_identifier(name, quoted=True))
    )
    source.replace(made)


def _hide(query: exp.Select, hidden: dict[str, str]) -> None:
    for item in query.expressions:
        if isinstance(item, exp.Star):
            places = list(hidden.values())
            star = item
        elif isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
            places = [hidden[item.table.lower()]] if item.table.lower() in hidden else []
            star = item.this
        else:
            continue
        if places:
            names = [exp.to_identifier(place, quoted=True) for place in places]
            key = "except_" if "except_" in exp.Star.arg_types else "except"
            star.set(key, names)


def _ordered(key: exp.Expr) -> exp.Ordered:
    return exp.Ordered(this=key, desc=False, nulls_first=True)


def _append(query: exp.Expr, keys: Sequence[exp.Expr]) -> None:
    order = query.args.get("order")
    had = list(order.expressions) if order is not None else []
    given = {part.this.sql() for part in had}
    more = [_ordered(key) for key in keys if key.sql() not in given]
    if more:
        query.set("order", exp.Order(expressions=[*had, *more]))
