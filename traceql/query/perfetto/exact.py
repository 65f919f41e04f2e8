"""SQLite runs a query over copies of a small trace's tables: its rows, values and order exactly.

A trace whose events are few (MOST_EVENTS) costs little to copy, so that what SQLite means need not
be imitated. What the engine alone computes (table macros, span joins) is computed there first.
Larger traces are asked in the engine, by a translation of the query.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from traceql.query.perfetto.leaves import Leaves
from traceql.query.perfetto.plain import NotPlain, Rows
from traceql.query.perfetto.tokens import Token, closing, moved, separated, tokenize
from traceql.query.perfetto.written import own_text

if TYPE_CHECKING:
    from traceql.query.answer import Parameters
    from traceql.query.perfetto.complaints import Complaints
    from traceql.query.perfetto.engine import DialectEngine
    from traceql.query.perfetto.statements import Statement
    from traceql.store.catalog import Trace

MOST_EVENTS = 50_000
"""Rows of all tables of the traces in scope."""
_MOST_EVENTS_WITH_ARGS = 10_000
"""The same for a query of `args`, which gives many rows an event."""
_MOST_STEPS = 20_000_000


class Exact:
    """Runs queries in SQLite over copies, where the traces in scope are small."""

    def __init__(self, engine: DialectEngine, traces: Sequence[Trace]) -> None:
        self._engine = engine
        self._events = sum(
            file.rows
            for trace in traces
            for name, file in trace.manifest.tables.items()
            if not name.startswith("dim_")
        )
        self.is_wanted = True
        self._makes_rows: dict[str, Statement] = {}

    def ask(
        self, body: Sequence[Token], complaints: Complaints, parameters: Parameters = None
    ) -> Rows | None:
        """Give the rows of a query; None where the engine has to run it."""
        most = MOST_EVENTS
        if any(token.is_word("args") for token in body):
            most = _MOST_EVENTS_WITH_ARGS
        if not self.is_wanted or self._events > most:
            return None
        try:
            inlined = self._inlined(body)
        except NotPlain:
            return None
        leaves = Leaves(self._engine, inlined)

        def run() -> Rows:
            return self._engine.plain.ask(text, parameters, most_steps=_MOST_STEPS)

        try:
            tokens = leaves.engine_calls(inlined, complaints)
            text = own_text(tokens, complaints.text)
            return leaves.over(run)
        except NotPlain:
            return None
        finally:
            leaves.clear()

    def knows(self, name: str, statement: Statement | None) -> None:
        """Remember a function that gives rows, or forget it."""
        self._makes_rows.pop(name, None)
        if statement is not None:
            self._makes_rows[name] = statement

    def _inlined(self, tokens: Sequence[Token], depth: int = 0) -> list[Token]:
        """Replace calls of the text's own table functions by their queries.

        Only where the arguments are constants: a name might mean something else inside.
        """
        out: list[Token] = []
        index = 0
        while index < len(tokens):
            token = tokens[index]
            made = self._makes_rows.get(token.value) if token.kind == "word" else None
            called = index + 1 < len(tokens) and tokens[index + 1].is_sign("(")
            if made is None or not called or depth > 16:
                out.append(token)
                index += 1
                continue
            end = closing(tokens, index + 1)
            given = separated(tokens[index + 2 : end])
            if len(given) != len(made.arguments) or not all(map(_is_constant, given)):
                raise NotPlain("a function of the row")
            values = {a.name.lower(): g for a, g in zip(made.arguments, given, strict=True)}
            inner: list[Token] = []
            for part in made.body:
                name = part.text[1:].lower()
                if part.kind == "variable" and name in values:
                    inner += [*tokenize(" (", foreign=True), *values[name]]
                    inner += tokenize(") ", foreign=True)
                else:
                    inner.append(part)
            out += tokenize(" (", foreign=True)
            out += self._inlined(moved(inner, None), depth + 1)
            out += tokenize(") ", foreign=True)
            index = end + 1
        return out


def _is_constant(tokens: Sequence[Token]) -> bool:
    return all(
        token.kind in {"number", "string", "blob"}
        or token.is_word("null", "true", "false")
        or token.is_sign("-", "+", "*")
        for token in tokens
    )
