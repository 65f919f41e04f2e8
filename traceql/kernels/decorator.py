"""The one decorator of all kernels, and how arrays enter them.

Decorated functions import nothing: numba comes when a kernel first runs that
`traceql.kernels.machine_code` has not kept from an earlier run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import numpy as np

from traceql.kernels import machine_code, notice
from traceql.kernels.machine_code import Shape

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

P = ParamSpec("P")
R = TypeVar("R")

_BARE = {"error_model": "numpy", "_nrt": False}


class _Deferred:
    """What numba makes of a function, made when numba first asks for it."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None

    @property
    def compiled(self) -> Any:
        """What numba has: a dispatcher, or an intrinsic."""
        if self._made is None:
            _meet_numba()
            self._made = self._make()
        return self._made

    def __call__(self, *arguments: Any) -> Any:
        return self.compiled(*arguments)


class _Kernel(_Deferred):
    """A kernel that is called from Python."""

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        super().__init__(lambda: _with_all_sources(_njit(function, cache=True, **options), options))
        self._name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        self._code: dict[tuple[Any, ...], Callable[[list[Any]], Any] | None] = {}
        self._one_at_a_time = threading.Lock()
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self.__module__ = function.__module__
        self.__wrapped__ = function

    def __call__(self, *arguments: Any) -> Any:
        call = machine_code.describe(arguments)
        if call is None:
            return self.compiled(*arguments)
        try:
            run = self._code[call.key]
        except KeyError:
            run = self._find(call.key, arguments)
        if run is not None:
            result = run(call.words)
            if result is not NotImplemented:
                return result
        return self.compiled(*arguments)

    def _find(
        self, key: tuple[Any, ...], arguments: tuple[Any, ...]
    ) -> Callable[[list[Any]], Any] | None:
        with self._one_at_a_time:
            if key not in self._code:
                run = machine_code.load(self._name, key)
                if run is None:
                    _keep(self.compiled, self._name, key, arguments)
                self._code[key] = run
        return self._code[key]


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of arrays and numbers: cached on disk, without the GIL.

    Floating point follows IEEE (no fastmath), so that results repeat bit for bit. A kernel that
    makes no arrays starts in a millisecond; one that does has to wait for numba.
    """
    return cast("Callable[P, R]", _Kernel(function, {}))


def bare_kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel over raw addresses: as `kernel`, but without reference counts.

    Numba counts references to every array it passes on, which here costs more than the work
    itself. Such a kernel can make no arrays; its caller keeps alive what it is given.
    """
    return cast("Callable[P, R]", _Kernel(function, _BARE))


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a part that LLVM always inlines into the bare kernels that call it.

    Parts are not cached: a cached kernel has their code already.
    """
    options = {**_BARE, "forceinline": True}
    return cast("Callable[P, R]", _Deferred(lambda: _njit(function, **options)))


def intrinsic(typed: Callable[..., Any]) -> Any:
    """Make an operation of numba's `intrinsic`, for use in kernels only."""

    def make() -> Any:
        from numba.extending import intrinsic as of_numba

        return of_numba(typed)

    return _Deferred(make)


def _njit(function: Callable[..., Any], **options: Any) -> Any:
    import numba

    return numba.njit(nogil=True, **options)(function)


def _with_all_sources(compiled: Any, options: dict[str, Any]) -> Any:
    """Let numba's cache of a kernel with inlined parts look at the files of the parts, too."""
    index = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if options and index is not None and hasattr(index, "_source_stamp"):
        index._source_stamp = (index._source_stamp, machine_code.sources())  # noqa: SLF001
    return compiled


_met = threading.Event()


def _meet_numba() -> None:
    """Teach numba, once, that a deferred function stands for what it makes of it."""
    if _met.is_set():
        return
    _met.set()
    from numba.core.registry import cpu_target
    from numba.extending import typeof_impl

    def typed(value: _Deferred, _context: Any) -> Any:
        made = value.compiled
        # An intrinsic made just now is known after that only.
        cpu_target.typing_context.refresh()
        cpu_target.target_context.refresh()
        return cpu_target.typing_context.resolve_value_type(made)

    typeof_impl.register(_Deferred)(typed)


def _keep(compiled: Any, name: str, key: tuple[Any, ...], arguments: tuple[Any, ...]) -> None:
    """Compile for these arguments, and keep the code if it can run without numba."""
    if not hasattr(compiled, "overloads"):  # compiling is switched off
        return
    kinds = tuple(compiled.typeof_pyval(argument) for argument in arguments)
    if _cached(compiled, kinds) is None:
        notice.compiling()
    compiled.compile(kinds)
    result = compiled.overloads[kinds]
    shape = _shape(result.fndesc.llvm_func_name, result.signature.return_type)
    kept = None if shape is None else _cached(compiled, kinds)
    if shape is not None and kept is not None:
        _, form, code = kept[0]
        if form == "object":
            machine_code.keep(name, key, shape, code[0])


def _cached(compiled: Any, kinds: tuple[Any, ...]) -> Any:
    """Give what numba keeps on disk of a kernel for these types; None: nothing."""
    files = getattr(compiled, "_cache", None)
    if files is None or not hasattr(files, "_cache_file"):
        return None
    key = files._index_key(kinds, compiled.targetctx.codegen())  # noqa: SLF001
    return files._cache_file.load(key)  # noqa: SLF001


def _shape(symbol: str, result: Any) -> Shape | None:
    """Describe what a kernel gives back; None: something that only numba can unpack."""
    from numba import types

    numbers = {"int64", "uint64", "float64"}
    if isinstance(result, types.NoneType):
        return Shape(symbol, None, None)
    if isinstance(result, types.Boolean):
        return Shape(symbol, "bool", None)
    if isinstance(result, types.UniTuple):
        kind = str(result.dtype)
        return Shape(symbol, kind, result.count) if kind in numbers else None
    return Shape(symbol, str(result), None) if str(result) in numbers else None


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
