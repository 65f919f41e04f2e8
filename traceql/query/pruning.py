"""Which traces a query can read at all, so that the files of others are not opened.

Only what is certain counts: one SELECT over one table whose WHERE demands, beside anything else,
that `trace` is one of some texts. Every view of the library has a row's own trace in that column,
and gives for several traces the union of what it gives for each; so leaving out files cannot
change the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def wanted_traces(tree: list[dict[str, Any]]) -> frozenset[str] | None:
    """Give the names of the traces that a query can read; None: any.

    Args:
        tree: the statements as DuckDB serialises them.
    """
    if len(tree) != 1:
        return None
    node = tree[0].get("node", {})
    source = node.get("from_table", {})
    if node.get("type") != "SELECT_NODE" or source.get("type") != "BASE_TABLE":
        return None
    if sum(_is_query(item) for item in _dictionaries(tree)) != 1:
        return None
    names = {str(source.get(key, "")).lower() for key in ("alias", "table_name")}
    found: frozenset[str] | None = None
    for condition in _conjuncts(node.get("where_clause")):
        texts = _texts_of_trace(condition, names)
        if texts is not None:
            found = texts if found is None else found & texts
    return found


def _is_query(item: dict[str, Any]) -> bool:
    return str(item.get("type", "")).endswith("_NODE")


def _conjuncts(condition: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    if condition is None:
        return
    if condition.get("type") == "CONJUNCTION_AND":
        for child in condition.get("children", ()):
            yield from _conjuncts(child)
    else:
        yield condition


def _texts_of_trace(condition: dict[str, Any], tables: set[str]) -> frozenset[str] | None:
    """Give the texts that a condition allows for the column `trace`; None: it is about others."""
    kind = condition.get("type")
    if kind == "COMPARE_EQUAL":
        sides = [condition.get("left", {}), condition.get("right", {})]
        column = next((side for side in sides if _is_trace(side, tables)), None)
        values = [side for side in sides if side is not column]
    elif kind == "COMPARE_IN":
        children = condition.get("children", [])
        column = children[0] if children and _is_trace(children[0], tables) else None
        values = children[1:]
    else:
        return None
    if column is None or not values:
        return None
    texts = [_text(value) for value in values]
    return frozenset(t for t in texts if t is not None) if None not in texts else None


def _is_trace(item: dict[str, Any], tables: set[str]) -> bool:
    path = [str(name).lower() for name in item.get("column_names", ())]
    return path[-1:] == ["trace"] and (len(path) == 1 or (len(path) == 2 and path[0] in tables))


def _text(item: dict[str, Any]) -> str | None:
    literal = item.get("literal", {}) if item.get("type") == "VALUE_CONSTANT" else {}
    return str(literal["text"]) if literal.get("kind") == "STRING" and "text" in literal else None


def _dictionaries(tree: Any) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
