"""The one decorator of all kernels, and how arrays enter them."""

from __future__ import annotations

from collections.abc import Callable
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
