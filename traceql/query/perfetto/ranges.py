"""Joins by ranges: which two conditions the engine should join by.

For a join without an equality the engine sorts by two of its inequalities, and tries the others on
every pair that these leave. Of `a.ts < b.ts + b.dur AND b.ts < a.ts + a.dur AND a.id < b.id` it
may take the last, which half of all pairs fulfil. So those beyond two are hidden from its choice.
"""

from __future__ import annotations

from sqlglot import exp

_INEQUALITIES = (exp.LT, exp.LTE, exp.GT, exp.GTE)
_SORTED_BY = 2


def apply(tree: exp.Expr) -> None:
    """Hide the inequalities of inner joins beyond the two that bound each other best."""
    for clause in list(tree.find_all(exp.Join, exp.Where)):
        if isinstance(clause, exp.Where):
            _choose(clause.this)
        elif isinstance(clause, exp.Join) and not clause.side and clause.args.get("on") is not None:
            _choose(clause.args["on"])


def _choose(condition: exp.Expr) -> None:
    parts = list(condition.flatten()) if isinstance(condition, exp.And) else []
    ranges = [part for part in parts if isinstance(part, _INEQUALITIES) and _joins(part)]
    by_value = any(isinstance(part, exp.EQ) and _joins(part) for part in parts)
    if by_value or len(ranges) <= _SORTED_BY:
        return
    columns = [{column.sql() for column in part.find_all(exp.Column)} for part in ranges]

    def shared(place: int) -> int:
        others = (c for other, c in enumerate(columns) if other != place)
        return sum(bool(columns[place] & other) for other in others)

    # Conditions over the same columns bound each other, as the two ends of an overlap do.
    order = sorted(range(len(ranges)), key=lambda place: (-shared(place), place))
    for place in order[_SORTED_BY:]:
        hidden = ranges[place]
        case = exp.Case(ifs=[exp.If(this=hidden.copy(), true=exp.true())], default=exp.false())
        hidden.replace(case)


def _joins(part: exp.Expr) -> bool:
    """Whether a condition compares columns of one table with those of another."""
    left = {column.table for column in part.this.find_all(exp.Column)}
    right = {column.table for column in part.expression.find_all(exp.Column)}
    return len(left) == len(right) == 1 and left != right and "" not in left | right
