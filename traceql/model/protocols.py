"""The protocols: what an importer, an analysis, a report and an exporter must offer.

A plug-in is a frozen dataclass whose fields are its options or parameters. It is a function on
data: it opens no store, runs no SQL and prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    BinaryIO,
    ClassVar,
    Literal,
    NamedTuple,
    Protocol,
    runtime_checkable,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result

HEAD_BYTES = 64 * 1024
"""How much of a file `Head.prefix` holds."""

BEGINNING_BYTES = 4 * 1024
"""How much of each file of a folder `Head.beginnings` holds."""

BLOCK_BYTES = 4 * 1024 * 1024
"""Size of the blocks that a Source gives unless asked otherwise."""


class Head(NamedTuple):
    """The beginning of an input, read once by the engine, so that `sniff` stays pure."""

    path: Path
    prefix: bytes
    """First 64 KiB of the decompressed content; of a folder nothing."""
    names: tuple[str, ...] = ()
    """Files directly in a folder, members of a zip of several, or tables of a SQLite file."""
    beginnings: tuple[bytes, ...] = ()
    """First 4 KiB of each file of a folder, as they lie; beside `names`."""


class Match(IntEnum):
    """How sure an importer is that a file is its own; two SUREs are an AmbiguousFormat."""

    NO = 0
    MAYBE = 1
    SURE = 2


class Chunk(NamedTuple):
    """Rows of one canonical or staging table, in file order; texts may be dictionary-encoded."""

    table: str
    rows: pa.RecordBatch


class Source(Protocol):
    """An input, opened and decompressed by the engine: read once, from start to end.

    A format that is read at random asks for `local`; one that is a folder of files for `members`.
    """

    @property
    def path(self) -> Path:
        """Where the file lies, for messages (`-` for standard input)."""
        ...

    def local(self) -> Path:
        """Give the place of a plain file with the decompressed content (the folder, of a folder).

        It is the input itself unless that is packed, so files beside it are beside it still; a
        packed one is unpacked to disk. It lives as long as the source.
        """
        ...

    def members(self) -> Sequence[Source]:
        """Give the files of a folder or of a zip of several, by name; empty for one file.

        Each is opened when it is first read. Those that nobody reads are counted as
        `file_not_read`.
        """
        ...

    def blocks(self, size: int = BLOCK_BYTES) -> Iterator[bytes]:
        """Give the decompressed content in blocks of at most `size` bytes, none of them empty.

        Damage to the compression (a truncated .gz) ends the blocks early and is counted in
        `damage`, it does not raise.
        """
        ...

    @property
    def damage(self) -> Sequence[tuple[str, int, str]]:
        """What was wrong with the container, as (code, offset, message); complete after reading."""
        ...


@runtime_checkable
class Importer(Protocol):
    """Turn a file into Chunks. Resolves nothing between rows: assembly does that."""

    def sniff(self, head: Head) -> Match:
        """Judge by the content, not by the file's name. Cheap and pure."""
        ...

    def read(self, source: Source) -> Iterator[Chunk]:
        """Read the source in bounded memory.

        What is wrong with the file becomes `diagnostic` rows; a file of which nothing can be
        imported raises CorruptTrace or UnknownFormat.
        """
        ...


class Input(NamedTuple):
    """What an analysis reads: a module of queries/ or a few lines of SQL; ids, never texts."""

    sql: str
    order_by: tuple[str, ...] = ()
    partition_by: str | None = None
    """Column by which rows arrive in partitions; None: an aggregate of at most 1 M rows."""


Tables = Mapping[str, "pa.Table"]
"""Input name to rows: whole for an aggregate, one partition's for a partitioned input."""

Scope = Literal["trace", "group", "traces"]


@runtime_checkable
class Analysis(Protocol):
    """Measure partitions, then conclude. Fields of the dataclass are bound to $name in the SQL."""

    scope: ClassVar[Scope]
    inputs: ClassVar[Mapping[str, Input]]
    needs: ClassVar[tuple[str, ...]]
    """Derived tables that must exist first, such as `iteration`."""

    def measure(self, tables: Tables) -> pa.Table:
        """Reduce one partition to a small, mergeable table. Runs anywhere.

        Analyses that inherit it from one class are measured once, so it reads `tables` only.
        """
        ...

    def conclude(self, measured: pa.Table) -> Result:
        """Test, control false discoveries, write findings. Pure and seeded."""
        ...


@runtime_checkable
class Report(Protocol):
    """Render results to bytes."""

    suffix: ClassVar[str]

    def write(self, results: Sequence[Result], sink: BinaryIO) -> None:
        """Write the report; the same results give the same bytes."""
        ...


@runtime_checkable
class Exporter(Protocol):
    """Write tables as another tool's file."""

    suffix: ClassVar[str]
    inputs: ClassVar[Mapping[str, Input]]

    def write(self, tables: Mapping[str, Iterable[pa.RecordBatch]], sink: BinaryIO) -> None:
        """Write the file."""
        ...
