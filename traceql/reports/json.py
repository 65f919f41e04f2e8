"""Write results as JSON: everything they hold, numbers as they are, for other programs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Finding, Result

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Json:
    """One JSON document: `{"traceql_report": 1, "results": [...]}`.

    It follows `schemas/result.schema.json`. Tables are column → list; whole numbers stay
    exact; a number that JSON cannot write (NaN, infinite) is null.
    """

    suffix: ClassVar[str] = ".json"

    def write(self, results: Sequence[Result], sink: BinaryIO) -> None:
        """Write the document in UTF-8, with a final newline."""
        document = {
            "traceql_report": FORMAT_VERSION,
            "results": [as_dict(result) for result in results],
        }
        sink.write(json.dumps(document, allow_nan=False, indent=1).encode())
        sink.write(b"\n")


def as_dict(result: Result) -> dict[str, Any]:
    """Give a result as values that JSON can write."""
    return {
        "analysis": result.analysis,
        "traces": list(result.traces),
        "status": result.status,
        "headline": result.headline,
        "reason": result.reason,
        "remedy": result.remedy,
        "parameters": _value(dict(result.parameters)),
        "findings": [_finding(finding) for finding in result.findings],
        "tables": {name: _table(table) for name, table in result.tables.items()},
        "exhibits": [
            {
                "table": exhibit.table,
                "form": exhibit.form,
                "title": exhibit.title,
                "roles": dict(exhibit.roles),
                "note": exhibit.note,
            }
            for exhibit in result.exhibits
        ],
        "sql": dict(result.sql),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    row = finding.row()
    row["traces"] = list(finding.traces)
    return {name: _value(value) for name, value in row.items()}


def _table(table: pa.Table) -> dict[str, list[Any]]:
    return {name: _value(table[name].to_pylist()) for name in table.column_names}


def _value(value: Any) -> Any:
    """Make a value one that JSON can write, and nothing else: NaN null, the unknown a text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    return str(value)


PLUGIN = Json
