"""Extended payloads of NVTX: binary rows whose fields NVTX_PAYLOAD_SCHEMAS describe (NCCL)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from traceql.importers._columns import Int64
    from traceql.importers.nsight.context import Context

_HEADER = np.dtype([("domain", "<u8"), ("schema", "<u8"), ("size", "<u8"), ("word", "<u8")])
_BY_CODE = {5: "<u4", 18: "<u8", 22: "<u8"}
"""Codes seen in files; those from 16777216 on are enumerations, as int32."""
_FIRST_ENUM = 16_777_216
_VALUE_COLUMNS = ("uint64Value", "int64Value", "doubleValue", "uint32Value", "int32Value",
                  "floatValue")  # fmt: skip


class _Field(NamedTuple):
    name: str
    offset: int
    kind: str
    enum: dict[int, str]


class Payloads:
    """Turns payload columns into args."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._schemas = self._read()

    def take(self, columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
        """Take payloads out of the columns; a JSON payload stays a text."""
        said: dict[str, pa.Array] = {}
        for name in _VALUE_COLUMNS:
            column = columns.get(name)
            if column is not None and column.null_count < len(column):
                said[f"payload_{name.removesuffix('Value')}"] = columns.pop(name)
        binary = columns.pop("binaryData", None)
        if binary is not None and binary.null_count < len(binary):
            said |= self._fields(binary)
        return said

    def _fields(self, binary: pa.Array) -> dict[str, pa.Array]:
        """Give the fields of all rows; bytes that no schema describes as hexadecimal text."""
        rows = len(binary)
        offsets: Int64 = np.frombuffer(binary.buffers()[1], np.int32).astype(np.int64)
        offsets = offsets[binary.offset : binary.offset + rows + 1]
        data = np.frombuffer(binary.buffers()[2] or b"", np.uint8)
        size = np.diff(offsets)
        has = size >= _HEADER.itemsize
        header = np.zeros(rows, _HEADER)
        header[has] = _at(data, offsets[:-1][has], _HEADER.itemsize).view(_HEADER)[:, 0]
        said: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        known = np.zeros(rows, np.bool_)
        for (domain, schema), fields in self._schemas.items():
            mine = has & (header["domain"] == domain) & (header["schema"] == schema)
            for field in fields:
                width = np.dtype(field.kind).itemsize
                start = _HEADER.itemsize + field.offset
                whole = np.flatnonzero(mine & (size >= start + width))
                if not len(whole):
                    continue
                known[whole] = True
                label = field.name if not field.enum else f"{field.name} (enum)"
                values, there = said.setdefault(
                    label, (np.zeros(rows, object if field.enum else np.int64),
                                 np.zeros(rows, np.bool_))
                )  # fmt: skip
                found = _at(data, offsets[:-1][whole] + start, width).view(field.kind)[:, 0]
                values[whole] = _worded(found, field)
                there[whole] = True
        result = {
            name.removesuffix(" (enum)")
            if name.removesuffix(" (enum)") not in said
            else name: pa.array(list(values) if values.dtype == object else values, mask=~there)
            for name, (values, there) in said.items()
        }
        odd = ~known & (size > 0)
        if odd.any():
            texts = [data[offsets[i] : offsets[i + 1]].tobytes().hex() if odd[i] else None
                     for i in range(rows)]  # fmt: skip
            result["payload"] = pa.array(texts, pa.string())
        return result

    def _read(self) -> dict[tuple[int, int], list[_Field]]:
        facts = self._context.facts
        enums: dict[tuple[int, int], dict[int, str]] = {}
        for row in facts.all("NVTX_PAYLOAD_ENUM_ENTRIES", domainId="i", schemaId="i", name="s",
                             value="i"):  # fmt: skip
            if None not in (row["value"], row["name"]):
                key = (row["domainId"], row["schemaId"])
                enums.setdefault(key, {})[row["value"]] = row["name"]
        schemas: dict[tuple[int, int], dict[int, _Field]] = {}
        for row in facts.all("NVTX_PAYLOAD_SCHEMA_ENTRIES", domainId="i", schemaId="i", idx="i",
                             type="i", name="s", offset="i"):  # fmt: skip
            code, key = row["type"], (row["domainId"], row["schemaId"])
            kind = "<i4" if code is not None and code >= _FIRST_ENUM else _BY_CODE.get(code)
            if None in key or row["idx"] is None or kind is None:
                continue
            field = _Field(
                row["name"] or f"field_{row['idx']}", row["offset"] or 0, kind,
                enums.get((key[0], code), {}),
            )  # fmt: skip
            schemas.setdefault(key, {})[row["idx"]] = field
        return {key: [fields[i] for i in sorted(fields)] for key, fields in schemas.items()}


def _at(data: np.ndarray, starts: Int64, width: int) -> np.ndarray:
    """Give `width` bytes from each start: uint8 [n, width]."""
    return np.ascontiguousarray(data[starts[:, None] + np.arange(width)])


def _worded(values: np.ndarray, field: _Field) -> np.ndarray:
    if not field.enum:
        return values.astype(np.int64)
    words = np.empty(len(values), object)
    for number in np.unique(values).tolist():
        words[values == number] = field.enum.get(number, str(number))
    return words
