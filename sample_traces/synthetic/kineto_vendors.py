"""How the vendors' traces differ: names of calls and categories, device properties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Vendor:
    launch: str
    copy: str
    clear: str
    wait: str
    runtime_cat: str
    kernel_cat: str
    device: dict[str, Any]
    device_type: int
    device_id: int = 0


VENDORS = {
    "nvidia": Vendor(
        "cudaLaunchKernel", "cudaMemcpyAsync", "cudaMemsetAsync", "cudaDeviceSynchronize",
        "cuda_runtime", "kernel",
        {"id": 0, "name": "NVIDIA A100-SXM4-80GB", "totalGlobalMem": 85031714816,
         "computeMajor": 8, "computeMinor": 0, "maxThreadsPerBlock": 1024,
         "maxThreadsPerMultiprocessor": 2048, "regsPerBlock": 65536, "warpSize": 32,
         "sharedMemPerBlock": 49152, "numSms": 108, "regsPerMultiprocessor": 65536,
         "sharedMemPerBlockOptin": 166912, "sharedMemPerMultiprocessor": 167936},
        1,
    ),
    "amd": Vendor(
        "hipLaunchKernel", "hipMemcpyWithStream", "hipMemsetAsync", "hipDeviceSynchronize",
        "cuda_runtime", "kernel",
        {"id": 2, "name": "AMD Instinct MI300X", "totalGlobalMem": 205571227648,
         "computeMajor": 9, "computeMinor": 4, "maxThreadsPerBlock": 1024,
         "maxThreadsPerMultiprocessor": 2048, "regsPerBlock": 65536, "warpSize": 64,
         "sharedMemPerBlock": 65536, "numSms": 304, "maxSharedMemoryPerMultiProcessor": 65536},
        6, device_id=2,
    ),
    "mtia": Vendor(
        "runFunction - job_prep_and_submit_for_execution", "memcpyAsync", "memsetAsync",
        "streamSynchronize", "mtia_runtime", "mtia_ccp_events",
        {"id": 17, "name": "ARTEMIS", "runtimeMajorVersion": 1, "runtimeMinorVersion": 30,
         "maxGridHeight": 8, "maxGridWidth": 8},
        20, device_id=17,
    ),
}  # fmt: skip
OLD_CATEGORIES = {
    "kernel": "Kernel", "gpu_memcpy": "Memcpy", "gpu_memset": "Memset",
    "cuda_runtime": "Runtime", "cpu_op": "Operator",
}  # fmt: skip
