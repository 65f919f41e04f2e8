"""A statement's tokens as text for the parser, and the names of its columns as it spells them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from traceql.query.perfetto.meaning import BOUND
from traceql.query.perfetto.tokens import Token, closing, separated, tokenize, written

_NAMES = """
str_split regexp_extract regexp_replace_simple unhex percentile hash to_timecode to_monotonic
to_realtime abs_time_str
"""
_OF_PERFETTO = {name: f"__tq_{name}" for name in _NAMES.split()}
"""Functions of Perfetto whose names mean something else, or nothing, to parser and engine."""
_AFTER_COLUMNS = ("from", "where", "group", "having", "order", "limit", "union", "except",
                  "intersect", "window", "qualify")  # fmt: skip


def sqlite_text(
    tokens: Sequence[Token], functions: Collection[str], arguments: Collection[str]
) -> str:
    """Write a query for the parser.

    Args:
        tokens: of the query.
        functions: the session's own functions, whose hidden names are written.
        arguments: names of `$name` that are arguments of the function around the query.
    """
    out: list[Token] = []
    ignoring = -1
    for index, token in enumerate(tokens):
        called = index + 1 < len(tokens) and tokens[index + 1].is_sign("(")
        if token.kind == "word" and called and token.value in functions:
            out.append(replace(token, text=f"_u_{token.value}"))
        elif token.kind == "word" and called and token.value in _OF_PERFETTO:
            out.append(replace(token, text=_OF_PERFETTO[token.value]))
        elif token.kind == "word" and called and token.value == "last_non_null":
            out.append(replace(token, text="last_value"))
            ignoring = closing(tokens, index + 1)
        elif index == ignoring:
            out += [token, *tokenize(" IGNORE NULLS", foreign=True)]
        elif token.kind == "variable" and len(token.text) > 1 and token.text[0] in "$:@":
            name = token.text[1:]
            own = name.lower() in arguments
            out.append(replace(token, text=f"_p_{name.lower()}" if own else f"{BOUND}{name}"))
        else:
            out.append(token)
    return written(out)


def own_text(tokens: Sequence[Token], text: str) -> str:
    """Give some tokens as the user spelled them, or written anew where a macro made some."""
    first, last = tokens[0].place, tokens[-1].place
    if first is not None and last is not None and last >= first:
        spelled = text[first : last + len(tokens[-1].text)]
        if [t.text for t in tokenize(spelled)] == [t.text for t in tokens]:
            return spelled
    return written(tokens)


def labels(tokens: Sequence[Token], text: str) -> list[str] | None:
    """Give the columns of the outermost SELECT as the user spelled them, None if unknown."""
    depth = 0
    start = None
    for index, token in enumerate(tokens):
        depth += token.is_sign("(") - token.is_sign(")")
        if depth:
            continue
        if start is None and token.is_word("select"):
            start = index + 1
            if start < len(tokens) and tokens[start].is_word("distinct", "all"):
                start += 1
        elif start is not None and token.is_word(*_AFTER_COLUMNS):
            return [_label(part, text) for part in separated(tokens[start:index])]
    return [_label(part, text) for part in separated(tokens[start:])] if start else None


def _label(part: Sequence[Token], text: str) -> str:
    if not part:
        return ""
    first, last = part[0].place, part[-1].place
    if first is not None and last is not None and last >= first:
        spelled = text[first : last + len(part[-1].text)]
        if spelled.replace(" ", "").startswith(part[0].text):
            return " ".join(spelled.split())
    return written(part)
