"""Kernels inside SQL: Arrow functions that the macros of `queries/` call on lists of rows.

A macro gathers the rows of each key into a list, unordered (an ordered list costs four times as
much), calls `__k_<name>` on it, and unnests what comes back. The function gets many lists in one
call, sorts each, and hands all to one call of a kernel. A session registers a function when a query
first needs it; numba is imported when it first runs.

Every function below is declared by `@sql_kernel` with the DuckDB types that it takes and gives.
Lists are lists of structs, so that the fields of a row stay together. Fields are never null: the
macros drop rows that lack a ts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from traceql.model.units import format_bytes
from traceql.query.library import KERNEL

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]

MEMORY_SIGN = "kernel out of memory"
"""How a message begins that tells of the memory limit."""
_WORKING_SPACE = 3
"""Bytes of working space that a kernel may need for each byte it is given."""


@dataclass(frozen=True)
class SqlKernel:
    """A function for SQL. `takes` and `gives` are DuckDB types; `run` works on Arrow arrays."""

    name: str
    takes: tuple[str, ...]
    gives: str
    run: Callable[..., pa.Array]


class Lists:
    """A column of lists of structs: `offsets` int64 [s + 1] and flat columns by field."""

    def __init__(self, column: pa.Array) -> None:
        import numpy as np

        offsets = column.offsets.to_numpy().astype(np.int64)
        values = column.values.slice(offsets[0], offsets[-1] - offsets[0])
        self.offsets: Int64 = offsets - offsets[0]
        self._fields = {values.type.field(i).name: part for i, part in enumerate(values.flatten())}

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Give a column: int64, float64 or bool; a null is the least int64, NaN or false."""
        import numpy as np
        import pyarrow as pa

        column = self._fields[name]
        if column.null_count:
            fill = {pa.float64(): float("nan"), pa.bool_(): False}
            column = column.fill_null(fill.get(column.type, int(np.iinfo(np.int64).min)))
        found: NDArray[Any] = column.to_numpy(zero_copy_only=False)
        return found

    def sorted(self, names: str, by: Callable[[Lists], tuple[Any, ...]]) -> list[NDArray[Any]]:
        """Give columns in the order of the keys that `by` gives, within each list."""
        from traceql.kernels import segments

        order = segments.order(self.offsets, *by(self))
        columns = [self[name] for name in names.split()]
        return columns if order is None else [column[order] for column in columns]


_KERNELS: dict[str, SqlKernel] = {}


def sql_kernel(
    *takes: str, gives: str
) -> Callable[[Callable[..., pa.Array]], Callable[..., pa.Array]]:
    """Declare a function for SQL under its Python name."""

    def declare(run: Callable[..., pa.Array]) -> Callable[..., pa.Array]:
        name = f"{KERNEL}{run.__name__}"
        _KERNELS[name] = SqlKernel(name, takes, gives, run)
        return run

    return declare


@cache
def kernels() -> Mapping[str, SqlKernel]:
    """Give every function by its name in SQL."""
    # Imported for the declarations in them.
    from traceql.query import (  # noqa: F401
        kernels_of_graphs,
        kernels_of_intervals,
        kernels_of_projection,
        kernels_of_scans,
    )

    return _KERNELS


def register(
    connection: duckdb.DuckDBPyConnection, name: str, memory_limit_bytes: int | None
) -> None:
    """Make a function known to a connection and all its cursors.

    Args:
        connection: of the session.
        name: as `kernels` gives it.
        memory_limit_bytes: a call that may need more raises MemoryError; None: no limit.

    Raises:
        KeyError: there is no such function.
    """
    import duckdb
    from duckdb.func import ARROW

    kernel = kernels()[name]

    def run(*columns: Any) -> Any:
        given = sum(column.nbytes for column in columns)
        if memory_limit_bytes is not None and given * _WORKING_SPACE > memory_limit_bytes:
            raise MemoryError(f"{MEMORY_SIGN}: {format_bytes(given)} of rows in one call")
        try:
            return kernel.run(*(column.combine_chunks() for column in columns))
        except MemoryError as error:
            raise MemoryError(f"{MEMORY_SIGN}: {error}") from error

    # DuckDB counts parameters, and evaluates their annotations; so it is shown plain ones.
    plain = [
        inspect.Parameter(f"p{place}", inspect.Parameter.POSITIONAL_ONLY)
        for place in range(len(kernel.takes))
    ]
    run.__signature__ = inspect.Signature(plain)  # type: ignore[attr-defined]
    connection.create_function(
        name,
        run,
        [duckdb.sqltype(kind) for kind in kernel.takes],
        duckdb.sqltype(kernel.gives),
        type=ARROW,
    )


def as_lists(counts: NDArray[Any], columns: Mapping[str, Any]) -> pa.Array:
    """Make a column of lists of structs.

    Args:
        counts: int64 [s]: rows of each list.
        columns: field to flat array, numpy or Arrow.

    Raises:
        OverflowError: more rows than one Arrow list column holds.
    """
    import numpy as np
    import pyarrow as pa

    offsets = np.concatenate(([0], np.cumsum(counts)))
    if offsets[-1] > np.iinfo(np.int32).max:
        raise OverflowError("one call gives more than 2^31 rows: split by a key or a window of ts")
    arrays = [pa.array(column) for column in columns.values()]
    values = pa.StructArray.from_arrays(arrays, names=list(columns))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)


def constant(column: pa.Array) -> Any:
    """Give the value of an option, which is the same for all rows of a query; None: no rows.

    Raises:
        ValueError: it differs between rows.
    """
    values = column.unique()
    if len(values) > 1:
        raise ValueError("an option of a macro must be a constant")
    return values[0].as_py() if len(values) else None
