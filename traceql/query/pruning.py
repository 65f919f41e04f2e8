"""Which traces a query can read at all, so that the files of others are not opened.

Every view of the library has a row's own trace in the column `trace`, and gives for several traces
the union of what it gives for each. So a trace can be left out if every place where the query reads
a view demands, in the WHERE of the same SELECT, another trace or a time at which the trace has no
events. Only what is certain counts: constants and parameters joined by AND, carried from table to
table by `a.trace = b.trace` and USING (trace) of inner and left joins. A LIMIT over columns of one
view, with nothing between, needs no more traces than have so many rows. Whatever else a query does,
all its traces are read, and the answer is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from traceql.query import library

Parameters = Sequence[Any] | Mapping[str, Any] | None

_TIMED = frozenset({
    "slice", "slices", "thread_slice", "process_slice", "instant", "counter", "sched",
    "sched_slice", "thread_state", "perf_sample", "gpu_slice", "gpu_kernel", "gpu_memcpy",
    "gpu_memset", "gpu_sync",
})  # fmt: skip
"""Views whose `ts` is the stored time of one of the trace's own events."""

_SAFE_SOURCES = {"SUBQUERY", "EMPTY", "EMPTY_FROM", "EXPRESSION_LIST", "TABLE_FUNCTION"}
"""What may stand in FROM beside tables: it reads nothing, or holds a SELECT that is judged."""

_SAFE_JOINS = {("INNER", "REGULAR"), ("LEFT", "REGULAR"), ("INNER", "CROSS")}
_PER_ROW = "extract_arg"
"""A macro that reads what belongs to the row whose key it is given."""

_FOREVER = (-(1 << 63), (1 << 63) - 1)
_BOUNDS = {
    "COMPARE_GREATERTHAN": "lower",
    "COMPARE_GREATERTHANOREQUALTO": "lower",
    "COMPARE_LESSTHAN": "upper",
    "COMPARE_LESSTHANOREQUALTO": "upper",
}
_MIRRORED = {"lower": "upper", "upper": "lower"}


_WHOLE = {
    "slice": "slice", "slices": "slice", "counter": "counter", "sched": "sched",
    "sched_slice": "sched", "thread_state": "thread_state", "thread": "thread",
    "process": "process",
}  # fmt: skip
"""Views that give each row of a stored table once, and that table."""

_PASSED_ON = {"STAR", "COLUMN_REF", "CONSTANT"}
_UNTOUCHED = ("where_clause", "group_expressions", "group_sets", "having", "sample", "qualify")


class Need(NamedTuple):
    """What one place reads: the traces named, with an event in the window; None: no such limit."""

    traces: frozenset[str] | None
    window: tuple[int, int] | None
    """First and last ts, ns."""

    def takes(self, name: str, bounds: Callable[[], tuple[int, int] | None]) -> bool:
        """Whether the rows of a trace may be read here; its bounds are asked for if they count."""
        if self.traces is not None and name not in self.traces:
            return False
        if self.window is None:
            return True
        found = bounds()
        return found is not None and found[0] <= self.window[1] and found[1] >= self.window[0]


def needs(tree: list[dict[str, Any]], parameters: Parameters = None) -> tuple[Need, ...] | None:
    """Give what each place of a query reads; None: any trace may matter.

    Args:
        tree: the statements as DuckDB serialises them.
        parameters: values of `?` in order, or of `$name` by name.
    """
    nodes = list(_dictionaries(tree))
    ctes = {str(e.get("key", "")).lower() for n in nodes for e in _entries(n.get("cte_map"))}
    if ctes & library.objects().keys() or not all(_is_pure(node) for node in nodes):
        return None
    found: list[Need] = []
    for node in nodes:
        if node.get("type") != "SELECT_NODE":
            continue
        scope = _Scope(parameters)
        if not scope.enter(node.get("from_table")):
            return None
        scope.restrict(node.get("where_clause"))
        for alias, table in scope.tables.items():
            if table in ctes:
                continue
            need = scope.need(alias)
            if need == (None, None):
                return None
            found.append(need)
    return tuple(found) or None


