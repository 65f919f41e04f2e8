"""Programs with one bad habit each, as Kineto traces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Program:
    """A host thread that launches work on one device; times in µs."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.now = 0.0
        self.free = 0.0
        self.correlation = 0

    def _host(self, name: str, dur: float, args: dict[str, Any]) -> None:
        self.events.append(
            {"ph": "X", "name": name, "cat": "cuda_runtime", "pid": 10, "tid": 1, "ts": self.now,
             "dur": dur, "args": args}
        )  # fmt: skip
        self.now += dur

    def call(self, name: str, dur: float) -> None:
        """Call a function of the runtime."""
        self._host(name, dur, {})

    def launch(self, name: str, dur: float, *, call: str = "cudaLaunchKernel",
               call_dur: float = 5, cat: str = "kernel", **args: object) -> None:  # fmt: skip
        """Launch an operation: it runs when the device is free."""
        self.correlation += 1
        self._host(call, call_dur, {"correlation": self.correlation})
        start = max(self.now, self.free)
        self.events.append(
            {"ph": "X", "name": name, "cat": cat, "pid": 0, "tid": 7, "ts": start, "dur": dur,
             "args": {"device": 0, "stream": 7, "correlation": self.correlation, **args}}
        )  # fmt: skip
        self.free = start + dur

    def wait(self, name: str = "cudaDeviceSynchronize") -> None:
        """Wait for the device."""
        end = max(self.free, self.now) + 2
        self.call(name, end - self.now)


def launch_bound(run: Program) -> None:
    """Launch a hundred kernels shorter than their launch."""
    for _ in range(100):
        run.launch("small", 2)
        run.now += 2


def fusion(run: Program) -> None:
    """Run elementwise kernels one after the other."""
    for _ in range(60):
        run.launch("vectorized_elementwise_kernel<4>", 9)
        run.now += 8


def copies(run: Program, name: str, call: str, size: int, count: int) -> None:
    """Copy or fill between kernels."""
    for i in range(count):
        cat = "gpu_memset" if "Memset" in name else "gpu_memcpy"
        run.launch(name, 20, call=call, cat=cat, bytes=size)
        run.launch(f"work {i % 3}", 30, grid=[4, 1, 1])


def sync(run: Program) -> None:
    """Wait for the device in every round."""
    for _ in range(40):
        run.launch("work", 50)
        run.wait()
        run.now += 20


def pooling(run: Program) -> None:
    """Allocate and free in every round."""
    for _ in range(40):
        run.call("cudaMalloc", 30)
        run.launch("work", 20)
        run.wait("cudaStreamSynchronize")
        run.call("cudaFree", 20)


def long_gap(run: Program) -> None:
    """Pause four times."""
    for i in range(200):
        run.launch("work", 20)
        run.now += 900 if i % 50 == 49 else 18


def superlinear(run: Program) -> None:
    """Run a kernel whose time grows as its grid to the power of 1.6."""
    for blocks in (8, 16, 32, 64, 128, 256):
        for _ in range(5):
            run.launch("sort", blocks**1.6, grid=[blocks, 1, 1], block=[64, 1, 1])


HABITS: dict[str, Callable[[Program], None]] = {
    "launch_bound": launch_bound,
    "fusion": fusion,
    "pageable_copy": lambda run: copies(
        run, "Memcpy HtoD (Pageable -> Device)", "cudaMemcpyAsync", 1 << 20, 20
    ),
    "blocking_copy": lambda run: copies(
        run, "Memcpy HtoD (Pinned -> Device)", "cudaMemcpy", 1 << 20, 20
    ),
    "blocking_fill": lambda run: copies(run, "Memset (Managed)", "cudaMemset", 1 << 20, 20),
    "small_copies": lambda run: copies(
        run, "Memcpy HtoD (Pinned -> Device)", "cudaMemcpyAsync", 512, 60
    ),
    "sync": sync,
    "pooling": pooling,
    "long_gap": long_gap,
    "superlinear": superlinear,
}
OWNERS: dict[str, tuple[str, str]] = {
    "pageable_copy": ("gpu.rule.cuda_memcpy_async", "pageable_async_copy"),
    "blocking_copy": ("gpu.rule.cuda_memcpy_sync", "sync_copy"),
    "blocking_fill": ("gpu.rule.cuda_memset_sync", "sync_fill"),
    "sync": ("gpu.rule.cuda_api_sync", "sync_call"),
    "long_gap": ("gpu.rule.gpu_gaps", "gaps"),
}
"""Analysis and kind of the finding that tells of a habit; others `pattern.opportunities` does."""
