"""Read trace-event text held in memory, and small texts of every dialect."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from traceql.importers.chrome import Chrome
from traceql.model import tables
from traceql.model.protocols import BLOCK_BYTES

Row = dict[str, Any]


@dataclass(frozen=True)
class Text:
    """A Source over bytes, in blocks of `step` whatever is asked for."""

    content: bytes
    step: int = BLOCK_BYTES
    path: Path = Path("some/trace.json")
    damage: Sequence[tuple[str, int, str]] = ()

    def blocks(self, size: int = BLOCK_BYTES) -> Iterator[bytes]:
        step = min(size, self.step)
        for start in range(0, len(self.content), step):
            yield self.content[start : start + step]


class Tables(dict[str, list[Row]]):
    """Rows per table; a table without rows is empty."""

    def __missing__(self, key: str) -> list[Row]:
        return []

    def codes(self) -> dict[str, int]:
        return {row["code"]: row["count"] for row in self["diagnostic"]}


def read(data: bytes | str, step: int = BLOCK_BYTES, damage: Any = ()) -> Tables:
    raw = data.encode() if isinstance(data, str) else data
    found = Tables()
    for chunk in Chrome().read(Text(raw, step, damage=damage)):
        tables.validate(chunk.table, chunk.rows)
        assert 0 < chunk.rows.num_rows <= 65_536
        found.setdefault(chunk.table, []).extend(chunk.rows.to_pylist())
    return found


def events(*items: Any, **document: Any) -> str:
    return json.dumps({"traceEvents": items, **document}, ensure_ascii=False)


def event(ph: str, ts: Any = 1, **fields: Any) -> Row:
    return {"name": "n", "ph": ph, "pid": 1, "tid": 2, "ts": ts, **fields}


KINETO = """{
  "schemaVersion": 1,
  "deviceProperties": [{"id": 0, "name": "NVIDIA A100-SXM4-40GB", "totalGlobalMem": 42297786368,
    "computeMajor": 8, "computeMinor": 0, "maxThreadsPerBlock": 1024, "numSms": 108,
    "maxThreadsPerMultiprocessor": 2048, "regsPerBlock": 65536, "warpSize": 32,
    "sharedMemPerBlock": 49152, "regsPerMultiprocessor": 65536}],
  "cupti_version": 22, "with_stack": 1,
  "distributedInfo": {"backend": "nccl", "rank": 3, "world_size": 8, "pg_config": [{"a": 1}]},
  "displayTimeUnit": "ms", "baseTimeNanoseconds": 1711964646000000000,
  "traceEvents": [
  {
    "ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 100, "tid": 100,
    "ts": 1712195495519703.772, "dur": 12.345,
    "args": {
      "External id": 5, "cbid": 211, "correlation": 77
    }
  },
  {
    "ph": "X", "cat": "kernel", "name": "gemm<float, 4>", "pid": 0, "tid": 7,
    "ts": 1712195495519720.001, "dur": 4.500,
    "args": {"External id": 5, "queued": 0, "device": 0, "context": 1, "stream": 7,
      "correlation": 77, "registers per thread": 32, "shared memory": 1024,
      "blocks per SM": 0.5, "grid": [54, 2, 1], "block": [128, 1, 1],
      "est. achieved occupancy %": 25}
  },
  {"ph": "X", "cat": "Memcpy", "name": "Memcpy HtoD (Pinned -> Device)", "pid": 0, "tid": 7,
    "ts": 1712195495519730, "dur": 2, "args": {"device": "0", "stream": "7", "Correlation": "78",
    "bytes": 4096}},
  {"ph": "X", "cat": "gpu_memset", "name": "Memset (Device)", "pid": 0, "tid": "stream 9",
    "ts": 1712195495519740, "dur": 1, "args": {"device": 0, "stream": 9, "bytes": 64}},
  {"ph": "X", "cat": "cuda_sync", "name": "Stream Sync", "pid": 0, "tid": 7,
    "ts": 1712195495519741, "dur": 1, "args": {"correlation": 79, "stream": 7}},
  {"ph": "s", "id": 77, "pid": 100, "tid": 100, "ts": 1712195495519703.772, "cat": "ac2g",
    "name": "ac2g"},
  {"ph": "f", "id": 77, "pid": 0, "tid": 7, "ts": 1712195495519720.001, "cat": "ac2g",
    "name": "ac2g", "bp": "e"},
  {"ph": "i", "cat": "cpu_instant_event", "s": "t", "name": "[memory]", "pid": 100, "tid": 100,
    "ts": 1712195495519800.000, "args": {"Total Reserved": 2048, "Total Allocated": 512,
    "Bytes": -512, "Addr": 139, "Device Id": 0, "Device Type": 1}},
  {"ph": "i", "cat": "cpu_instant_event", "s": "t", "name": "[memory]", "pid": 100, "tid": 100,
    "ts": 1712195495519801.000, "args": {"Bytes": 256, "Addr": 140, "Device Id": -1,
    "Device Type": 0}},
  {"name": "process_name", "ph": "M", "ts": 1, "pid": 100, "tid": 0, "args": {"name": "python"}},
  {"name": "process_labels", "ph": "M", "ts": 1, "pid": 100, "tid": 0, "args": {"labels": "CPU"}},
  {"name": "thread_name", "ph": "M", "ts": 1, "pid": 0, "tid": 7, "args": {"name": "stream 7"}},
  {"name": "Record Window End", "ph": "i", "s": "g", "pid": "", "tid": "", "ts": 9}
  ],
  "traceName": "/tmp/x.json"
}"""

DEVTOOLS = events(
    {"name": "Profile", "ph": "P", "pid": 9, "tid": 1, "ts": 100, "id": "0x1",
     "args": {"data": {"startTime": 90}}},
    {"name": "ProfileChunk", "ph": "P", "pid": 9, "tid": 4, "ts": 200, "id": "0x1",
     "args": {"data": {"cpuProfile": {"nodes": [
         {"id": 1, "callFrame": {"functionName": "(root)", "scriptId": 0}},
         {"id": 2, "parent": 1, "callFrame": {"functionName": "f", "url": "a.js",
                                              "lineNumber": 6, "columnNumber": 2}},
         {"id": 3, "parent": 1, "callFrame": {"functionName": "(idle)"}}],
         "samples": [2, 3]}, "timeDeltas": [10, 5.5]}}},
    {"name": "ProfileChunk", "ph": "P", "pid": 9, "tid": 4, "ts": 300, "id": "0x1",
     "args": {"data": {"cpuProfile": {"nodes": [
         {"id": 4, "parent": 2, "callFrame": {"functionName": "g", "url": "a.js"}}],
         "samples": [4, 99]}, "timeDeltas": [-3, 1]}}},
    {"name": "CpuProfile", "ph": "I", "pid": 9, "tid": 1, "ts": 400, "s": "t",
     "args": {"data": {"cpuProfile": {"startTime": 400, "nodes": [
         {"id": 1, "functionName": "(root)", "children": [2]},
         {"id": 2, "functionName": "f", "url": "a.js", "lineNumber": 6}],
         "samples": [2], "timeDeltas": [7]}}}},
    metadata={"os-name": "Linux", "config": {"deep": {"x": 1}}},
)  # fmt: skip

ASYNC = events(
    event("b", 1, cat="net", id="0xF", name="load"),
    event("n", 2, cat="net", id="0xf", name="mark"),
    event("e", 3, cat="net", id=15, name="load", tid=3, args={"ok": True}),
    event("b", 4, cat="net", id2={"local": "0xf"}),
    event("e", 5, cat="net", id2={"local": "0xf"}),
    event("b", 6, cat="net", id="0xf", scope="other"),
    event("S", 7, cat="net", id=1),
    event("T", 8, cat="net", id=1),
    event("p", 9, cat="net", id=1),
    event("F", 10, cat="net", id=1),
    event("C", 11, args={"a": 1, "b": "2.5", "c": "x"}),
    event("C", 12, id="0x1", args={"a": 3}),
    event("s", 13, id="0x2"),
    event("t", 14, id=2),
    event("f", 15, id="2"),
    event("X", 16, dur=1, bind_id="0x9", flow_out=True),
    event("X", 17, dur=1, bind_id="0x9", flow_in=True, flow_out=True),
)

HERMES = """[
{"name":"a","cat":"x","ph":"B","pid":"0","tid":"5","ts":"1"},
{"name":"a","cat":"x","ph":"E","pid":"0","tid":"5","ts":"2.5"},
{},
{"name":"w","ph":"X","pid":1,"tid":1,"ts":3,"dur":4,"sf":7,"args":{"p":"C:\\temp","n":NaN}},
{"name":"Total Frontend","ph":"X","pid":1,"tid":9,"ts":0,"dur":9,"args":{"count":1,"avg ms":9}},
"""

ALL = {
    "kineto": KINETO, "devtools": DEVTOOLS, "async": ASYNC, "hermes": HERMES,
}  # fmt: skip
