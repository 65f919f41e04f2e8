"""The forms that a statement of Perfetto's SQL can have, told apart by their first words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from traceql.query.perfetto.tokens import Token, closing, separated


class FormError(Exception):
    """A statement has no form that is known; `token` is where."""

    def __init__(self, message: str, token: Token, *, refused: bool = False) -> None:
        self.message, self.token, self.refused = message, token, refused
        super().__init__(message)


@dataclass(frozen=True)
class Argument:
    """An argument of a function, or a column of a table: a name and a type."""

    name: str
    type: str


@dataclass(frozen=True)
class Side:
    """One side of a span join."""

    table: str
    partition: str | None


@dataclass(frozen=True)
class Statement:
    """One statement; which fields mean something depends on `form`.

    Forms: query (body), include (name), macro (name, arguments, body), function (name, arguments,
    returns; table_returns says that it gives rows; body), delegate (name, what: the function that
    it is another name of), table and view (name, body; what says
    whether perfetto), empty table (name, columns, key; body is what stands in its parentheses and
    after), insert (name, names, body; what is its OR clause), change (an UPDATE or DELETE: name,
    body), span join (name, join, sides), drop (name, what, or_replace as IF EXISTS), nothing (an
    index, which changes no row).
    """

    form: Literal[
        "query", "include", "macro", "function", "delegate", "table", "view", "empty table",
        "insert", "change", "span join", "drop", "nothing",
    ]  # fmt: skip
    tokens: Sequence[Token]
    name: str = ""
    body: Sequence[Token] = ()
    arguments: tuple[Argument, ...] = ()
    returns: str = ""
    table_returns: bool = False
    or_replace: bool = False
    columns: tuple[Argument, ...] = ()
    key: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    join: str = ""
    sides: tuple[Side, ...] = field(default=())
    what: str = ""
    absent: bool = False
    """IF NOT EXISTS."""


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens, self.at = tokens, 0

    @property
    def token(self) -> Token:
        return self.tokens[min(self.at, len(self.tokens) - 1)]

    def takes(self, *words: str) -> bool:
        """Go past words, if they all stand here."""
        ahead = self.tokens[self.at : self.at + len(words)]
        found = len(ahead) == len(words) and all(
            token.is_word(word) for token, word in zip(ahead, words, strict=True)
        )
        if found:
            self.at += len(words)
        return found

    def needs(self, *words: str) -> None:
        if not self.takes(*words):
            raise FormError(f"expected {' '.join(words).upper()}", self.token)

    def name(self) -> str:
        token = self.token
        if self.at >= len(self.tokens) or token.kind not in {"word", "quoted"}:
            raise FormError("expected a name", token)
        self.at += 1
        if self._is_sign("."):  # temp.name and main.name are the name
            self.at += 1
            return self.name()
        return token.value if token.kind == "quoted" else token.text

    def dotted(self) -> str:
        parts = []
        while self.at < len(self.tokens):
            parts.append(self.token.text)
            self.at += 1
        return "".join(parts)

    def parentheses(self) -> Sequence[Token]:
        if not self._is_sign("("):
            raise FormError("expected (", self.token)
        try:
            end = closing(self.tokens, self.at)
        except ValueError as error:
            raise FormError(str(error), self.token) from error
        found = self.tokens[self.at + 1 : end]
        self.at = end + 1
        return found

    def has_parentheses(self) -> bool:
        return self._is_sign("(")

    def rest(self) -> Sequence[Token]:
        found = self.tokens[self.at :]
        if not found:
            raise FormError("the statement ends too early", self.token)
        return found

    def _is_sign(self, sign: str) -> bool:
        return self.at < len(self.tokens) and self.token.is_sign(sign)


_QUERIES = ("select", "with", "values", "explain")
_REFUSED = (
    "attach", "detach", "pragma", "copy", "install", "load", "set", "reset",
    "begin", "commit", "rollback", "savepoint", "vacuum", "analyze", "reindex", "alter", "export",
    "import", "call", "use", "checkpoint", "force", "prepare", "execute", "deallocate",
)  # fmt: skip


def read(tokens: Sequence[Token]) -> Statement:
    """Tell which form a statement has, and take it apart.

    Args:
        tokens: of one statement, macros expanded except in the body of a macro.

    Raises:
        FormError: it has no form that the dialect knows.
    """
    reader = _Reader(tokens)
    first = tokens[0]
    if first.is_word(*_QUERIES) or first.is_sign("("):
        return Statement("query", tokens, body=tokens)
    if reader.takes("include", "perfetto", "module"):
        return Statement("include", tokens, name=reader.dotted())
    if reader.takes("create"):
        return _create(reader)
    if first.is_word("insert", "replace", "update", "delete"):
        return _write(reader)
    if reader.takes("drop"):
        return _drop(reader)
    if first.is_word(*_REFUSED):
        raise FormError(first.text.upper(), first, refused=True)
    raise FormError(f"no statement of PerfettoSQL begins with {first.text}", first)


_CONFLICTS = ("abort", "fail", "ignore", "replace", "rollback")


def _write(reader: _Reader) -> Statement:
    """Read INSERT, REPLACE, UPDATE or DELETE."""
    verb = reader.token.value
    reader.at += 1
    conflict = "or replace" if verb == "replace" else ""
    if reader.takes("or"):
        conflict = f"or {reader.token.value}"
        if reader.token.value not in _CONFLICTS:
            raise FormError("expected one of " + ", ".join(_CONFLICTS).upper(), reader.token)
        reader.at += 1
    for token in reader.tokens:
        if token.is_word("returning"):
            raise FormError("RETURNING", token, refused=True)
    if verb == "update":
        return Statement("change", reader.tokens, name=reader.name(), what=conflict)
    reader.needs("from" if verb == "delete" else "into")
    name = reader.name()
    if verb == "delete":
        return Statement("change", reader.tokens, name=name)
    names: tuple[str, ...] = ()
    if reader.has_parentheses():
        names = tuple(part[0].value for part in separated(reader.parentheses()) if part)
    return Statement(
        "insert", reader.tokens, name=name, names=names, body=reader.rest(), what=conflict
    )


def is_macro_definition(tokens: Sequence[Token]) -> bool:
    """Whether a statement makes a macro, whose body is not expanded before it is called."""
    words = [token.value for token in tokens[:6]]
    return bool(words) and words[0] == "create" and "macro" in words


def _create(reader: _Reader) -> Statement:
    replaces = reader.takes("or", "replace")
    if reader.takes("perfetto"):
        return _create_perfetto(reader, replaces=replaces)
    if not reader.takes("temp"):
        reader.takes("temporary")
    if reader.takes("virtual", "table"):
        return _create_virtual(reader)
    if reader.takes("view"):
        return _relation(reader, "view", replaces=replaces)
    if reader.takes("table"):
        return _relation(reader, "table", replaces=replaces)
    if reader.takes("index") or reader.takes("unique", "index"):
        return Statement("nothing", reader.tokens)
    raise FormError(f"CREATE {reader.token.text.upper()}", reader.token, refused=True)


def _create_perfetto(reader: _Reader, *, replaces: bool) -> Statement:
    if reader.takes("table"):
        return _relation(reader, "table", replaces=replaces, what="perfetto")
    if reader.takes("view"):
        return _relation(reader, "view", replaces=replaces, what="perfetto")
    if reader.takes("index"):
        return Statement("nothing", reader.tokens)
    if reader.takes("macro"):
        name = reader.name()
        arguments = _arguments(reader.parentheses())
        reader.needs("returns")
        returns = reader.name()
        reader.needs("as")
        return Statement(
            "macro", reader.tokens, name=name, arguments=arguments, returns=returns,
            body=reader.rest(), or_replace=replaces,
        )  # fmt: skip
    if reader.takes("function"):
        return _function(reader, replaces=replaces)
    raise FormError(f"CREATE PERFETTO {reader.token.text.upper()} is not known", reader.token)


def _function(reader: _Reader, *, replaces: bool) -> Statement:
    name = reader.name()
    arguments = _arguments(reader.parentheses())
    reader.needs("returns")
    columns: tuple[Argument, ...] = ()
    gives_rows = reader.takes("table")
    if gives_rows:
        columns = _arguments(reader.parentheses())
        returns = "TABLE"
    else:
        returns = reader.name()
        if reader.has_parentheses():
            reader.parentheses()
    if reader.takes("delegates", "to"):
        return Statement("delegate", reader.tokens, name=name, what=reader.name())
    reader.needs("as")
    return Statement(
        "function", reader.tokens, name=name, arguments=arguments, returns=returns,
        table_returns=gives_rows, columns=columns, body=reader.rest(), or_replace=replaces,
    )  # fmt: skip


def _relation(
    reader: _Reader, form: Literal["table", "view"], *, replaces: bool, what: str = ""
) -> Statement:
    absent = reader.takes("if", "not", "exists")
    name = reader.name()
    start = reader.at
    listed = reader.parentheses() if reader.has_parentheses() else None
    if reader.takes("as"):
        names = tuple(argument.name for argument in _arguments(listed or ()))
        return Statement(
            form, reader.tokens, name=name, names=names, body=reader.rest(),
            or_replace=replaces, what=what, absent=absent,
        )  # fmt: skip
    if form == "view" or listed is None or what:
        raise FormError("expected AS", reader.token)
    columns, key = _columns(listed)
    return Statement(
        "empty table", reader.tokens, name=name, columns=columns, key=key, or_replace=replaces,
        body=reader.tokens[start:], absent=absent,
    )  # fmt: skip


def _create_virtual(reader: _Reader) -> Statement:
    reader.takes("if", "not", "exists")
    name = reader.name()
    reader.needs("using")
    token = reader.token
    join = reader.name().lower()
    if join not in {"span_join", "span_left_join", "span_outer_join"}:
        raise FormError(f"USING {token.text} needs a virtual table that TraceQL lacks", token)
    sides = []
    for part in separated(reader.parentheses()):
        side = _Reader(part)
        table = side.name()
        sides.append(Side(table, side.name() if side.takes("partitioned") else None))
    if len(sides) != 2:
        raise FormError(f"{token.text} joins two tables", token)
    return Statement("span join", reader.tokens, name=name, join=join, sides=tuple(sides))


def _drop(reader: _Reader) -> Statement:
    reader.takes("perfetto")
    for what in ("table", "view", "macro", "function", "index"):
        if reader.takes(what):
            absent = reader.takes("if", "exists")
            name = reader.name()
            form: Literal["nothing", "drop"] = "nothing" if what == "index" else "drop"
            return Statement(form, reader.tokens, name=name, what=what, or_replace=absent)
    raise FormError(f"DROP {reader.token.text.upper()}", reader.token, refused=True)


def _arguments(listed: Sequence[Token]) -> tuple[Argument, ...]:
    found = []
    for part in separated(listed):
        if not part:
            continue
        reader = _Reader(part)
        found.append(Argument(reader.name(), part[1].text if len(part) > 1 else ""))
    return tuple(found)


_CONSTRAINTS = ("primary", "unique", "check", "foreign", "constraint", "not", "default", "collate",
                "references", "null", "generated", "hidden")  # fmt: skip


def _columns(listed: Sequence[Token]) -> tuple[tuple[Argument, ...], tuple[str, ...]]:
    columns: list[Argument] = []
    key: tuple[str, ...] = ()
    for part in separated(listed):
        reader = _Reader(part)
        if reader.takes("primary", "key"):
            key = tuple(name[0].value for name in separated(reader.parentheses()) if name)
            continue
        if part[0].is_word("unique", "check", "foreign", "constraint"):
            continue
        name = reader.name()
        words = []
        while reader.at < len(part) and not reader.token.is_word(*_CONSTRAINTS):
            words.append(reader.token.text)
            reader.at += 1
        columns.append(Argument(name, " ".join(words)))
        if any(a.is_word("primary") for a in part[reader.at :]):
            key = (name,)
    return tuple(columns), key
