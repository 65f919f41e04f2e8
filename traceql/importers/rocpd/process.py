"""One process of a database: the tables of one GUID, and what their ids stand for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from traceql.importers._columns import filled, mapped
from traceql.importers._rocm.agents import device_facts
from traceql.importers._rocm.joining import Coded, Index, Texts, objects

if TYPE_CHECKING:
    from traceql.importers._columns import Int64
    from traceql.importers._rocm.trace import Trace
    from traceql.importers._sqlite import Database

BATCH_ROWS = 1 << 16
_NUMBER = re.compile(r"(\d{1,18})\s*$")
_TEXTS = frozenset({
    "string", "name", "type", "level", "value", "command", "environment", "extdata", "call_stack",
    "line_info", "kernel_name", "display_name", "hostname", "system_name", "machine_id",
    "model_name", "vendor_name", "product_name", "units", "symbol", "description", "tag",
    "value_type", "block", "component", "release", "version",
})  # fmt: skip


class Process:
    """The tables of one GUID.

    Args:
        base: the database.
        suffix: of its tables.
        trace: that is being read.
        keep_environment: keep commands, hosts and environment variables.
    """

    def __init__(
        self, base: Database, suffix: str, trace: Trace, *, keep_environment: bool
    ) -> None:
        self._base, self._suffix, self.trace = base, suffix, trace
        self.guid = suffix.strip("_").replace("_", "-")
        self.pids: dict[int, int | None] = {}
        self._tids: dict[int, tuple[int | None, str | None, int | None, int | None]] = {}
        self.devices: dict[int, int] = {}
        self.strings = self._strings()
        self._describe(keep_environment=keep_environment)
        self.symbols = self._symbols()
        self.queues = {row["id"]: _ordinal(row) for row in self.small("info_queue", "id", "name")}
        self.streams = {row["id"]: _ordinal(row) for row in self.small("info_stream", "id", "name")}

    def batches(self, table: str, *columns: str, real: str = "") -> Iterator[dict[str, pa.Array]]:
        """Give the rows of a table, null where it lacks a column; `real` is read as float64."""
        wanted = {
            name: pa.float64() if name == real else pa.string() if name in _TEXTS else pa.int64()
            for name in columns
        }
        for batch in self._base.rows(f"rocpd_{table}{self._suffix}", wanted, batch_rows=BATCH_ROWS):
            yield dict(zip(batch.schema.names, batch.columns, strict=True))

    def small(self, table: str, *columns: str) -> list[dict[str, Any]]:
        """Give the rows of a small table; those without an id are left out."""
        found: list[dict[str, Any]] = []
        for batch in self.batches(table, *columns):
            values = (column.to_pylist() for column in batch.values())
            found += (dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True))
        return [row for row in found if row[columns[0]] is not None]

    def _strings(self) -> Texts:
        ids, texts = [np.empty(0, np.int64)], [pa.array([], pa.string())]
        for batch in self.batches("string", "id", "string"):
            ids.append(filled(batch["id"], -1))
            texts.append(batch["string"])
        return Texts(np.concatenate(ids), pa.concat_arrays(texts))

    def _describe(self, *, keep_environment: bool) -> None:
        nodes = {row["id"]: row for row in self.small("info_node", "id", "hostname", "machine_id")}
        wanted = ("id", "nid", "pid", "init", "fini", "start", "end", "command", "environment")
        for row in self.small("info_process", *wanted):
            self.pids[row["id"]] = row["pid"]
            process = self.trace.actors.process(row["pid"], self.guid)
            process.start_ts, process.end_ts = row["start"], row["end"]
            process.args = {"guid": self.guid} if self.guid else {}
            if keep_environment:
                process.cmdline = row["command"]
                process.host = nodes.get(row["nid"], {}).get("hostname")
                if row["environment"]:
                    process.args["environment"] = row["environment"]
        for row in self.small("info_thread", "id", "tid", "name", "start", "end"):
            self._tids[row["id"]] = (row["tid"], row["name"], row["start"], row["end"])
        facts = ("id", "nid", "type", "absolute_index", "logical_index", "type_index", "name",
                  "vendor_name", "product_name", "model_name", "extdata")  # fmt: skip
        for row in self.small("info_agent", *facts):
            node = nodes.get(row["nid"], {}).get("machine_id") or row["nid"]
            self._agent(row, node)

    def _agent(self, row: dict[str, Any], node: Any) -> None:
        """Number an agent by its logical index; agents of other nodes come behind."""
        wanted = next((row[key] for key in ("logical_index", "absolute_index", "id")
                       if row[key] is not None), 0)  # fmt: skip
        number = self.trace.number_device((node, wanted), wanted)
        self.devices[row["id"]] = number
        more = _object(row.pop("extdata"))
        facts = {key: value for key, value in row.items() if value not in (None, "", "NULL")}
        kind = {"CPU": "cpu", "GPU": "gpu"}.get(str(row["type"]).upper())
        self.trace.describe(number, device_facts({**more, **facts}, kind))

    def _symbols(self) -> tuple[Index, dict[str, pa.Array]]:
        names = ("id", "display_name", "kernel_name", "group_segment_size", "arch_vgpr_count",
                 "accum_vgpr_count", "sgpr_count", "code_object_id")  # fmt: skip
        rows = list(self.batches("info_kernel_symbol", *names))
        columns = {
            name: pa.concat_arrays([row[name] for row in rows])
            if rows
            else pa.array([], pa.string() if name in _TEXTS else pa.int64())
            for name in names
        }
        return Index(filled(columns["id"], -1)), columns

    def upids(self, ids: pa.Array) -> Int64:
        """Give the process of each row."""
        actors = self.trace.actors
        return mapped(
            [ids], len(ids), lambda i: actors.process(self.pids.get(i, i), self.guid).upid
        )

    def threads(self, upids: Int64, ids: pa.Array) -> pa.Array:
        """Give the number of each row's thread, int64, null where there is none."""
        actors = self.trace.actors

        def tid(upid: int, key: int | None) -> int:
            number, name, start, end = self._tids.get(key or 0, (key, None, None, None))
            if number and key in self._tids:
                actors.describe_thread(actors.thread(upid, number), name, start, end)
            return number or 0

        numbers = mapped([pa.array(upids), ids], len(ids), tid)
        return pa.array(numbers, mask=numbers == 0)

    def device(self, ids: pa.Array) -> Int64:
        """Give the device of each row, -1 where there is none."""
        return mapped([ids], len(ids), lambda i: -1 if i is None else self.devices.get(i, -1))

    def renumbered(self, ids: pa.Array, numbers: Mapping[int, int]) -> pa.Array:
        """Give the number of each row's queue or stream, int64, null where there is none."""
        found = mapped([ids], len(ids), lambda i: -1 if i is None else numbers.get(i, i))
        return pa.array(found, mask=found < 0)