def first_rows(tree: list[dict[str, Any]]) -> tuple[str, int] | None:
    """Give the stored table whose first rows a query passes on, and how many; None: it does more.

    Args:
        tree: the statements as DuckDB serialises them.
    """
    if len(tree) != 1:
        return None
    node = tree[0].get("node", {})
    modifiers, source = node.get("modifiers", ()), node.get("from_table") or {}
    plain = (
        node.get("type") == "SELECT_NODE"
        and len(modifiers) == 1
        and modifiers[0].get("limit_type") == "ROW_COUNT"
        and not any(node.get(part) for part in _UNTOUCHED)
        and node.get("aggregate_handling") == "STANDARD_HANDLING"
        and not _entries(node.get("cte_map"))
        and all(map(_is_passed_on, node.get("select_list", ())))
        and source.get("type") == "BASE_TABLE"
        and not source.get("sample")
        and str(source.get("schema_name") or "main") == "main"
    )
    table = _WHOLE.get(str(source.get("table_name", "")).lower()) if plain else None
    if table is None:
        return None
    given = [modifiers[0].get(part) for part in ("limit", "offset")]
    counts = [_Scope(None)._value(part) if part else 0 for part in given]  # noqa: SLF001
    return (table, sum(counts)) if all(map(_is_integer, counts)) else None


def _is_passed_on(item: dict[str, Any]) -> bool:
    """Whether a column of an answer is one of the table's, or a constant."""
    # What stands in `* REPLACE (…)` or `COLUMNS(…)` may be a query of its own.
    return item.get("class") in _PASSED_ON and not (item.get("replace_list") or item.get("expr"))


@dataclass
class _Scope:
    """The FROM of one SELECT, and what its WHERE demands of each table in it."""

    parameters: Parameters
    tables: dict[str, str] = field(default_factory=dict)
    """Alias to table; what is no table has an alias but no entry here."""
    sources: int = 0
    equal: list[set[str]] = field(default_factory=list)
    """Groups of aliases whose `trace` is equal; "" stands for the bare name."""
    traces: dict[str, frozenset[str]] = field(default_factory=dict)
    windows: dict[str, tuple[int, int]] = field(default_factory=dict)

    def enter(self, source: dict[str, Any] | None) -> bool:
        """Take in the FROM; False: its shape is none of those that are understood."""
        if source is None:
            return True
        kind = source.get("type")
        if kind == "JOIN":
            return self._enter_join(source)
        self.sources += 1
        if kind != "BASE_TABLE":
            return kind in _SAFE_SOURCES
        table = str(source.get("table_name", "")).lower()
        self.tables[str(source.get("alias") or table).lower()] = table
        return not source.get("column_name_alias") and not source.get("sample")

    def restrict(self, condition: dict[str, Any] | None) -> None:
        """Take in the WHERE."""
        for part in _conjuncts(condition):
            self._equate(part)
            if (named := self._named_traces(part)) is not None:
                alias, names = named
                known = self.traces.get(alias)
                self.traces[alias] = names if known is None else known & names
            if (timed := self._window(part)) is not None:
                alias, (first, last) = timed
                low, high = self.windows.get(alias, _FOREVER)
                self.windows[alias] = (max(low, first), min(high, last))

    def need(self, alias: str) -> Need:
        """Give what is demanded of one table."""
        same = {alias} | ({""} if self.sources == 1 else set())
        while True:
            more = set().union(same, *(group for group in self.equal if group & same))
            if more == same:
                break
            same = more
        names = [self.traces[other] for other in same if other in self.traces]
        window = None
        if self.tables[alias] in _TIMED:
            window = self.windows.get(alias)
            if self.sources == 1 and "" in self.windows:
                low, high = self.windows[""]
                window = (max(low, window[0]), min(high, window[1])) if window else (low, high)
        return Need(frozenset.intersection(*names) if names else None, window)

    def _enter_join(self, join: dict[str, Any]) -> bool:
        if (join.get("join_type"), join.get("ref_type")) not in _SAFE_JOINS:
            return False
        before = set(self.tables)
        if not (self.enter(join.get("left")) and self.enter(join.get("right"))):
            return False
        if "trace" in {str(name).lower() for name in join.get("using_columns", ())}:
            self.equal.append({"", *(set(self.tables) - before)})
        for part in _conjuncts(join.get("condition")):
            self._equate(part)
        return True

    def _equate(self, part: dict[str, Any]) -> None:
        if part.get("type") == "COMPARE_EQUAL":
            sides = [self._column(part.get(side), "trace") for side in ("left", "right")]
            if None not in sides:
                self.equal.append({side for side in sides if side is not None})

    def _named_traces(self, part: dict[str, Any]) -> tuple[str, frozenset[str]] | None:
        """Give the alias and the texts that a condition allows for its `trace`."""
        kind = part.get("type")
        if kind == "COMPARE_EQUAL":
            operands = [part.get("left", {}), part.get("right", {})]
            if self._column(operands[0], "trace") is None:
                operands.reverse()
        elif kind == "COMPARE_IN":
            operands = list(part.get("children", ()))
        else:
            return None
        alias = self._column(operands[0], "trace") if operands else None
        texts = [self._value(value) for value in operands[1:]]
        if alias is None or not texts or not all(isinstance(text, str) for text in texts):
            return None
        return alias, frozenset(map(str, texts))

    def _window(self, part: dict[str, Any]) -> tuple[str, tuple[int, int]] | None:
        """Give the alias and the times that a condition allows for its `ts`."""
        kind = str(part.get("type"))
        if kind == "COMPARE_BETWEEN":
            alias = self._column(part.get("input"), "ts")
            low, high = self._value(part.get("lower")), self._value(part.get("upper"))
        elif kind == "COMPARE_EQUAL" or kind in _BOUNDS:
            left, right = part.get("left"), part.get("right")
            bound = _BOUNDS.get(kind, "both")
            if self._column(left, "ts") is None:
                left, right, bound = right, left, _MIRRORED.get(bound, bound)
            alias, value = self._column(left, "ts"), self._value(right)
            low = _FOREVER[0] if bound == "upper" else value
            high = _FOREVER[1] if bound == "lower" else value
        else:
            return None
        if alias is None or not _is_integer(low) or not _is_integer(high):
            return None
        return alias, (low, high)

    def _column(self, item: dict[str, Any] | None, name: str) -> str | None:
        """Give the alias by which a column of that name is meant, "" if by none; None: another."""
        path = [str(part).lower() for part in (item or {}).get("column_names", ())]
        if path == [name]:
            return ""
        return path[0] if len(path) == 2 and path[1] == name and path[0] in self.tables else None

    def _value(self, item: dict[str, Any] | None) -> Any:
        """Give a constant or the value of a parameter; None: neither."""
        item = item or {}
        if item.get("type") == "VALUE_PARAMETER":
            return _parameter(str(item.get("identifier", "")), self.parameters)
        literal = item.get("literal", {}) if item.get("type") == "VALUE_CONSTANT" else {}
        text = str(literal.get("text", ""))
        if literal.get("kind") == "STRING" and "text" in literal:
            return text
        if literal.get("kind") == "INTEGER" and text.lstrip("-").isdigit():
            return int(text)
        return None


