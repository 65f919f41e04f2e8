"""The JSON form: one object for each process, walked member by member."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from traceql.importers._json_stream import JsonStream
from traceql.importers._rocm.agents import device_facts
from traceql.importers.rocprofv3.json_tables import Tables
from traceql.importers.rocprofv3.records import batches
from traceql.model.protocols import BLOCK_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from traceql.importers._rocm.frames import Frames
    from traceql.importers._rocm.statistics import Profile
    from traceql.importers._rocm.trace import Trace
    from traceql.model.protocols import Chunk, Source

_KINDS = {1: "cpu", 2: "gpu"}
_KEY = re.compile(rb'"rocprofiler-sdk-tool"\s*:')
DAMAGE = {
    "json_incomplete": "The text ends within a value; what stands before it was read.",
    "json_tokenizer_failure": "Text that is no JSON; reading went on behind it.",
}


class JsonRun:
    """Reads a file.

    Args:
        source: of it.
        trace: that is being read.
        frames: of PC samples.
        profile: numbers rows of profile.
        keep_environment: keep host names, commands and paths.
    """

    def __init__(
        self, source: Source, trace: Trace, frames: Frames, profile: Profile, *,
        keep_environment: bool,
    ) -> None:  # fmt: skip
        self._trace, self._frames, self._profile = trace, frames, profile
        self._keep = keep_environment
        self._path = source.path
        self._stream = JsonStream(_blocks(source.local()), self._report)
        self.any_record = False
        """Whether anything was found."""
        self.damage: list[tuple[str, int, str]] = []

    def _report(self, code: str, offset: int) -> None:
        self.damage.append((code, offset, DAMAGE.get(code, "Text that is no JSON.")))

    def chunks(self) -> Iterator[Chunk]:
        """Give the chunks of all processes."""
        stream = self._stream
        if not stream.find(_KEY):
            return
        closers = [b"}"]
        if stream.peek() == b"[":
            stream.step()
            closers.insert(0, b"]")
        number = 0
        while stream.peek() == b"{":
            yield from self._process(number)
            number += 1
        for closer in closers:
            if stream.peek() != closer:
                self._report("json_incomplete", stream.offset)
                return
            stream.step()

    def _process(self, number: int) -> Iterator[Chunk]:
        facts = Process(self._trace, (str(self._path.name), number), keep_environment=self._keep)
        tables = Tables(self._trace, facts, self._frames)
        for key in self._stream.enter_object():
            name = key.decode("utf-8", "replace")
            self.any_record = True
            if name in {"buffer_records", "callback_records"} and self._stream.peek() == b"{":
                yield from self._records(tables)
            elif name in Process.PARTS or name == "summary":
                value = self._value()
                if name == "summary":
                    yield from self._summary(value)
                else:
                    facts.learn(name, value)
            elif self._stream.value() is None:
                break
        yield from tables.rest()

    def _records(self, tables: Tables) -> Iterator[Chunk]:
        for key in self._stream.enter_object():
            name = key.decode("utf-8", "replace")
            if self._stream.peek() != b"[":
                if self._stream.value() is None:
                    return
                continue
            for batch in batches(self._stream, name, self._trace):
                yield from tables.chunks(name, batch)

    def _value(self) -> Any:
        raw = self._stream.value()
        try:
            return None if raw is None else json.loads(raw)
        except (ValueError, RecursionError):
            self._trace.diagnostics.count("record_unread")
            return None

    def _summary(self, value: Any) -> Iterator[Chunk]:
        """Give totals by operation, which are there if they were asked for."""
        columns: dict[str, list[Any]] = {"Domain": [], "Name": []}
        metrics = {"Calls": "count", "TotalDurationNs": "sum", "AverageNs": "mean",
                   "MinNs": "min", "MaxNs": "max", "StdDevNs": "stddev"}  # fmt: skip
        measures: dict[str, list[float | None]] = {name: [] for name in metrics}
        for domain in _dicts(value):
            for operation in _dicts(_dict(domain.get("stats")).get("operations")):
                stats = _dict(operation.get("value"))
                columns["Domain"].append(str(domain.get("domain")))
                columns["Name"].append(str(operation.get("key")))
                for name, key in metrics.items():
                    measures[name].append(_number(stats.get(key)))
        if columns["Name"]:
            yield from self._profile.measures(
                {name: pa.array(texts, pa.string()) for name, texts in columns.items()},
                {name: pa.array(values, pa.float64()) for name, values in measures.items()},
                {"Calls": "count"},
            )


class Process:
    """What a process's object tells besides its records.

    Args:
        trace: that is being read.
        scope: tells the process from others of the same number.
        keep_environment: keep host names, commands and paths.
    """

    PARTS = frozenset({"metadata", "agents", "counters", "strings", "kernel_symbols"})

    def __init__(self, trace: Trace, scope: Any, *, keep_environment: bool) -> None:
        self._trace, self._scope, self._keep = trace, scope, keep_environment
        self._pid: int | None = None
        self._machine: Any = None
        self.devices: dict[int, int] = {}
        self.is_cpu: set[int] = set()
        self.counters: dict[int, str] = {}
        self.kinds: dict[int, tuple[str, list[Any]]] = {}
        self.markers: dict[int, str] = {}
        self.instructions: list[Any] = []
        self.comments: list[Any] = []
        self.symbols: dict[int, Mapping[str, Any]] = {}

    @property
    def upid(self) -> int:
        """The process's number, that of an unknown process where nothing tells its pid."""
        return self._trace.actors.process(self._pid, self._scope).upid

    def learn(self, name: str, value: Any) -> None:
        """Take a member of the object."""
        getattr(self, f"_learn_{name}")(value)

    def _learn_metadata(self, value: Any) -> None:
        facts = _dict(value)
        pid = _whole(facts.get("pid"))
        self._pid = pid
        node = _dict(facts.get("node"))
        self._machine = node.get("machine_id")
        process = self._trace.actors.process(pid, self._scope)
        process.start_ts = _whole(facts.get("init_time"))
        process.end_ts = _whole(facts.get("fini_time"))
        for key in ("system_name", "release", "hardware_name"):
            if isinstance(node.get(key), str):
                self._trace.metadata.setdefault(f"rocprofv3.{key}", node[key])
        if isinstance(facts.get("note"), str):
            self._trace.metadata.setdefault("rocprofv3.note", facts["note"])
        if self._keep:
            process.host = str(node["hostname"]) if node.get("hostname") else None
            command = facts.get("command")
            if isinstance(command, list):
                process.cmdline = " ".join(map(str, command))
            process.args = {"config": facts.get("config")} if facts.get("config") else {}

    def _learn_agents(self, value: Any) -> None:
        for record in _dicts(value):
            handle = _handle(record.get("id"))
            wanted = _whole(record.get("logical_node_id", record.get("node_id")))
            if handle is None or wanted is None:
                continue
            number = self._trace.number_device((self._machine, wanted), wanted)
            kind = _KINDS.get(_whole(record.get("type")) or 0)
            self.devices[handle] = number
            if kind == "cpu":
                self.is_cpu.add(number)
            plain = {k: v for k, v in record.items() if isinstance(v, (str, int, float))}
            self._trace.describe(number, device_facts(plain, kind))

    def _learn_counters(self, value: Any) -> None:
        for record in _dicts(value):
            handle = _handle(record.get("id"))
            if handle is not None:
                self.counters[handle] = str(record.get("name"))

    def _learn_strings(self, value: Any) -> None:
        facts = _dict(value)
        for number, kind in enumerate(_dicts(facts.get("buffer_records"))):
            operations = kind.get("operations")
            self.kinds[number] = (
                str(kind.get("kind")), operations if isinstance(operations, list) else []
            )  # fmt: skip
        for pair in _dicts(facts.get("marker_api")):
            key = _whole(pair.get("key"))
            if key is not None:
                self.markers[key] = str(pair.get("value"))
        for name, known in (("pc_sample_instructions", self.instructions),
                            ("pc_sample_comments", self.comments)):  # fmt: skip
            if isinstance(facts.get(name), list):
                known.extend(facts[name])

    def _learn_kernel_symbols(self, value: Any) -> None:
        for record in _dicts(value):
            number = _whole(record.get("kernel_id"))
            if number is not None:
                self.symbols[number] = record

    def operation(self, kind: int | None, operation: int | None) -> str | None:
        """Give the name of an operation of a kind of records."""
        known = self.kinds.get(kind or 0, ("", []))[1]
        if operation is None or not 0 <= operation < len(known):
            return None
        return str(known[operation])

    def domain(self, kind: int | None) -> str | None:
        """Give the name of a kind of records."""
        return self.kinds[kind][0] if kind in self.kinds else None

    def kernel(self, number: int | None) -> str | None:
        """Give the name of a kernel."""
        symbol = self.symbols.get(number or 0, {})
        names = (symbol.get(f"{form}_kernel_name") for form in ("formatted", "demangled"))
        found = next((name for name in names if name), symbol.get("kernel_name"))
        return None if found is None else str(found)

    def fact(self, number: int | None, name: str) -> int:
        """Give a number that a kernel's symbol tells, -1 where it does not."""
        value = _whole(self.symbols.get(number or 0, {}).get(name))
        return -1 if value is None else value


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _whole(value: Any) -> int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63
    return value if is_number else None


def _handle(value: Any) -> int | None:
    """Give a handle, which has 64 bits without sign."""
    number = _dict(value).get("handle")
    return number if isinstance(number, int) and 0 <= number < 1 << 64 else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
