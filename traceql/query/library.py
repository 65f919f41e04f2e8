"""The SQL standard library: what `queries/` defines, with its documentation and dependencies.

`queries/slices/self_dur.sql` is the module `slices.self_dur`. A file holds `CREATE VIEW` and
`CREATE MACRO` statements, each with a comment above it that says what it gives. Nothing is run
here: a session creates an object when a query first mentions it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Literal

from traceql.errors import TraceQLError, UnknownName
from traceql.model import resources, tables

Kind = Literal["view", "macro", "table macro"]

STORED = "stored"
"""Schema of the relations that stand for Parquet files; `query/views.py` makes them."""

KERNEL = "__k_"
"""How the names of functions begin that are kernels; `query/relations.py` declares them."""

_CREATE = re.compile(
    r"^CREATE (?P<what>VIEW|MACRO) (?P<name>[a-z_][a-z0-9_]*)\s*(?P<rest>.*?);[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
ARGS = frozenset({"args", "end_args", "extra", "end_extra"})
"""Columns of slices that cost more than all others, so that they are made only where asked for."""

_TABLE_MACRO = re.compile(r"^\((?P<args>[^)]*)\)\s*AS\s+TABLE\b", re.DOTALL)
_SCALAR_MACRO = re.compile(r"^\((?P<args>[^)]*)\)\s*AS\b", re.DOTALL)
_NOISE = re.compile(r"--[^\n]*|'(?:[^']|'')*'")
_READS = re.compile(r"\b(?:FROM|JOIN)\s+([a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)?)", re.IGNORECASE)
_ALSO_CALLED = re.compile(r"^Also called: (?P<names>[a-z0-9_, ]+)\.$", re.MULTILINE)
_CALLS = re.compile(r"\b([a-z_][a-z0-9_]*)\s*\(", re.IGNORECASE)


@dataclass(frozen=True)
class Object:
    """One view or macro. `sql` is its CREATE statement, `doc` the comment above it."""

    name: str
    kind: Kind
    module: str
    sql: str
    doc: str
    arguments: tuple[str, ...]

    @property
    def other_names(self) -> tuple[str, ...]:
        """Older names, in the folder of its module: what stands behind `Also called:`."""
        folder = self.module.partition(".")[0]
        said = _ALSO_CALLED.search(self.doc)
        names = said["names"].split(",") if said else []
        return tuple(f"{folder}.{name.strip()}" for name in names)

    @property
    def is_private(self) -> bool:
        """Whether it is a part of others, not for people."""
        return self.name.startswith("_")


@dataclass(frozen=True)
class Module:
    """One file of `queries/`: its public objects in order, and what the head of the file says."""

    name: str
    doc: str
    every_object: tuple[Object, ...]

    @property
    def objects(self) -> tuple[Object, ...]:
        """Give the public objects."""
        return tuple(item for item in self.every_object if not item.is_private)


@cache
def modules() -> tuple[Module, ...]:
    """Give every module: the prelude first, then by name.

    Raises:
        TraceQLError: two objects have one name.
    """
    root = resources.queries()
    found = [_module(path, root) for path in root.rglob("*.sql")]
    return tuple(sorted(found, key=lambda m: (not m.name.startswith("prelude."), m.name)))


@cache
def objects() -> Mapping[str, Object]:
    """Give every object by name, private ones included.

    Raises:
        TraceQLError: two objects have one name.
    """
    found: dict[str, Object] = {}
    for module in modules():
        for item in module.every_object:
            if item.name in found:
                other = found[item.name].module
                raise TraceQLError(f"{item.name} is defined in {other} and in {module.name}")
            found[item.name] = item
    return found


def find(name: str) -> Object:
    """Give the public object that a name means.

    That is its own name, also with a dot after the name of its folder (`nsys.osrt_sum`), an older
    name, or that of a module with one object.

    Raises:
        UnknownName: nothing has that name, or the module has several objects.
    """
    found = objects().get(name.lower().replace(".", "_")) or _renamed().get(name.lower())
    if found is not None and not found.is_private:
        return found
    for module in modules():
        if module.name == name:
            if len(module.objects) == 1:
                return module.objects[0]
            raise UnknownName(name, [o.name for o in module.objects], kind="single object")
    known = [o.name for o in objects().values() if not o.is_private] + [m.name for m in modules()]
    raise UnknownName(name, get_close_matches(name, known, n=3), kind="object or module")


@cache
def _renamed() -> Mapping[str, Object]:
    return {name: item for item in objects().values() for name in item.other_names}


def takes_table(item: Object, argument: str) -> bool:
    """Whether an argument of a macro is the name of a table: read by it, or by what it calls."""
    if re.search(rf"query_table\({argument}\)", item.sql):
        return True
    for name in needs(item.name):
        called = objects().get(name)
        if called is not None and argument in _tables_passed(item, called):
            return True
    return False


def _tables_passed(item: Object, called: Object) -> set[str]:
    """What an object passes on to a macro in the places that take tables."""
    return {
        passed.strip()
        for call in re.finditer(rf"\b{called.name}\(([^()]*)\)", item.sql)
        for passed, argument in zip(call[1].split(","), called.arguments, strict=False)
        if takes_table(called, argument)
    }


@cache
def needs(name: str) -> tuple[str, ...]:
    """Give the names that object `name` reads or calls: of the library, or `stored.<table>`.

    Raises:
        KeyError: no object has that name.
    """
    body = _NOISE.sub("", objects()[name].sql).lower()
    named = [*_READS.findall(body), *_CALLS.findall(body)]
    known = objects().keys() | {f"{STORED}.{table}" for table in stored_names()}
    return tuple(
        dict.fromkeys(n for n in named if (n in known or n.startswith(KERNEL)) and n != name)
    )


@cache
def needs_kernel(name: str) -> bool:
    """Whether an object calls a kernel, itself or by what it needs; plain DuckDB has none."""
    return name.startswith(KERNEL) or (
        name in objects() and any(needs_kernel(other) for other in needs(name))
    )


@cache
def needs_args(name: str) -> bool:
    """Whether an object reads what slices say beside their times, itself or by what it needs.

    The prelude's own objects are made with or without it, whichever a query asks for.
    """
    found = objects().get(name)
    if found is None or found.module.startswith("prelude."):
        return False
    said = ARGS & set(re.findall(r"\w+", _NOISE.sub("", found.sql).lower()))
    return bool(said) or any(needs_args(other) for other in needs(name))


def in_order(names: Iterator[str] | list[str]) -> list[str]:
    """Give the names and all they need, each after what it needs."""
    ordered: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in ordered:
            return
        if name in objects():
            for other in needs(name):
                visit(other)
        ordered[name] = None

    for name in names:
        visit(name)
    return list(ordered)


@cache
def stored_names() -> tuple[str, ...]:
    """Give the tables of the schema `stored`: the canonical ones, and `trace`."""
    return (*tables.canonical(), "trace")


def _module(path: Path, root: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    name = ".".join(path.relative_to(root).with_suffix("").parts)
    head = _comment_lines(text.split("\n\n", 1)[0]) if text.startswith("--") else ""
    return Module(name, head, tuple(_objects(text, name)))


def _objects(text: str, module: str) -> Iterator[Object]:
    for match in _CREATE.finditer(text):
        rest = match["rest"]
        kind: Kind = "view"
        arguments: tuple[str, ...] = ()
        if match["what"] == "MACRO":
            as_table = _TABLE_MACRO.match(rest)
            shape = as_table or _SCALAR_MACRO.match(rest)
            assert shape is not None, f"{module}: {match['name']} has no argument list"
            kind = "table macro" if as_table else "macro"
            arguments = tuple(
                part.split(":=")[0].strip() for part in shape["args"].split(",") if part.strip()
            )
        above = text[: match.start()].rstrip("\n").rsplit("\n\n", 1)[-1]
        doc = _comment_lines(above) if text[: match.start()].endswith("\n") else ""
        yield Object(match["name"], kind, module, match[0].rstrip().rstrip(";"), doc, arguments)


def _comment_lines(block: str) -> str:
    """Give the trailing comment of a block without its dashes."""
    lines: list[str] = []
    for line in reversed(block.splitlines()):
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").removeprefix(" "))
    return "\n".join(reversed(lines)).strip("\n")
