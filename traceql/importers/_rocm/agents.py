"""Agents: the CPUs and GPUs of a node, under the numbers by which rows speak of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from traceql.importers._packing import literal

if TYPE_CHECKING:
    from traceql.importers._rocm.trace import Trace

_AGENT = re.compile(r"^\s*(?:(Agent|GPU|CPU)\s*)?\[?(\d{1,9})\]?\s*$", re.IGNORECASE)
_TYPES = {"1": "cpu", "2": "gpu", "CPU": "cpu", "GPU": "gpu"}
_HZ_PER_MHZ = 1e6
_BYTES_PER_KB = 1024
_MAJOR, _MINOR = 10_000, 100
_INT32 = 1 << 31
ABSOLUTE, LOGICAL, BY_TYPE = "node_id", "logical_node_id", "by_type"
"""What the numbers in rows count: nodes of the driver, visible agents, or those of one type."""


class Agents:
    """The agents of a run.

    Rows speak of `Agent 4` (a visible agent), of `GPU 0` (the first GPU), or plainly of 4 (a node
    of the driver, in older versions); the first one met decides for all.
    """

    def __init__(self, mode: str | None = None) -> None:
        self._records: list[dict[str, Any]] = []
        self.mode = mode

    def add(self, record: Mapping[str, Any]) -> None:
        """Add the tool's record of an agent; its keys may be of any case."""
        self._records.append({key.lower(): value for key, value in record.items()})

    def number(self, agent: str | int | None) -> int | None:
        """Give the number of the agent that a row speaks of; None for a CPU told by its type."""
        found = _AGENT.match(str(agent)) if agent is not None else None
        if found is None:
            return None
        word = (found[1] or "").upper()
        if self.mode is None:
            self.mode = {"": ABSOLUTE, "AGENT": LOGICAL}.get(word, BY_TYPE)
        return None if word == "CPU" else int(found[2])

    def is_cpu(self, number: int) -> bool:
        """Tell whether a number by which rows speak of an agent is that of a CPU."""
        return any(kind == "cpu" and n == number for n, kind, _ in self._numbered())

    def describe(self, trace: Trace) -> None:
        """Describe the agents as devices, under the numbers that rows use."""
        for number, kind, record in self._numbered():
            trace.describe(number, device_facts(record, kind))

    def _numbered(self) -> Iterator[tuple[int, str | None, dict[str, Any]]]:
        mode, gpus = self.mode or LOGICAL, 0
        for record in self._records:
            kind = _TYPES.get(str(record.get("agent_type", record.get("type"))).upper())
            number = _whole(record.get(mode, record.get(ABSOLUTE)))
            if mode == BY_TYPE:
                if kind != "gpu":
                    continue
                number, gpus = gpus, gpus + 1
            if number is not None:
                yield number, kind, record


def device_facts(record: Mapping[str, Any], kind: str | None) -> dict[str, Any]:
    """Give the columns of `device` that an agent's record (keys in lower case) tells."""
    width = _small(record.get("wave_front_size"))
    waves, lds = _whole(record.get("max_waves_per_cu")), _whole(record.get("lds_size_in_kb"))
    clock = _whole(record.get("max_engine_clk_fcompute" if kind == "gpu" else
                              "max_engine_clk_ccompute"))  # fmt: skip
    target = _whole(record.get("gfx_target_version"))
    lds_bytes = lds * _BYTES_PER_KB if lds else None
    vendor = str(record.get("vendor_name") or "amd")
    uuid = record.get("uuid")
    return {
        "kind": kind,
        "vendor": "amd" if kind == "gpu" or "amd" in vendor.lower() else vendor.lower(),
        "name": _name(record),
        "uuid": str(uuid) if uuid else None,
        "memory_bytes": _whole(record.get("local_mem_size")) or None,
        "compute_major": target // _MAJOR if target else None,
        "compute_minor": target % _MAJOR // _MINOR if target else None,
        "multiprocessor_count": _small(record.get("cu_count")),
        "warp_size": width,
        "max_threads_per_block": _small(record.get("workgroup_max_size")),
        "max_threads_per_multiprocessor": waves * width if waves and width else None,
        "shared_bytes_per_block": lds_bytes,
        "shared_bytes_per_multiprocessor": lds_bytes,
        "clock_hz": clock * _HZ_PER_MHZ if clock else None,
        "args": literal(dict(record)),
    }


def _name(record: Mapping[str, Any]) -> str | None:
    """Give the product's name, else the name of its architecture."""
    names: Sequence[Any] = [record.get(key) for key in ("product_name", "name", "model_name")]
    return next((str(name) for name in names if name and str(name) != "NULL"), None)


def _whole(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _small(value: Any) -> int | None:
    number = _whole(value)
    return number if number and 0 < number < _INT32 else None