def _is_pure(node: dict[str, Any]) -> bool:
    """Whether a part of the query reads no more of the store than its FROM says."""
    name = str(node.get("function_name", "")).lower()
    found = library.objects().get(name) if name else None
    if found is None:
        return True
    if name == _PER_ROW:
        arguments: list[dict[str, Any]] = node.get("arguments") or [{}]
        names = arguments[0].get("expression", {}).get("column_names") or [""]
        return str(names[-1]).lower() == "arg_set_id"
    return not any(
        other.startswith(f"{library.STORED}.") and other != f"{library.STORED}.trace"
        for other in library.in_order([name])
    ) and not any(library.takes_table(found, argument) for argument in found.arguments)


def _parameter(name: str, parameters: Parameters) -> Any:
    if isinstance(parameters, Mapping):
        return parameters.get(name)
    if parameters is None or not name.isdigit() or not 0 < int(name) <= len(parameters):
        return None
    return parameters[int(name) - 1]


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _conjuncts(condition: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    if condition is None:
        return
    if condition.get("type") == "CONJUNCTION_AND":
        for child in condition.get("children", ()):
            yield from _conjuncts(child)
    else:
        yield condition


def _entries(cte_map: Any) -> list[dict[str, Any]]:
    return list(cte_map.get("map", ())) if isinstance(cte_map, dict) else []


def _dictionaries(tree: Any) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting.extend(value for value in item.values() if isinstance(value, (dict, list)))
        else:
            waiting.extend(value for value in item if isinstance(value, (dict, list)))
