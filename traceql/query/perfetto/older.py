"""Older forms of PerfettoSQL, given in today's: functions that make functions, and IMPORT()."""

from __future__ import annotations

from collections.abc import Sequence

from traceql.query.perfetto.statements import FormError
from traceql.query.perfetto.tokens import Token, moved, separated, tokenize

_COUNTS = {"create_function": 3, "create_view_function": 3, "import": 1, "experimental_memoize": 1}


def todays(tokens: Sequence[Token]) -> list[Token]:
    """Give a statement in today's form; one that is none of the older ones as it is.

    `SELECT CREATE_FUNCTION('f(x INT)', 'INT', 'SELECT $x')`, the same with CREATE_VIEW_FUNCTION and
    columns in place of the type, `SELECT IMPORT('a.b')`, and `SELECT EXPERIMENTAL_MEMOIZE('f')`.

    Raises:
        FormError: more than one statement is in it.
    """
    if len(tokens) < 5 or not tokens[0].is_word("select") or not tokens[2].is_sign("("):
        return list(tokens)
    name = tokens[1].value
    given = separated(tokens[3:-1])
    fits = tokens[1].kind == "word" and len(given) == _COUNTS.get(name) and tokens[-1].is_sign(")")
    if not fits or not all(len(part) == 1 and part[0].kind == "string" for part in given):
        return list(tokens)
    texts = [part[0].value for part in given]
    if name == "experimental_memoize":
        # Functions remember what they gave, so that there is nothing to be done.
        text = "CREATE INDEX memoized"
    elif name == "import":
        text = f"INCLUDE PERFETTO MODULE {texts[0]}"
    else:
        returns = texts[1] if name == "create_function" else f"TABLE({texts[1]})"
        text = f"CREATE OR REPLACE PERFETTO FUNCTION {texts[0]} RETURNS {returns} AS {texts[2]}"
    made = tokenize(text.rstrip().rstrip(";"), foreign=True)
    if any(token.is_sign(";") for token in made):
        raise FormError(f"{tokens[1].text} takes one statement", tokens[1])
    return moved(made, tokens[0].place)
