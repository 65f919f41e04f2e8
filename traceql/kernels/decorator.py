"""The one decorator of all kernels, and how arrays enter them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of arrays and numbers: cached on disk, without the GIL.

    Floating point follows IEEE (no fastmath), so that results repeat bit for bit.
    """
    compiled = numba.njit(cache=True, nogil=True)(function)
    return cast("Callable[P, R]", compiled)


@cache
def _stamp_of_kernels() -> tuple[tuple[str, int, int], ...]:
    """Name, time and size of every file of this folder."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files)


def bare_kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel over raw addresses: as `kernel`, but without reference counts.

    Numba counts references to every array it passes on, which here costs more than the work
    itself. Such a kernel can make no arrays; its caller keeps alive what it is given.
    """
    compiled = numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function)
    index = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if index is not None and hasattr(index, "_source_stamp"):
        # Numba looks only at the kernel's own file; its inlined parts stand in others.
        index._source_stamp = (index._source_stamp, _stamp_of_kernels())  # noqa: SLF001
    return cast("Callable[P, R]", compiled)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a part that LLVM always inlines into the bare kernels that call it.

    Parts are not cached: a cached kernel has their code already.
    """
    compiled = numba.njit(nogil=True, error_model="numpy", forceinline=True, _nrt=False)(function)
    return cast("Callable[P, R]", compiled)


def as_input(values: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:
    """Give the values as a one-dimensional, contiguous, read-only array of `dtype`.

    Arrays that come from Arrow are read-only and others are not; numba compiles a kernel once
    per kind, so all are made of one kind. Nothing is copied unless the type or layout differs.

    Raises:
        ValueError: not one-dimensional.
    """
    array = np.ascontiguousarray(values, dtype).view()
    if array.ndim != 1:
        raise ValueError(f"{array.ndim} dimensions where one is expected")
    array.flags.writeable = False
    return array
