"""What SQLite means, said so that the engine means it too: steps over the syntax tree."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from traceql.query.perfetto import grouping

if TYPE_CHECKING:
    from traceql.query.perfetto.rewrite import Fixes, Surroundings

_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.BitwiseAnd,
               exp.BitwiseOr, exp.BitwiseXor, exp.BitwiseNot, exp.BitwiseLeftShift,
               exp.BitwiseRightShift)  # fmt: skip
_PREDICATES = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.And, exp.Or, exp.Not, exp.In,
               exp.Is, exp.Between, exp.Like, exp.ILike, exp.Glob, exp.Exists,
               exp.NullSafeEQ, exp.NullSafeNEQ)  # fmt: skip
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_WIDENED = (*_ARITHMETIC, exp.Alias, exp.Select, exp.Case, exp.If, exp.Coalesce, exp.Greatest,
            exp.Least, exp.Lag, exp.Lead, exp.Sum, exp.Paren)  # fmt: skip
BOUND = "__tqv_"
"""What stands before the name of a bound `$name` while a query is taken apart."""
_HINTS = {"likely", "unlikely", "likelihood"}


def apply(tree: exp.Expr, around: Surroundings, fixes: Fixes) -> exp.Expr:
    """Change a query of SQLite so that the engine gives SQLite's rows; gives the new tree."""
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for node in list(tree.find_all(exp.Column, exp.Table)):
        if isinstance(node, exp.Table):
            _rename_table(node, around, ctes)
        elif not isinstance(node, exp.Column):
            continue
        elif _is_text(node, fixes):
            node.replace(exp.Literal.string(node.name))
        elif not node.table and node.name.startswith(BOUND):
            node.replace(exp.Parameter(this=exp.Var(this=node.name.removeprefix(BOUND))))
    for join in tree.find_all(exp.Join):
        bare = not (join.args.get("on") or join.args.get("using") or join.args.get("method"))
        if bare and not join.kind and not join.side:
            join.set("kind", "CROSS")
    for limit in list(tree.find_all(exp.Limit)):
        if isinstance(limit.expression, exp.Neg):
            limit.pop()
    for select in list(tree.find_all(exp.Select)):
        grouping.apply(select)
    if isinstance(tree, exp.Values):
        tree = exp.select(exp.Star()).from_(tree)
    _name_values(tree)
    return _stepped(tree, around, fixes)


def _stepped(tree: exp.Expr, around: Surroundings, fixes: Fixes) -> exp.Expr:
    """Change every node, its parts before it: what replaces a node holds what they became."""
    root: exp.Expr = tree
    nodes: list[exp.Expr] = list(tree.walk(bfs=True))
    for node in reversed(nodes):
        made = _step(node, around, fixes)
        if node is tree:
            root = made
        elif made is not node:
            node.replace(made)
    return root


def _rename_table(table: exp.Table, around: Surroundings, ctes: set[str]) -> None:
    name = table.name.lower()
    if table.args.get("db") is not None and table.args["db"].name.lower() in {"temp", "main"}:
        table.set("db", None)
    if name in around.renamed and name not in ctes and table.args.get("db") is None:
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
        table.set("this", exp.to_identifier(around.renamed[name], quoted=True))


def _is_text(column: exp.Column, fixes: Fixes) -> bool:
    return (
        isinstance(column.this, exp.Identifier)
        and bool(column.this.quoted)
        and not column.table
        and column.name in fixes.literals
    )


def _name_values(tree: exp.Expr) -> None:
    """Name the columns of a bare VALUES as SQLite does: column1, column2, …."""
    for values in tree.find_all(exp.Values):
        if isinstance(values.parent, exp.CTE) and values.parent.args["alias"].columns:
            continue
        alias = values.args.get("alias")
        if alias is not None and alias.columns:
            continue
        first = values.expressions[0] if values.expressions else None
        if not isinstance(first, exp.Tuple):
            continue
        names = [exp.to_identifier(f"column{i + 1}") for i in range(len(first.expressions))]
        if isinstance(values.parent, exp.CTE):
            values.parent.args["alias"].set("columns", names)
        elif isinstance(values.parent, exp.From | exp.Join | exp.Subquery):
            this = alias.this if alias is not None else exp.to_identifier("__tq_values")
            values.set("alias", exp.TableAlias(this=this, columns=names))


