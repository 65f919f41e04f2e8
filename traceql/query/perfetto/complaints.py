"""Errors about generated SQL, told about the text that the user wrote."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from traceql.errors import QueryError, SqlError, StatementRefused, StoreError, UnknownName
from traceql.query import translate
from traceql.query.perfetto.tokens import Token, place_of

_LINE = re.compile(r"^LINE (\d+): (.*)\n( *)\^+", re.MULTILINE)


class Complaints:
    """Translates the errors of one statement.

    Args:
        tokens: of the statement, with places in `text`.
        text: all that the user wrote.
        names: for "table", "column" or "function", the names that exist.
    """

    def __init__(
        self, tokens: Sequence[Token], text: str, names: Callable[[str], Iterable[str]]
    ) -> None:
        self.tokens, self.text, self._names = tokens, text, names

    @property
    def quoted(self) -> set[str]:
        """Give the names in double quotes, which may be texts."""
        return {t.value for t in self.tokens if t.kind == "quoted" and t.text.startswith('"')}

    def error(self, message: str, token: Token | None = None) -> SqlError:
        """Give an error at a token, or at the start of the statement."""
        return SqlError(message, *place_of(self.text, (token or self.tokens[0]).place))

    def parse_error(self, error: Exception, written: str) -> SqlError:
        """Translate a SqlglotError about the text `written`."""
        details = getattr(error, "errors", None) or [{}]
        highlight = str(details[0].get("highlight") or "")
        message = str(details[0].get("description") or "this is not SQL").rstrip(".")
        before = written[: int(details[0].get("col") or 0)].lower()
        return self.error(message, self._nth(highlight, before.count(highlight.lower()) - 1))

    def engine_error(
        self, error: Exception, sql: str, *, memory: int | None, timeout_s: float | None
    ) -> QueryError | StoreError:
        """Translate an error of the engine about the statement `sql` that was made of it."""
        found = translate.translated(
            error,
            sql,
            self._names,
            memory_limit_bytes=memory,
            timeout_s=timeout_s,
        )
        if isinstance(found, UnknownName):
            return self.unknown(found.name, found.kind, found.close_matches)
        if isinstance(found, SqlError):
            return self.error(_plain(found.message), self._near(str(error), sql))
        return found

    def moved(self, error: QueryError) -> QueryError:
        """Give an error of the guard, placed in the user's text."""
        if isinstance(error, UnknownName):
            return self.unknown(error.name, error.kind, error.close_matches)
        if isinstance(error, SqlError) and not error.line:
            return self.error(error.message)
        return error

    def unknown(self, name: str, kind: str, close: Sequence[str]) -> QueryError:
        """Give the error about a name that does not exist."""
        shown = name.removeprefix("_u_")
        if shown.startswith("__tq"):
            return self.error(f"{shown} is not for queries")
        place = place_of(self.text, (self._nth(shown, 0) or self.tokens[0]).place)
        line, column, near = place
        return UnknownName(shown, close, kind=kind, line=line, column=column, near=near)

    def refused(self, what: str, why: str) -> StatementRefused:
        """Give a refusal."""
        return StatementRefused(what, why)

    def _near(self, message: str, sql: str) -> Token | None:
        """Find the token that the engine's caret is under."""
        places = list(_LINE.finditer(message))
        if not places:
            return None
        line, column, _ = translate._place(message, sql)  # noqa: SLF001
        if not line:
            return None
        row = sql.split("\n")[line - 1]
        word = re.match(r'"?([^\W]\w*)', row[column - 1 :])
        if word is None:
            return None
        before = row[: column - 1].lower()
        return self._nth(word[1], len(re.findall(rf"\b{re.escape(word[1].lower())}\b", before)))

    def _nth(self, name: str, number: int) -> Token | None:
        same = [t for t in self.tokens if t.value.lower() == name.lower() or t.text == name]
        placed = [t for t in same if t.place is not None]
        return placed[min(max(number, 0), len(placed) - 1)] if placed else None


def _plain(message: str) -> str:
    return re.sub(r"\b_u_(\w+)", r"\1", message)
