"""The grammar of JSON as regular expressions over bytes, and the texts behind its tokens.

The expressions are possessive, so a match costs time proportional to its length. They are as
lenient as the files in the field need: trailing commas, NaN and Infinity, raw control characters
in strings, any escape. They are strict about structure, so that damage is noticed where it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

LEVELS = 4
"""How deep a value may nest to be matched in one step; deeper ones are walked."""

STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
SCALAR = rb"[-+]?+(?:[0-9.][-+0-9.eE]*+|NaN|Infinity)|true|false|null"
_ATOM = STRING + rb"|" + SCALAR


def _nested(levels: int) -> bytes:
    value = _ATOM
    for _ in range(levels):
        member = STRING + rb"\s*+:\s*+(?:" + value + rb")\s*+(?:,\s*+|(?=\}))"
        element = rb"(?:" + value + rb")\s*+(?:,\s*+|(?=\]))"
        object_ = rb"\{\s*+(?:" + member + rb")*+\}"
        value = _ATOM + rb"|" + object_ + rb"|\[\s*+(?:" + element + rb")*+\]"
    return value


_NESTED = _nested(LEVELS)

VALUE = re.compile(_NESTED, re.DOTALL)
"""One value that nests at most LEVELS deep; a number may go on where the match ends."""

OBJECT = re.compile(
    rb"[\s,]*+(\{\s*+(?:" + STRING + rb"\s*+:\s*+(?:" + _NESTED + rb")\s*+(?:,\s*+|(?=\})))*+\})",
    re.DOTALL,
)
"""Separators, then group 1: an object whose members nest at most LEVELS deep."""

MEMBERS = re.compile(
    rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"\s*+:\s*+(' + _NESTED + rb")",
    re.DOTALL,
)
"""On the text of an OBJECT, `findall` gives (key without quotes, value) of each member."""

KEY = re.compile(rb"[\s,]*+(" + STRING + rb")\s*+:\s*+", re.DOTALL)
SPACE = re.compile(rb"[\s,]*+")

IN_OBJECT = re.compile(
    rb"\s*+(?:,\s*+)?+(?:"
    + STRING
    + rb"\s*+:\s*+(?:"
    + _ATOM
    + rb")\s*+(?:,\s*+|(?=\})))*+("
    + STRING
    + rb"\s*+:\s*+(?=[\[{]))?+",
    re.DOTALL,
)
"""Members without structure; group 1: the key of a member that begins with a bracket."""

IN_ARRAY = re.compile(rb"\s*+(?:,\s*+)?+(?:(?:" + _ATOM + rb")\s*+(?:,\s*+|(?=\])))*+", re.DOTALL)
"""Elements without structure."""

CUT_OFF = re.compile(
    rb"(?:" + STRING + rb"\s*+(?::\s*+)?+)?+"
    rb'(?:"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\)?+|[-+.\w]{0,400}+)\s*+\Z',
    re.DOTALL,
)
"""What may stand at the end of a block although the text goes on."""

NEXT_OBJECT = re.compile(rb'\}\s*,\s*(?=\{\s*")')
"""Where one element of an array of objects ends and the next one begins."""

_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/"}
_SURROGATE = re.compile("[\ud800-\udfff]")


def decode(raw: bytes, damaged: Callable[[], None]) -> str:
    """Decode UTF-8; bytes that are none become U+FFFD and `damaged` is called once."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        damaged()
        return raw.decode(errors="replace")


def text(token: bytes, damaged: Callable[[], None]) -> str:
    """Give the text of a string token; other tokens give their source text.

    Lone surrogates become U+FFFD and call `damaged`, since Arrow holds none. Escapes that JSON
    does not know, as in unescaped Windows paths, stay as they are.
    """
    source = decode(token, damaged)
    if not source.startswith('"'):
        return source
    if "\\" not in source:
        return source[1:-1]
    try:
        value: str = json.loads(source, strict=False)
    except ValueError:
        value = _ESCAPE.sub(_unescape, source[1:-1])
    if _SURROGATE.search(value):
        damaged()
        value = _SURROGATE.sub("\ufffd", value)
    return value


def _unescape(match: re.Match[str]) -> str:
    escape = match[1]
    if len(escape) == 5:
        return chr(int(escape[1:], 16))
    return _ESCAPED.get(escape, match[0])
