"""The manifest of a trace: what its files hold, and what made them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from traceql.errors import SchemaMismatch, StoreError
from traceql.model.tables import SCHEMA_VERSION

FILE_NAME = "manifest.json"


@dataclass(frozen=True)
class TableFile:
    """One Parquet file."""

    rows: int
    bytes: int
    xxh3: str
    """xxh3-128 of the file, 32 hex digits."""
    min_ts: int | None = None
    """First instant of its events, ns; None for tables without `ts`."""
    max_end: int | None = None
    """Last instant of its events, ns: the largest ts + dur, an unclosed dur counting as 0."""


@dataclass(frozen=True)
class Manifest:
    """What lies in a trace's folder. The same source and options give the same text."""

    trace_id: str
    schema_version: str
    traceql_version: str
    importer: str
    importer_version: str
    options: Mapping[str, Any]
    """The importer's options that are not at their defaults."""
    source_name: str
    """File name of the source; its place and time stand in the catalog."""
    source_bytes: int
    """Size of the source as it lies, compressed or not."""
    tables: Mapping[str, TableFile] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.tables.values())

    @property
    def recipe(self) -> tuple[str, str, str, str, str]:
        """What decides the content: two manifests of one recipe hold the same trace."""
        options = json.dumps(self.options, sort_keys=True)
        return (self.trace_id, self.schema_version, self.importer, self.importer_version, options)

    def text(self) -> str:
        """Write it as JSON, tables by name."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    def write(self, folder: Path) -> None:
        """Write `manifest.json` into a folder of work."""
        (folder / FILE_NAME).write_text(self.text(), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read the manifest of a trace's folder.

        Raises:
            SchemaMismatch: it was written with another major version of the tables.
            StoreError: it is missing or damaged.
        """
        path = folder / FILE_NAME
        try:
            found = json.loads(path.read_bytes())
            version = str(found["schema_version"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path}: missing or damaged. {_REMEDY}") from error
        if version.partition(".")[0] != SCHEMA_VERSION.partition(".")[0]:
            raise SchemaMismatch(folder, version, SCHEMA_VERSION)
        try:
            files = {name: TableFile(**file) for name, file in found.pop("tables").items()}
            return cls(tables=files, **found)
        except (TypeError, KeyError, AttributeError) as error:
            raise StoreError(f"{path}: damaged ({error}). {_REMEDY}") from error


_REMEDY = "Remove the trace with `traceql store rm`, or ingest its source again."