def _step(node: exp.Expr, around: Surroundings, fixes: Fixes) -> exp.Expr:
    """Change one node, whose parts are changed already."""
    if isinstance(node, exp.Div):
        node.args["typed"] = False
        node.args["safe"] = False
    elif isinstance(node, exp.Literal):
        return _literal(node)
    elif isinstance(node, exp.Boolean) and not isinstance(node.parent, exp.Is):
        return _literal(exp.Literal.number(1 if node.this else 0), node.parent)
    elif isinstance(node, exp.Like | exp.Glob):
        return _pattern(node)
    elif isinstance(node, exp.Cast) and not node.args.get("done"):
        return _cast(node, fixes)
    if isinstance(node, exp.Anonymous):
        node = _unknown_function(node, around)
    elif isinstance(node, exp.Func):
        node = _function(node)
    if isinstance(node, _PREDICATES) and _counts(node):
        return _typed(node, "BIGINT")
    return node


def _literal(node: exp.Expr, parent: exp.Expr | None = None) -> exp.Expr:
    """Give a number the width of SQLite's: 64-bit integers and doubles, where types spread."""
    if not isinstance(node, exp.Literal) or node.is_string:
        return node
    parent = parent or node.parent
    if not node.is_int:
        return _typed(node, "DOUBLE") if "e" not in node.this.lower() else node
    outer = parent.parent if isinstance(parent, exp.Neg) else parent
    in_values = isinstance(outer, exp.Tuple) and isinstance(outer.parent, exp.Values)
    spreads = isinstance(parent, _WIDENED) or in_values
    if isinstance(parent, exp.Anonymous):
        spreads = parent.name.lower().startswith("_u_")
    return _typed(node, "BIGINT") if spreads else node


def _typed(node: exp.Expr, kind: str) -> exp.Expr:
    cast = exp.Cast(this=node.copy(), to=exp.DataType.build(kind, dialect="duckdb"))
    cast.args["done"] = True
    return cast


def _called(name: str, *given: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=[part.copy() for part in given])


def _pattern(node: exp.Expr) -> exp.Expr:
    """LIKE sees no case, and both take whatever they are given as text."""
    for key in ("this", "expression"):
        part = node.args[key]
        if not (isinstance(part, exp.Literal) and part.is_string):
            node.set(key, _typed(part, "VARCHAR"))
    pattern = node.expression
    if isinstance(node, exp.Glob) and isinstance(pattern, exp.Literal) and "[" in pattern.this:
        # The engine's classes have another sign for `not`.
        whole = exp.Literal.string(regular(pattern.this))
        made = _called("regexp_full_match", node.this, whole, exp.Literal.string("s"))
        return _typed(made, "BIGINT") if _counts(node) else made
    if isinstance(node, exp.Like):
        like = exp.ILike(this=node.this, expression=node.expression)
        return _typed(like, "BIGINT") if _counts(node) else like
    return _typed(node, "BIGINT") if _counts(node) else node


def regular(pattern: str) -> str:
    """Give the regular expression that matches what a pattern of GLOB does."""
    out, at = [], 0
    while at < len(pattern):
        sign = pattern[at]
        start = at + 1 + (pattern[at + 1 : at + 2] == "^")
        end = pattern.find("]", start + 1)  # a ] that comes first is one of the class
        if sign == "[" and end > 0:
            inside = re.sub(r"([\\\[\]&~|^])", r"\\\1", pattern[start:end])
            out.append(f"[{'^' * (start - at - 1)}{inside}]")
            at = end
        elif sign == "[":
            out.append(r"[^\x00-\x{10FFFF}]")  # a class without an end matches nothing
        else:
            out.append({"*": ".*", "?": "."}.get(sign) or re.escape(sign))
        at += 1
    return "".join(out)


