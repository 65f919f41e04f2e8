"""Macros of Perfetto's SQL: `name!(…)` is replaced, token by token, before anything is parsed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from traceql.query.perfetto.tokens import Token, closing, moved, separated, tokenize, written

_DEEPEST = 64

Arguments = Sequence[Sequence[Token]]
Builtin = Callable[[Arguments], list[Token]]


class MacroError(Exception):
    """A macro cannot be expanded; `token` is where."""

    def __init__(self, message: str, token: Token, *, unknown: str = "") -> None:
        self.message, self.token, self.unknown = message, token, unknown
        super().__init__(message)


@dataclass(frozen=True)
class Macro:
    """One macro: the names of its arguments, and the tokens it stands for."""

    name: str
    arguments: tuple[str, ...]
    body: tuple[Token, ...]


def expand(
    tokens: Sequence[Token],
    macros: Mapping[str, Macro],
    builtins: Mapping[str, Builtin],
    depth: int = 0,
) -> list[Token]:
    """Replace every call of a macro, arguments first; what a macro gives is looked at again.

    Args:
        tokens: of one statement.
        macros: by name in small letters.
        builtins: macros that are programs, by name.
        depth: how many calls are around.

    Raises:
        MacroError: no such macro, a wrong number of arguments, or no end of nesting.
    """
    out: list[Token] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        if not _is_call(tokens, index):
            out.append(token)
            index += 1
            continue
        if depth > _DEEPEST:
            raise MacroError(f"the macro {token.text}! calls itself without end", token)
        try:
            end = closing(tokens, index + 2)
        except ValueError as error:
            raise MacroError(str(error), tokens[index + 2]) from error
        given = [
            expand(part, macros, builtins, depth + 1) for part in separated(tokens[index + 3 : end])
        ]
        body = _called(token, given, macros, builtins)
        if body:
            body[0] = replace(body[0], glued=False)
        out += expand(body, macros, builtins, depth + 1)
        index = end + 1
        if index < len(tokens) and tokens[index].kind != "sign":
            out.append(replace(tokens[index], glued=False))
            index += 1
    return out


def _is_call(tokens: Sequence[Token], index: int) -> bool:
    return (
        index + 2 < len(tokens)
        and tokens[index].kind == "word"
        and tokens[index + 1].is_sign("!")
        and tokens[index + 2].is_sign("(")
    )


def _called(
    name: Token,
    given: Arguments,
    macros: Mapping[str, Macro],
    builtins: Mapping[str, Builtin],
) -> list[Token]:
    builtin = builtins.get(name.value)
    macro = macros.get(name.value)
    if macro is None and builtin is None:
        raise MacroError(f"no macro named {name.text}!", name, unknown=name.value)
    if macro is None:
        assert builtin is not None
        try:
            return builtin(given)
        except ValueError as error:
            raise MacroError(f"{name.text}!: {error}", name) from error
    if len(given) != len(macro.arguments):
        raise MacroError(
            f"the macro {name.text}! takes {len(macro.arguments)} arguments, "
            f"{len(given)} were given",
            name,
        )
    values = dict(zip(macro.arguments, given, strict=True))
    out: list[Token] = []
    for token in macro.body:
        if token.kind == "variable" and token.text[1:].lower() in values:
            value = list(values[token.text[1:].lower()])
            if value:
                value[0] = replace(value[0], glued=token.glued)
            out += value
        elif token.place is None:
            out.append(replace(token, place=name.place))
        else:
            out.append(token)
    return out


def inner(tokens: Sequence[Token]) -> list[list[Token]]:
    """Give the parts of a list in parentheses: `(a, b)` gives a and b; a bare a gives a."""
    if tokens and tokens[0].is_sign("(") and closing(tokens, 0) == len(tokens) - 1:
        return [part for part in separated(tokens[1:-1]) if part]
    return [list(tokens)] if tokens else []


def _needs(given: Arguments, least: int) -> None:
    if len(given) < least:
        raise ValueError(f"{least} arguments are needed, {len(given)} were given")


def _applied(separator: str, *, prefixed: bool) -> Builtin:
    """Make `apply!(m, (a, b), (c, d))`: m!(a, c) <separator> m!(b, d)."""

    def apply(given: Arguments) -> list[Token]:
        _needs(given, 2)
        return _mapped(given[0], [inner(part) for part in given[1:]], separator, prefixed=prefixed)

    return apply


def _joined(*, prefixed: bool, lists: int) -> Builtin:
    """Make the older form, `map_join!((a, b), m, separator)` and `zip_join!(…, …, m, …)`."""

    def join(given: Arguments) -> list[Token]:
        _needs(given, lists + 2)
        parts = [inner(part) for part in given[:lists]]
        separator = written(given[lists + 1]).strip("()") or ","
        return _mapped(given[lists], parts, separator, prefixed=prefixed)

    return join


def _mapped(
    macro: Sequence[Token], lists: Sequence[list[list[Token]]], separator: str, *, prefixed: bool
) -> list[Token]:
    if len({len(part) for part in lists}) > 1:
        raise ValueError("the lists differ in length")
    out: list[Token] = []
    for place, values in enumerate(zip(*lists, strict=True)):
        if place or prefixed:
            out += tokenize(separator, foreign=True)
        out += [*macro, *tokenize("!(", foreign=True)]
        for number, value in enumerate(values):
            out += (tokenize(",", foreign=True) if number else []) + value
        out += tokenize(")", foreign=True)
    return out


def _stringified(given: Arguments) -> list[Token]:
    _needs(given, 1)
    text = written(given[0]).strip().replace("'", "''")
    return moved(tokenize(f"'{text}'", foreign=True), None)


def _comma(_: Arguments) -> list[Token]:
    return tokenize(",", foreign=True)


BUILTINS: Mapping[str, Builtin] = {
    "__intrinsic_stringify": _stringified,
    "__intrinsic_token_comma": _comma,
    "__intrinsic_token_apply": _applied(",", prefixed=False),
    "__intrinsic_token_apply_prefix": _applied(",", prefixed=True),
    "__intrinsic_token_apply_and": _applied("AND", prefixed=False),
    "__intrinsic_token_apply_and_prefix": _applied("AND", prefixed=True),
    "__intrinsic_token_map_join": _joined(prefixed=False, lists=1),
    "__intrinsic_token_zip_join": _joined(prefixed=False, lists=2),
    "__intrinsic_prefixed_token_map_join": _joined(prefixed=True, lists=1),
    "__intrinsic_prefixed_token_zip_join": _joined(prefixed=True, lists=2),
}
"""Perfetto's macros over tokens."""
