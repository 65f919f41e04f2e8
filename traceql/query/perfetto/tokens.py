"""Tokens of Perfetto's SQL, each with its place in the text that the user wrote."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from traceql.errors import SqlError

Kind = Literal["word", "quoted", "string", "blob", "number", "variable", "sign"]

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<blob>[xX]'[0-9A-Fa-f]*')
    | (?P<string>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*"|`[^`]*`|\[[A-Za-z_][\w ]*\])
    | (?P<number>0[xX][0-9A-Fa-f]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<variable>[$@:][A-Za-z_]\w*|\?\d*)
    | (?P<word>[^\W\d]\w*)
    | (?P<sign>->>|->|\|\||<<|>>|<=|>=|<>|!=|==|[-+*/%&|~<>=!.,;()])
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """One token. `place` is its character in the user's text; None: it comes from elsewhere."""

    kind: Kind
    text: str
    place: int | None
    glued: bool = False
    """Whether nothing stands between it and the token before."""

    @property
    def value(self) -> str:
        """Give what it says: a word in small letters, a text or quoted name without quotes."""
        if self.kind == "word":
            return self.text.lower()
        if self.kind in {"quoted", "string"}:
            inner, quote = self.text[1:-1], self.text[-1]
            return inner.replace(quote * 2, quote)
        return self.text

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these keywords, written in small letters."""
        return self.kind == "word" and self.text.lower() in words

    def is_sign(self, *signs: str) -> bool:
        """Whether it is one of these signs."""
        return self.kind == "sign" and self.text in signs


def tokenize(text: str, *, foreign: bool = False) -> list[Token]:
    """Split a text into tokens; comments and white space fall away.

    Args:
        text: any number of statements.
        foreign: the text is not the user's, so its places mean nothing to them.

    Raises:
        SqlError: a character belongs to no token, such as an open quote.
    """
    found: list[Token] = []
    at, glued = 0, False
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            what = "a quote is not closed" if text[at] in "'\"`" else f"unexpected {text[at]!r}"
            line, column, near = place_of(text, at)
            raise SqlError(what, line, column, near)
        kind = str(match.lastgroup)
        if kind != "space":
            place = None if foreign else at
            found.append(Token(kind, match[0], place, glued))  # type: ignore[arg-type]
        glued = kind != "space"
        at = match.end()
    return found


def split(tokens: Iterable[Token]) -> list[list[Token]]:
    """Split at semicolons; empty statements fall away."""
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if token.is_sign(";"):
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def closing(tokens: Sequence[Token], start: int) -> int:
    """Give the place in the list of the parenthesis that closes the one at `start`.

    Raises:
        ValueError: none does.
    """
    depth = 0
    for index in range(start, len(tokens)):
        depth += tokens[index].is_sign("(") - tokens[index].is_sign(")")
        if depth == 0:
            return index
    raise ValueError("a parenthesis is not closed")


def separated(tokens: Sequence[Token]) -> list[list[Token]]:
    """Split at commas that stand in no parentheses; no tokens give no parts."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += token.is_sign("(") - token.is_sign(")")
        if depth == 0 and token.is_sign(","):
            parts.append([])
        else:
            parts[-1].append(token)
    return parts if tokens else []


def written(tokens: Iterable[Token]) -> str:
    """Write tokens as a text again: what was glued stays glued."""
    parts: list[str] = []
    for token in tokens:
        if parts and not token.glued:
            parts.append(" ")
        parts.append(token.text)
    return "".join(parts)


def moved(tokens: Iterable[Token], place: int | None) -> list[Token]:
    """Give the tokens as if they stood at one place of the user's text."""
    return [replace(token, place=place) for token in tokens]


def place_of(text: str, at: int | None) -> tuple[int, int, str]:
    """Give line and column (from 1) of a character, and the line with a caret under it."""
    if at is None:
        return 0, 0, ""
    line = text.count("\n", 0, at) + 1
    start = text.rfind("\n", 0, at) + 1
    source = text[start:].split("\n", 1)[0].replace("\t", " ")
    return line, at - start + 1, f"  {source}\n  {' ' * (at - start)}^"
