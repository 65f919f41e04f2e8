"""Rows of `device` from TARGET_INFO_GPU, or from TARGET_INFO_CUDA_GPU of the oldest exports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traceql.importers._packing import literal

if TYPE_CHECKING:
    from traceql.importers.nsight.facts import Facts

_GPU = {
    "id": "i", "deviceId": "i", "name": "s", "busLocation": "s", "isDiscrete": "i",
    "l2CacheSize": "i", "totalMemory": "i", "memoryBandwidth": "i", "clockRate": "i",
    "smCount": "i", "uuid": "s", "luid": "i", "chipName": "s", "cuDevice": "i",
    "constantMemory": "i", "maxIPC": "i", "maxRegistersPerBlock": "i", "maxShmemPerBlock": "i",
    "maxShmemPerBlockOptin": "i", "maxShmemPerSm": "i", "maxRegistersPerSm": "i",
    "threadsPerWarp": "i", "asyncEngines": "i", "maxWarpsPerSm": "i", "maxBlocksPerSm": "i",
    "maxThreadsPerBlock": "i", "maxBlockDimX": "i", "maxBlockDimY": "i", "maxBlockDimZ": "i",
    "maxGridDimX": "i", "maxGridDimY": "i", "maxGridDimZ": "i", "computeMajor": "i",
    "computeMinor": "i", "smMajor": "i", "smMinor": "i", "numaNodeId": "i", "vmId": "i",
}  # fmt: skip
_CUDA_GPU = {
    "deviceId": "i", "name": "i", "pciBusId": "s", "globalMemoryBandwidth": "i",
    "globalMemorySize": "i", "constantMemorySize": "i", "l2CacheSize": "i",
    "numThreadsPerWarp": "i", "coreClockRate": "i", "numMemcpyEngines": "i",
    "numMultiprocessors": "i", "maxIPC": "i", "maxWarpsPerMultiprocessor": "i",
    "maxBlocksPerMultiprocessor": "i", "maxRegistersPerBlock": "i",
    "maxSharedMemoryPerBlock": "i", "maxThreadsPerBlock": "i", "computeCapabilityMajor": "i",
    "computeCapabilityMinor": "i", "pid": "i", "maxSharedMemoryPerMultiprocessor": "i",
    "maxRegistersPerMultiprocessor": "i",
}  # fmt: skip
_INT32 = 1 << 31
_MEGABYTES_BELOW = 1 << 24
"""A memory size below that is in MB: no CUDA device has less than 16 MB."""
_HZ_PER_KHZ = 1000


def device_rows(facts: Facts, used: set[int]) -> list[dict[str, Any]]:
    """Give a row for each device that is described or was used, by number.

    A device that is told of twice (by several processes, or in another VM) has its first record.
    """
    found: dict[int, dict[str, Any]] = {}
    for row in facts.all("TARGET_INFO_GPU", **_GPU):
        number = row["deviceId"] if row["id"] is None else row["id"]
        if number is not None and abs(number) < _INT32:
            found.setdefault(number, _described(number, row))
    for row in facts.all("TARGET_INFO_CUDA_GPU", **_CUDA_GPU):
        number = row["deviceId"]
        if number is not None and abs(number) < _INT32:
            older = _described_by_cuda(number, row) | {"name": facts.text(row["name"])}
            known = found.setdefault(number, older)
            for name, value in older.items():
                if known.get(name) is None:
                    known[name] = value
    for number in used - found.keys():
        found[number] = {"device_id": number, "kind": "gpu", "vendor": "nvidia"}
    return [found[number] for number in sorted(found)]


def _described(number: int, row: dict[str, Any]) -> dict[str, Any]:
    warps, width = row["maxWarpsPerSm"], row["threadsPerWarp"]
    clock = row["clockRate"]
    return {
        "device_id": number,
        "kind": "gpu",
        "vendor": "nvidia",
        "name": row["name"],
        "uuid": row["uuid"],
        "memory_bytes": row["totalMemory"],
        "compute_major": _small(row["computeMajor"]),
        "compute_minor": _small(row["computeMinor"]),
        "multiprocessor_count": _small(row["smCount"]),
        "warp_size": _small(width),
        "max_threads_per_block": _small(row["maxThreadsPerBlock"]),
        "max_threads_per_multiprocessor": _small(warps * width) if warps and width else None,
        "registers_per_block": _small(row["maxRegistersPerBlock"]),
        "registers_per_multiprocessor": _small(row["maxRegistersPerSm"]),
        "shared_bytes_per_block": row["maxShmemPerBlock"],
        "shared_bytes_per_block_optin": row["maxShmemPerBlockOptin"],
        "shared_bytes_per_multiprocessor": row["maxShmemPerSm"],
        "clock_hz": float(clock) if clock else None,
        "args": _record(row),
    }


def _described_by_cuda(number: int, row: dict[str, Any]) -> dict[str, Any]:
    """Read the oldest record; its clock is in kHz, its memory in bytes or in MB."""
    memory = row["globalMemorySize"]
    if memory and memory < _MEGABYTES_BELOW:
        memory <<= 20
    clock = row["coreClockRate"]
    warps, width = row["maxWarpsPerMultiprocessor"], row["numThreadsPerWarp"]
    return {
        "device_id": number,
        "kind": "gpu",
        "vendor": "nvidia",
        "memory_bytes": memory or None,
        "compute_major": _small(row["computeCapabilityMajor"]),
        "compute_minor": _small(row["computeCapabilityMinor"]),
        "multiprocessor_count": _small(row["numMultiprocessors"]),
        "warp_size": _small(width),
        "max_threads_per_block": _small(row["maxThreadsPerBlock"]),
        "max_threads_per_multiprocessor": _small(warps * width) if warps and width else None,
        "registers_per_block": _small(row["maxRegistersPerBlock"]),
        "registers_per_multiprocessor": _small(row["maxRegistersPerMultiprocessor"]),
        "shared_bytes_per_block": row["maxSharedMemoryPerBlock"],
        "shared_bytes_per_multiprocessor": row["maxSharedMemoryPerMultiprocessor"],
        "clock_hz": float(clock * _HZ_PER_KHZ) if clock else None,
        "args": _record(row),
    }


def _small(value: int | None) -> int | None:
    return value if value is not None and -_INT32 <= value < _INT32 else None


def _record(row: dict[str, Any]) -> str:
    return literal({name: value for name, value in row.items() if value not in (None, "")})
