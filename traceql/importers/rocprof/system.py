"""What rocprof-compute tells of a system in sysinfo.csv: its GPUs, all of one model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from traceql.importers._rocm.agents import device_facts

_ARCHITECTURE = re.compile(r"gfx(\d{1,2})(\d)([0-9a-f])$")
"""Of LLVM's processors: major, minor, and a digit of 16 for the stepping."""
_HZ_PER_MHZ = 1e6
_AGENT_KEYS = {
    "gpu_model": "product_name",
    "cu_per_gpu": "cu_count",
    "wave_size": "wave_front_size",
    "workgroup_max_size": "workgroup_max_size",
    "max_waves_per_cu": "max_waves_per_cu",
    "max_sclk": "max_engine_clk_fcompute",
}
"""Names of the same facts in the driver's record of an agent."""


def gpu_facts(told: Mapping[str, str]) -> dict[str, Any]:
    """Give the columns of `device` for a GPU of the system.

    Args:
        told: sysinfo.csv, one row: names in lower case to texts.
    """
    record: dict[str, Any] = dict(told)
    record |= {key: told[name] for name, key in _AGENT_KEYS.items() if told.get(name)}
    found = _ARCHITECTURE.match(told.get("gpu_arch", ""))
    if found is not None:
        record["gfx_target_version"] = (
            int(found[1]) * 10_000 + int(found[2]) * 100 + int(found[3], 16)
        )
    clock = told.get("max_mclk", "")
    return {
        **device_facts(record, "gpu"),
        "memory_clock_hz": int(clock) * _HZ_PER_MHZ if clock.isdecimal() and int(clock) else None,
    }
