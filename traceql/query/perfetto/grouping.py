"""GROUP BY as SQLite takes it: columns that are neither grouped nor aggregated are allowed."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp


def is_grouped(select: exp.Select) -> bool:
    """Whether a SELECT gives one row a group: it has GROUP BY, or aggregates."""
    if select.args.get("group") is not None:
        return True
    parts = [*select.expressions, select.args.get("having")]
    return any(True for part in parts if part is not None for _ in aggregates(part))


def aggregates(part: exp.Expr) -> Iterator[exp.Expr]:
    """Give the aggregates of an expression, not those of windows and of queries inside it."""
    if isinstance(part, exp.Query | exp.Subquery):
        return
    if isinstance(part, exp.Window):
        for key in ("partition_by", "order"):
            inner = part.args.get(key)
            for item in inner if isinstance(inner, list) else [inner] if inner else []:
                yield from aggregates(item)
        called = part.this
        if isinstance(called, exp.IgnoreNulls | exp.RespectNulls):
            called = called.this
        for item in called.iter_expressions():
            yield from aggregates(item)
        return
    if _is_aggregate(part):
        yield part
        return
    for child in part.iter_expressions():
        yield from aggregates(child)


def _is_scalar(part: exp.Expr) -> bool:
    return isinstance(part, exp.Max | exp.Min) and bool(part.expressions)


def _is_aggregate(part: exp.Expr) -> bool:
    if isinstance(part, exp.Anonymous):
        return part.name.lower() in {"total", "__tq_percentile"}
    return isinstance(part, exp.AggFunc) and not _is_scalar(part)


def apply(select: exp.Select) -> None:
    """Wrap each bare column of a grouped SELECT: the group's first value stands for it.

    With a lone min() or max() it is the value of the row that has the extreme.
    """
    if not is_grouped(select):
        return
    group = select.args.get("group")
    keys = list(group.expressions) if group is not None else []
    names = {key.name.lower() for key in keys if isinstance(key, exp.Column)}
    texts = {key.sql() for key in keys}
    places = {int(key.this) for key in keys if isinstance(key, exp.Literal) and key.is_int}
    extreme = _extreme(select)
    items: list[exp.Expr] = []
    for place, item in enumerate(select.expressions, 1):
        is_key = place in places or (isinstance(item, exp.Alias) and item.alias.lower() in names)
        if is_key or item.is_star:
            items.append(item)
            continue
        label = item.alias or (item.name if isinstance(item, exp.Column) else "")
        body = item.this if isinstance(item, exp.Alias) else item
        wrapped = _wrapped(body.copy(), names, texts, extreme)
        items.append(exp.alias_(wrapped, label, quoted=True) if label else wrapped)
    aliases = {item.alias.lower() for item in items if item.alias}
    select.set("expressions", items)
    for clause in ("having", "order"):
        part = select.args.get(clause)
        if part is not None:
            select.set(clause, _wrapped(part.copy(), names | aliases, texts, extreme))


def _extreme(select: exp.Select) -> tuple[str, exp.Expr] | None:
    parts = [*select.expressions, select.args.get("having")]
    found = {
        item.sql(): item
        for part in parts if part is not None
        for item in aggregates(part) if isinstance(item, exp.Min | exp.Max)
    }  # fmt: skip
    if len(found) != 1:
        return None
    item = next(iter(found.values()))
    return ("arg_min_null" if isinstance(item, exp.Min) else "arg_max_null"), item.this


def _wrapped(
    part: exp.Expr,
    names: set[str],
    texts: set[str],
    extreme: tuple[str, exp.Expr] | None,
) -> exp.Expr:
    stays = (exp.Query, exp.Subquery, exp.Window, exp.Filter, exp.WithinGroup)
    if part.sql() in texts or isinstance(part, stays) or _is_aggregate(part):
        return part
    if isinstance(part, exp.Column):
        if part.name.lower() in names:
            return part
        if extreme is None:
            return exp.Anonymous(this="first", expressions=[part.copy()])
        return exp.Anonymous(this=extreme[0], expressions=[part.copy(), extreme[1].copy()])
    for child in list(part.iter_expressions()):
        new = _wrapped(child, names, texts, extreme)
        if new is not child:
            child.replace(new)
    return part
