"""Slow, obvious oracles of the JSON splitter and scanner, on Python's own json."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from json.decoder import scanstring

SPACE = b" \t\n\r"
TIMES, IDENTIFIERS, TEXTS, MARKS = (
    ("ts", "dur", "tts", "tdur"),
    ("pid", "tid", "id"),
    ("name", "cat"),
    ("ph", "bp", "s"),
)
scan_once = json.JSONDecoder(strict=True).scan_once


class NotPlain(Exception):
    """The event is for the slow reader."""


def split(data: bytes) -> tuple[list[tuple[int, int]], int, bool]:
    """Events of an array whose opening bracket was passed; end of the array or -1; clean gaps."""
    events, depth, brackets, begin = [], 0, 0, 0
    quoted = escaped = False
    gap, clean, seen = b"", True, False
    for i, byte in enumerate(data):
        char = chr(byte)
        hidden, escaped = escaped, (char == "\\" and not escaped)
        if char == '"' and not hidden:
            quoted = not quoted
        elif not quoted and depth and char in "{}":
            depth += 1 if char == "{" else -1
            if depth == 0:
                events.append((begin, i + 1))
                gap, seen = b"", True
                continue
        elif not quoted and not depth and char == "{":
            clean &= gap.translate(None, SPACE) == (b"," if seen else b"")
            depth, begin = 1, i
        elif not quoted and not depth and char in "[]":
            if char == "]" and brackets == 0:
                return events, i + 1, clean and not gap.translate(None, SPACE)
            brackets += 1 if char == "[" else -1
        if not depth:
            gap += bytes([byte])
    if not depth:
        clean &= not gap.translate(None, SPACE + b",")
    return events, -1, clean


def skip(text: str, at: int) -> int:
    while text[at : at + 1] and text[at] in " \t\n\r":
        at += 1
    return at


def members(text: str) -> list[tuple[str, str]]:
    """Raw key (between its quotes) and raw value of each member, in order."""
    found = []
    if text[0] != "{":
        raise ValueError("not JSON")
    at = skip(text, 1)
    if text[at] == "}":
        if at + 1 != len(text):
            raise ValueError("not JSON")
        return found
    while True:
        if text[at] != '"':
            raise ValueError("not JSON")
        _, end = scanstring(text, at + 1, True)
        key = text[at + 1 : end - 1]
        at = skip(text, end)
        if text[at] != ":":
            raise ValueError("not JSON")
        at = skip(text, at + 1)
        _, end = scan_once(text, at)
        found.append((key, text[at:end]))
        at = skip(text, end)
        if text[at] == "}" and at + 1 == len(text):
            return found
        if text[at] != ",":
            raise ValueError("not JSON")
        at = skip(text, at + 1)


def nanoseconds(literal: str) -> int:
    if not re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", literal):
        raise NotPlain
    exact = abs(Fraction(literal))
    if int(exact) >= 2**62 // 1000:
        raise NotPlain
    value = int(exact * 1000 + Fraction(1, 2))
    return -value if literal[0] == "-" else value


def canonical(literal: str) -> bool:
    plain = re.fullmatch(r"0|-?[1-9]\d*", literal)
    return bool(plain) and -(2**63) <= int(literal) < 2**63


def lift(text: str, lifted: list[str]) -> tuple[str, dict[int, int]]:
    """Args template and the integers that fill its holes."""
    if text.count("{") != 1:
        return text, {}
    values = {}
    names = "|".join(re.escape(key) for key in lifted)
    space = r"[ \t\n\r]*"
    pattern = rf'([{{,]{space}"({names})"{space}:{space})([-0-9]+)(?={space}[,}}])'

    def hole(match: re.Match[str]) -> str:
        if not canonical(match[3]):
            return match[0]
        column = lifted.index(match[2])
        values[column] = int(match[3])
        return f"{match[1]}\x01{chr(65 + column)}"

    return re.sub(pattern, hole, text), values


def fill(template: str, values: dict[int, int]) -> str:
    return re.sub("\x01([A-P])", lambda m: str(values[ord(m[1]) - 65]), template)


def read(event: bytes, lifted: list[str]) -> dict[str, object]:
    """Fields of a plain event; NotPlain, or ValueError if it is not JSON."""
    text = event.decode("latin-1")
    try:
        found = members(text)
    except (StopIteration, IndexError) as error:
        raise ValueError("not JSON") from error
    if len(found) > 16:
        raise NotPlain
    fields, extra = {}, []
    for key, value in found:
        if key in (*TIMES, *IDENTIFIERS, *TEXTS, *MARKS, "args") and key in fields:
            raise NotPlain
        quoted = value[0] == '"'
        if key in TIMES:
            fields[key] = nanoseconds(value)
        elif key in IDENTIFIERS and not quoted:
            if not canonical(value):
                raise NotPlain
            fields[key] = int(value)
        elif key in IDENTIFIERS or key in TEXTS:
            if not quoted:
                raise NotPlain
            fields[key] = value[1:-1]
        elif key in MARKS:
            if not re.fullmatch(r'"[ !#-\[\]-~]"', value):
                raise NotPlain
            fields[key] = value[1]
        elif key == "args":
            if value[0] != "{":
                raise NotPlain
            if value.count("{") == 1:
                keys = [k for k, _ in members(value) if k in lifted]
                if len(keys) != len(set(keys)):
                    raise NotPlain
            fields[key] = value
        elif "\\" in key:
            raise NotPlain
        else:
            extra.append(f'"{key}":{value}')
    fields["order"] = [key if key in fields else "extra" for key, _ in found]
    if extra:
        fields["extra"] = "{" + ",".join(extra) + "}"
    return fields