def _ordinal(row: Mapping[str, Any]) -> int:
    """Give the number in `Stream 3`; `Default Stream` is 0, any other its row's."""
    name = row["name"] or ""
    if "default" in name.lower():
        return 0
    found = _NUMBER.search(name)
    return int(found[1]) if found else int(row["id"])


def _object(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return {str(k).lower(): v for k, v in found.items()} if isinstance(found, dict) else {}


class Events:
    """What a process's events tell: category, the id that links calls to work, and texts.

    Args:
        process: whose.
    """

    def __init__(self, process: Process) -> None:
        ids, stacks, external = [], [], []
        categories: list[pa.Array] = []
        self.extdata, self.call_stack, self.line_info = Coded(), Coded(), Coded()
        names = ("id", "category_id", "stack_id", "correlation_id", "extdata", "call_stack",
                 "line_info")  # fmt: skip
        for batch in process.batches("event", *names):
            ids.append(filled(batch["id"], -1))
            stacks.append(filled(batch["stack_id"]))
            external.append(filled(batch["correlation_id"]))
            categories.append(batch["category_id"])
            for name in ("extdata", "call_stack", "line_info"):
                getattr(self, name).add(batch[name])
        for column in (self.extdata, self.call_stack, self.line_info):
            column.close()
        self._index = Index(np.concatenate(ids) if ids else np.empty(0, np.int64))
        none = np.zeros(1, np.int64)
        self._stacks = np.concatenate([*stacks, none])
        self._external = np.concatenate([*external, none])
        empty = pa.array([None], pa.int64())
        self._categories = process.strings.of(pa.concat_arrays([*categories, empty]))
        owners, texts = objects(
            (batch["event_id"], batch["name"], batch["value"])
            for batch in process.batches("arg", "event_id", "name", "value")
        )
        self._args = Texts(owners, texts)

    def places(self, ids: pa.Array) -> Int64:
        """Give the place of each event; -1 where there is none."""
        return self._index.of(ids)

    def stacks(self, places: Int64) -> pa.Array:
        """Give the id that links calls to work, int64, 0 where there is none."""
        return pa.array(self._stacks[places])

    def categories(self, places: Int64) -> pa.Array:
        """Give the tool's category of each event."""
        return self._categories.take(pa.array(places % len(self._categories)))

    def said(self, ids: pa.Array, places: Int64) -> tuple[dict[str, pa.Array], frozenset[str]]:
        """Give what events tell besides, and which of it is JSON."""
        external = self._external[places]
        found = {
            "external_correlation_id": pa.array(external, mask=external == 0),
            "args": self._args.of(ids),
            "extdata": self.extdata.json_of(places),
            "call_stack": self.call_stack.json_of(places),
            "line_info": self.line_info.json_of(places),
        }
        there = {name: column for name, column in found.items() if column.null_count < len(column)}
        return there, frozenset({"args", "extdata", "call_stack", "line_info"})

    def messages(self, places: Int64) -> pa.Array:
        """Give the message in each event's text, as markers have it; null where there is none."""
        plain = self.extdata.of(places)
        found = [_object(text).get("message") for text in plain.dictionary.to_pylist()]
        texts = pa.array([m if isinstance(m, str) else None for m in found], pa.string())
        return texts.take(plain.indices)
