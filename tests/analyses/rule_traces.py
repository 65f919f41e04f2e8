"""What the tests of gpu.rule.* share: copies with their calls, steady kernels, checked evidence."""

from __future__ import annotations

from made_traces import device, evidence, host, results_of

PAGEABLE, PINNED = "Memcpy HtoD (Pageable -> Device)", "Memcpy HtoD (Pinned -> Device)"


def copy(number, call, name, ts, dur, size=1 << 20, cat="gpu_memcpy"):
    """A call at ts and its copy 5 µs later."""
    return [
        host(call, ts, 4, "cuda_runtime", correlation=number),
        device(name, ts + 5, dur, cat, correlation=number, bytes=size),
    ]


def steps(count=20):
    """Kernels one behind the other, every 100 µs, 90 µs each."""
    return [device("gemm", 100 * i, 90) for i in range(count)]


def checked(store, name):
    (result,) = results_of(store, name).values()
    rows = evidence(store, result)
    assert [len(r) for r in rows] == [f.n_events for f in result.findings]
    return result
