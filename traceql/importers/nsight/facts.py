"""What the small tables say: names of processes, threads and streams, devices, metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from traceql.importers.nsight.devices import device_rows
from traceql.model import tables
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from traceql.importers.nsight.inputs import Export
    from traceql.importers.nsight.strings import Strings

_PRIVATE = re.compile(
    r"ENV|USER|HOST|PATH|WORKING_DIR|COMMAND|ARGUMENT|HOME|INPUT_FILE|OUT\w*PUT_FILE|SESSION_U?ID"
    r"|PACKAGE_NAME|DISPLAY_NAME|NamespacePID|InstallDir",
    re.IGNORECASE,
)
"""Names of records that tell of a person, a machine's owner or the environment."""
_U32_SIGN = 1 << 31
_DEFAULT_STREAM = 7


class Facts:
    """Read once, before the events; all of these tables are small.

    Args:
        export: the tables.
        strings: of StringIds.
        keep_environment: keep environment variables, user and host names, paths and commands.
    """

    def __init__(self, export: Export, strings: Strings, *, keep_environment: bool) -> None:
        self._export, self._strings = export, strings
        self._keep = keep_environment
        self.process_names: dict[int, str] = {}
        self.thread_names: dict[int, str] = {}
        self.ranks: dict[int, int] = {}
        self.gpu_of: dict[tuple[int | None, int], int] = {}
        """(pid, CUDA's ordinal) to the number of the GPU."""
        self._streams: dict[tuple[int | None, int | None, int | None], str] = {}
        self._flags: dict[tuple[int | None, int | None, int | None], dict[str, Any]] = {}
        self._null: set[tuple[int | None, int | None, int | None]] = set()
        self._read_actors()
        self._read_streams()

    def all(self, table: str, **columns: str) -> Iterator[dict[str, Any]]:
        """Give the rows of a small table as dicts; keywords say the types: i, s or f."""
        kinds = {"i": pa.int64(), "s": pa.string(), "f": pa.float64()}
        wanted = {name: kinds[kind] for name, kind in columns.items()}
        for batch in self._export.rows(table, wanted):
            yield from batch.to_pylist()

    def text(self, number: int | None) -> str | None:
        """Give a text of StringIds."""
        return self._strings.one(number)

    def global_thread(self, low: int) -> int:
        """Complete a process and thread by the VM and hardware of the process, where known."""
        pid = low >> 24 & 0xFFFFFF
        known = (id_ for id_ in self.process_names if id_ >> 24 & 0xFFFFFF == pid)
        high = next(known, low) >> 48 << 48
        return high | low & (1 << 48) - 1

    def _read_actors(self) -> None:
        mask = (1 << 64) - (1 << 24)
        for row in self.all("PROCESSES", globalPid="i", name="s"):
            if row["globalPid"] is not None and row["name"]:
                self.process_names[row["globalPid"] & mask] = row["name"]
        for row in self.all("ThreadNames", globalTid="i", nameId="i"):
            name = self._strings.one(row["nameId"])
            if row["globalTid"] is not None and name:
                self.thread_names[row["globalTid"] & (1 << 64) - 1] = name
        for row in self.all("MPI_RANKS", globalTid="i", rank="i"):
            if row["globalTid"] is not None and row["rank"] is not None:
                self.ranks[row["globalTid"] & mask] = row["rank"]
        for row in self.all("TARGET_INFO_CUDA_DEVICE", gpuId="i", cudaId="i", pid="i"):
            if None not in (row["gpuId"], row["cudaId"]):
                self.gpu_of[row["pid"], row["cudaId"]] = row["gpuId"]

    def _read_streams(self) -> None:
        keys = {"processId": "i", "contextId": "i", "streamId": "i"}
        for row in self.all("TARGET_INFO_CUDA_STREAM", **keys, priority="i", flag="i"):
            priority = row["priority"] or 0
            if priority >= _U32_SIGN:  # written as unsigned
                priority -= _U32_SIGN << 1
            self._flags[_stream_key(row)] = {"priority": priority, "flag": row["flag"]}
        for row in self.all("TARGET_INFO_CUDA_NULL_STREAM", **keys):
            self._null.add(_stream_key(row))
        contexts = {"processId": "i", "contextId": "i", "nullStreamId": "i"}
        for row in self.all("TARGET_INFO_CUDA_CONTEXT_INFO", **contexts):
            self._null.add((row["processId"], row["contextId"], row["nullStreamId"]))
        for row in self.all("TARGET_INFO_NVTX_CUDA_STREAM", **keys, name="s"):
            if row["name"]:
                self._streams[_stream_key(row)] = row["name"]

    def stream_name(self, pid: int | None, context: int | None, stream: int | None) -> str | None:
        """Name a stream: as the program did, else by its number."""
        if stream is None:
            return None
        named = self._streams.get((pid, context, stream))
        if named is not None:
            return named
        is_null = (pid, context, stream) in self._null or (
            not self._null and stream == _DEFAULT_STREAM
        )
        return f"Default stream {stream}" if is_null else f"Stream {stream}"

    def stream_args(
        self, pid: int | None, ordinal: int | None, context: int | None, stream: int | None
    ) -> dict[str, Any] | None:
        """Give what else is known of a stream."""
        found = dict(self._flags.get((pid, context, stream), {}))
        if ordinal is not None and self.gpu_of.get((pid, ordinal), ordinal) != ordinal:
            found["cudaDevice"] = ordinal
        return found or None

    def device_chunk(self, used: set[int]) -> Iterator[Chunk]:
        """Give the devices that are described or were used."""
        rows = device_rows(self, used)
        if rows:
            names = tables.table("device").arrow_schema.names
            columns = {name: [row.get(name) for row in rows] for name in names}
            yield Chunk("device", tables.conform("device", columns))

    def metadata(self) -> Iterator[Chunk]:
        """Give what is known of the capture and of the machine, private records left out."""
        rows: list[tuple[str, str | None]] = []
        for table in ("META_DATA_EXPORT", "EXPORT_META_DATA", "META_DATA_CAPTURE"):
            kind = "capture" if table == "META_DATA_CAPTURE" else "export"
            rows += [(f"nsys.{kind}.{row['name']}", row["value"])
                     for row in self.all(table, name="s", value="s")
                     if row["name"] and self._may_keep(row["name"])]  # fmt: skip
        rows += [(f"nsys.system.{row['name']}", row["value"])
                 for row in self.all("TARGET_INFO_SYSTEM_ENV", name="s", value="s")
                 if row["name"] and self._may_keep(row["name"])]  # fmt: skip
        rows += self._plain("nsys.session", "TARGET_INFO_SESSION_START_TIME",
                            utcEpochNs="i", utcTime="s", systemClockNs="i")  # fmt: skip
        rows += self._plain("nsys.analysis", "ANALYSIS_DETAILS",
                            duration="i", startTime="i", stopTime="i")  # fmt: skip
        if self._keep:
            rows += [
                (f"nsys.stream.{self.text(row['filenameId'])}", self.text(row["contentId"]))
                for row in self.all("ProcessStreams", filenameId="i", contentId="i")
            ]
        if rows:
            values = [value for _, value in rows]
            yield Chunk("metadata", tables.conform("metadata", {
                "name": [name for name, _ in rows],
                "str_value": values,
                "int_value": [_integer(value) for value in values],
            }))  # fmt: skip

    def _plain(self, prefix: str, table: str, **columns: str) -> list[tuple[str, str | None]]:
        return [
            (f"{prefix}.{name}", str(value))
            for row in self.all(table, **columns)
            for name, value in row.items()
            if value is not None
        ]

    def _may_keep(self, name: str) -> bool:
        return self._keep or not _PRIVATE.search(name)


def _stream_key(row: Mapping[str, Any]) -> tuple[int | None, int | None, int | None]:
    return row["processId"], row["contextId"], row["streamId"]


def _integer(value: str | None) -> int | None:
    if value is None or not re.fullmatch(r"-?\d{1,19}", value):
        return None
    number = int(value)
    return number if -(1 << 63) <= number < 1 << 63 else None
