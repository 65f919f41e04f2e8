"""Allocations for the tests of memory: rows as the analyses are given them, and Kineto events."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

SCHEMA = pa.schema(
    [
        ("id", pa.int32()), ("ts", pa.int64()), ("device_id", pa.int32()), ("is_alloc", pa.bool_()),
        ("address", pa.int64()), ("bytes", pa.int64()), ("total_bytes", pa.int64()),
        ("reserved_bytes", pa.int64()), ("site", pa.string()),
    ]
)  # fmt: skip


def rows(script: list[tuple[int, int, str]], *, addresses: bool = True) -> pa.Table:
    """Make rows from (address, signed bytes, site), one per µs."""
    made = [
        {
            "id": i,
            "ts": 1000 * i,
            "device_id": 0,
            "is_alloc": size >= 0,
            "address": address if addresses else None,
            "bytes": abs(size),
            "site": site,
        }
        for i, (address, size, site) in enumerate(script)
    ]
    return pa.Table.from_pylist(made, SCHEMA)


def event(ts: float, address: int, size: int, total: int, reserved: int = 0) -> dict[str, Any]:
    """A [memory] event of device 0; time in µs."""
    return {"ph": "i", "s": "t", "name": "[memory]", "cat": "cpu_instant_event", "pid": 10,
            "tid": 1, "ts": ts, "args": {"Total Reserved": reserved, "Total Allocated": total,
            "Bytes": size, "Addr": address, "Device Id": 0, "Device Type": 1}}  # fmt: skip