def _cast(node: exp.Cast, fixes: Fixes) -> exp.Expr:
    """CAST cuts numbers off and reads the number that a text begins with."""
    kind = node.to.sql(dialect="sqlite").upper()
    value = node.this
    text = isinstance(value, exp.Literal) and value.is_string
    if "INT" in kind or kind in {"LONG", "BOOL", "BOOLEAN"}:
        if text or fixes.text_casts:
            return _called("__tq_int", value)
        if isinstance(value, _PREDICATES):
            return _typed(value, "BIGINT")
        return _typed(_called("trunc", value), "BIGINT")
    if any(part in kind for part in ("CHAR", "TEXT", "CLOB", "STRING")):
        return _typed(value, "VARCHAR")
    if any(part in kind for part in ("REAL", "FLOA", "DOUB", "NUMERIC", "DECIMAL")):
        return _called("__tq_real", value)
    return node


def _counts(node: exp.Expr) -> bool:
    """Whether a condition stands where SQLite takes it as 0 or 1, and not as a condition."""
    child, parent = node, node.parent
    while isinstance(parent, exp.Paren):
        child, parent = parent, parent.parent
    if isinstance(parent, exp.If):
        return child is not parent.this
    return not isinstance(
        parent, exp.Filter | exp.Where | exp.Having | exp.Join | exp.Not | exp.And | exp.Or
    )


def _function(node: exp.Expr) -> exp.Expr:
    match node:
        case exp.Format():
            return _called("printf", node.this, *node.expressions)
        case exp.Typeof():
            return _called("__tq_typeof", node.this)
        case exp.Coalesce():
            return _coalesced(node)
        case exp.Round():
            places = node.args.get("decimals")
            value = _typed(node.this, "DOUBLE")
            return _called("round", value, *([places] if places is not None else []))
        case exp.Substring():
            return _substring(node)
        case exp.GroupConcat(this=exp.Column()):
            node.set("this", _typed(node.this, "VARCHAR"))
    return node


def _substring(node: exp.Substring) -> exp.Expr:
    """Take position 0 for the one before the first character."""
    start, length = node.args.get("start"), node.args.get("length")
    if not (isinstance(start, exp.Literal) and start.this == "0" and length is not None):
        return node
    one = exp.Literal.number(1)
    return _called("substr", node.this, one, exp.Sub(this=length.copy(), expression=one))


def _coalesced(node: exp.Coalesce) -> exp.Expr:
    """Give a mix of texts and numbers one type: text."""
    parts = [node.this, *node.expressions]
    bare = [part.this if part.args.get("done") else part for part in parts]
    literals = [part for part in bare if isinstance(part, exp.Literal)]
    if len({bool(literal.is_string) for literal in literals}) > 1:
        texts = [_typed(part, "VARCHAR") for part in parts]
        return exp.Coalesce(this=texts[0], expressions=texts[1:])
    return node


def _unknown_function(node: exp.Anonymous, around: Surroundings) -> exp.Expr:
    """Translate what the parser has no class for."""
    name, given = node.name.lower(), list(node.expressions)
    if name == "extract_arg" and len(given) == 2:
        return _arg(node, given[1], around)
    if name == "total" and len(given) == 1:
        inside = exp.Sum(this=_typed(given[0], "DOUBLE"))
        return exp.Coalesce(this=inside, expressions=[_typed(exp.Literal.number(0), "DOUBLE")])
    if name == "regexp" and len(given) == 2:
        return _called("regexp_matches", given[1], given[0])
    if name == "json_extract" and len(given) == 2:
        return _called("json_extract_string", *given)
    hint: exp.Expr = given[0] if name in _HINTS and given else node
    return hint


def _arg(node: exp.Anonymous, key: exp.Expr, around: Surroundings) -> exp.Expr:
    """Give extract_arg() the type that the args of the trace have under this key."""
    kind = around.arg_type(key.name) if isinstance(key, exp.Literal) and key.is_string else "text"
    call = node.copy()
    if kind == "int":
        return exp.TryCast(this=call, to=exp.DataType.build("BIGINT"), done=True)
    if kind == "real":
        return exp.TryCast(this=call, to=exp.DataType.build("DOUBLE"), done=True)
    if kind == "bool":
        return _called("__tq_flag", call)
    return node
