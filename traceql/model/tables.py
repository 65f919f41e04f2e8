"""The tables: read from `schemas/`, the one place where a column is named, typed and described.

A table has two shapes. The *logical* one is what importers emit and SQL shows. The *stored* one is
what lies in Parquet: a column with a dimension (`name`, `category`, `args`) becomes the id of its
text in a dictionary file, and integer args listed as `lifted_args` become columns of their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal

from traceql.model import resources

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = "1.1"
"""Version of the stored tables; a store of another major version must be migrated."""

TEMPLATES = {b"args": b"templates"}
"""Metadata of a chunk of `span` or `edge` whose args are lifted already.

Its `args` are then texts with holes, as stored: for lifted integer i of a slice stand the byte 1
and letter i. Behind the columns of the table stand `lifted_column(i)`, int64, of those i that any
row has. Args of rows that end a slice have no holes. A text without holes holds no byte 1 and
does not begin with byte 2, unless byte 2 was put before it.
"""

Kind = Literal["canonical", "staging"]


@dataclass(frozen=True)
class Column:
    """One column: `type` is a name of `_arrow_type`, `dimension` the dictionary its texts go to."""

    name: str
    type: str
    doc: str
    nullable: bool = True
    unit: str | None = None
    refers_to: str | None = None
    dimension: str | None = None

    @property
    def stored_name(self) -> str:
        """Name of the column in Parquet."""
        return f"{self.name}_id" if self.dimension else self.name

    @property
    def is_id(self) -> bool:
        """Whether the value numbers a row of the trace; a session scopes it by trace."""
        return self.refers_to is not None or self.name in {"id", "upid", "utid", "device_id"}


@dataclass(frozen=True)
class Table:
    """One table of `schemas/`."""

    name: str
    kind: Kind
    doc: str
    columns: tuple[Column, ...]
    sorted_by: tuple[str, ...] = ()
    lifted_args: tuple[str, ...] = ()
    dimension: bool = False
    derived_by: str | None = None

    def __getitem__(self, name: str) -> Column:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """Logical Arrow schema: texts as texts."""
        import pyarrow as pa

        return pa.schema(
            [pa.field(c.name, _arrow_type(c.type), nullable=c.nullable) for c in self.columns]
        )

    @cached_property
    def stored_schema(self) -> pa.Schema:
        """Arrow schema in Parquet: dictionary ids for texts, then one int64 per lifted arg."""
        import pyarrow as pa

        fields = [
            pa.field(
                c.stored_name,
                pa.int32() if c.dimension else _arrow_type(c.type),
                nullable=c.nullable,
            )
            for c in self.columns
        ]
        fields += [
            pa.field(lifted_column(i), pa.int64(), nullable=True)
            for i in range(len(self.lifted_args))
        ]
        return pa.schema(fields)


def lifted_column(index: int) -> str:
    """Name the stored column of lifted argument `index`."""
    return f"arg_{index}"


def _arrow_type(name: str) -> pa.DataType:
    import pyarrow as pa

    types: dict[str, pa.DataType] = {
        "int64": pa.int64(),
        "int32": pa.int32(),
        "double": pa.float64(),
        "bool": pa.bool_(),
        "string": pa.string(),
        "json": pa.string(),
        "binary": pa.binary(),
    }
    return types[name]


def has_templates(schema: pa.Schema) -> bool:
    """Tell whether rows carry lifted args (`TEMPLATES`)."""
    return bool(schema.metadata) and schema.metadata.get(b"args") == TEMPLATES[b"args"]


def _load(kind: Kind) -> dict[str, Table]:
    folder = resources.schemas() / ("tables" if kind == "canonical" else "staging")
    found = (_table(json.loads(path.read_text()), kind) for path in sorted(folder.glob("*.json")))
    return {table.name: table for table in found}


def _table(spec: Mapping[str, Any], kind: Kind) -> Table:
    return Table(
        name=spec["table"],
        kind=kind,
        doc=spec["doc"],
        columns=tuple(Column(**column) for column in spec["columns"]),
        sorted_by=tuple(spec.get("sorted_by", ())),
        lifted_args=tuple(spec.get("lifted_args", ())),
        dimension=spec.get("dimension", False),
        derived_by=spec.get("derived_by"),
    )


@cache
def canonical() -> Mapping[str, Table]:
    """Give the tables of a trace, dimension tables and derived tables included, by name."""
    return _load("canonical")


@cache
def staging() -> Mapping[str, Table]:
    """Give the tables that importers emit and assembly resolves, by name."""
    return _load("staging")


def table(name: str) -> Table:
    """Give a canonical or staging table.

    Raises:
        KeyError: no table has that name.
    """
    found = canonical().get(name) or staging().get(name)
    if found is None:
        raise KeyError(name)
    return found


def stored() -> Mapping[str, Table]:
    """Give the tables that lie in every trace's directory (not findings and derived tables)."""
    return {name: t for name, t in canonical().items() if t.derived_by is None}


def conform(name: str, columns: Mapping[str, Any]) -> pa.RecordBatch:
    """Make a RecordBatch of table `name`: columns in schema order, missing ones null.

    Args:
        name: a canonical or staging table.
        columns: column name to Arrow array, numpy array or list, all of one length.

    Raises:
        ValueError: unknown column, unequal lengths, wrong type, or a null where none may be.
    """
    import pyarrow as pa

    spec = table(name)
    unknown = set(columns) - {c.name for c in spec.columns}
    if unknown:
        raise ValueError(f"{name}: unknown columns {sorted(unknown)}")
    rows = max((len(v) for v in columns.values()), default=0)
    arrays = []
    for field in spec.arrow_schema:
        values = columns.get(field.name)
        if values is None:
            array = pa.nulls(rows, field.type)
        elif isinstance(values, pa.Array):
            array = values if values.type == field.type else _cast(values, field.type)
        else:
            array = pa.array(values, field.type)
        if not field.nullable and array.null_count:
            raise ValueError(f"{name}.{field.name}: {array.null_count} nulls")
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, schema=spec.arrow_schema)


def _cast(values: pa.Array, type_: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if isinstance(values, pa.DictionaryArray):
        values = values.dictionary_decode()
    return values.cast(type_)


def validate(name: str, rows: pa.RecordBatch | pa.Table) -> None:
    """Check rows against the logical schema of table `name`; dictionary-encoded texts pass.

    Raises:
        ValueError: columns, types or nulls differ from the schema, saying which.
    """
    import pyarrow as pa

    expected = table(name).arrow_schema
    if has_templates(rows.schema):
        lifted = {lifted_column(i): pa.int64() for i in range(len(table("slice").lifted_args))}
        extra = rows.schema.names[len(expected) :]
        if name not in {"span", "edge"} or any(
            lifted.get(column) != rows.schema.field(column).type for column in extra
        ):
            raise ValueError(f"{name}: columns {extra} are no lifted args")
        rows = rows.select(expected.names)
    if rows.schema.names != expected.names:
        raise ValueError(f"{name}: columns are {rows.schema.names}, not {expected.names}")
    for field in expected:
        column = rows.column(field.name)
        found = column.type
        if pa.types.is_dictionary(found):
            found = found.value_type
        if found != field.type:
            raise ValueError(f"{name}.{field.name}: type is {column.type}, not {field.type}")
        if not field.nullable and column.null_count:
            raise ValueError(f"{name}.{field.name}: {column.null_count} nulls")
