"""Debug annotations as JSON, in the order of the source."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from traceql.importers.perfetto.messages import ANNOTATION, NESTED_VALUE
from traceql.importers.perfetto.wire import Fields, decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from traceql.importers.perfetto.sequences import Sequence

_DEEPEST = 64
_VALUES = ("bool", "uint", "int", "double", "string", "pointer", "nested", "legacy_json")


class Annotations:
    """Writes annotations of one file.

    Args:
        count: called with a code for what is wrong.
    """

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count
        self._quoted: dict[str, str] = {}

    def write(self, annotations: list[bytes], sequence: Sequence) -> str:
        """Write annotations as a JSON object; a name that comes twice stands there twice.

        Pointers are texts in hexadecimal, messages of other schemas (`proto_value`) hexadecimal
        texts of their bytes, numbers that JSON lacks their names.

        Raises:
            WireError: one is damaged.
        """
        return self._object(annotations, sequence, 0)

    def _object(self, annotations: list[bytes], sequence: Sequence, depth: int) -> str:
        parts = []
        for raw in annotations:
            fields = decode(ANNOTATION, raw)
            name = fields.get("name")
            if name is None:
                name = self._interned("debug_annotation_names", fields.get("name_iid"), sequence)
            parts.append(f"{self._quote(name or '')}:{self._value(fields, sequence, depth)}")
        return "{" + ",".join(parts) + "}"

    def _interned(self, kind: str, iid: int | None, sequence: Sequence) -> str | None:
        if not iid:
            return None
        found = sequence.text(kind, iid)
        if found is None:
            self._count("interned_data_missing")
        return found

    def _quote(self, text: str) -> str:
        found = self._quoted.get(text)
        if found is None:
            if len(self._quoted) > 1 << 16:
                self._quoted.clear()
            found = self._quoted[text] = json.dumps(text, ensure_ascii=False)
        return found

    def _value(  # noqa: PLR0911  (one for each kind)
        self, fields: Fields, sequence: Sequence, depth: int
    ) -> str:
        if depth > _DEEPEST:
            return '"…"'
        if "dict" in fields:
            return self._object(fields["dict"], sequence, depth + 1)
        if "array" in fields:
            found = (self._value(decode(ANNOTATION, raw), sequence, depth + 1)
                     for raw in fields["array"])  # fmt: skip
            return "[" + ",".join(found) + "]"
        if "string_iid" in fields:
            kind = "debug_annotation_string_values"
            text = self._interned(kind, fields["string_iid"], sequence)
            return "null" if text is None else self._quote(text)
        if "proto" in fields:
            return json.dumps(fields["proto"].hex())
        for name in _VALUES:
            if name in fields:
                return self._plain(name, fields[name], depth)
        return "null"

    def _plain(self, kind: str, value: object, depth: int) -> str:
        if kind in {"uint", "int"}:
            return str(value)
        if kind == "pointer":
            return f'"{value:#x}"'
        if kind == "nested":
            assert isinstance(value, bytes)
            return self._nested(value, depth + 1)
        if kind == "legacy_json":
            return _as_json(str(value))
        return literal(value)

    def _nested(self, raw: bytes, depth: int) -> str:
        if depth > _DEEPEST:
            return '"…"'
        fields = decode(NESTED_VALUE, raw)
        inner = fields.get("dict_values") or fields.get("array_values") or ()
        values = [self._nested(each, depth + 1) for each in inner]
        if "dict_values" in fields or fields.get("type") == 1:
            keys = fields.get("dict_keys", [])
            return "{" + ",".join(f"{self._quote(k)}:{v}"
                                  for k, v in zip(keys, values, strict=False)) + "}"  # fmt: skip
        if "array_values" in fields or fields.get("type") == 2:
            return "[" + ",".join(values) + "]"
        for name in ("int", "double", "bool", "string"):
            if name in fields:
                return literal(fields[name])
        return "null"


def literal(value: object) -> str:
    """Write a value as JSON; what JSON has no number for becomes a text."""
    if isinstance(value, float) and not math.isfinite(value):
        value = str(value)
    return json.dumps(value, ensure_ascii=False)


def _as_json(text: str) -> str:
    """Give a text that should be JSON, quoted where it is not."""
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return json.dumps(text, ensure_ascii=False)
    return text


def _refuse(text: str) -> None:
    raise ValueError(text)
