"""Baselines: the profile of a trace, or a saved one, for analyses that compare with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from traceql.errors import BadParameter, CorruptTrace, InputError, UnsupportedVersion

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.store.catalog import Store, Trace

FORMAT = 1
_ABOUT = b"traceql.baseline"
_MAGIC = b"PAR1"


class Profile(NamedTuple):
    """What a baseline is called, and by analysis what it measured of it."""

    label: str
    measured: Mapping[str, pa.Table]


def comparing(names: Sequence[str]) -> tuple[str, ...]:
    """Give those of the analyses that compare with a baseline: they have a field of that name."""
    from traceql.engine import settings
    from traceql.engine.examine import class_of

    return tuple(name for name in names if "baseline" in settings.fields(class_of(name)))


def is_saved(text: str) -> bool:
    """Say whether a text is the path of a saved baseline."""
    try:
        with Path(text).open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def find(
    store: Store, text: str, names: Sequence[str], measure: Callable[[Trace, str], pa.Table]
) -> Profile:
    """Give the baseline that is named.

    Args:
        store: where traces are.
        text: path of a saved baseline, or name or id prefix of a trace.
        names: analyses that were chosen.
        measure: gives what an analysis measures of a trace.

    Raises:
        BadParameter: no chosen analysis compares.
        InputError: the file is no saved baseline.
        TraceNotFound: there is neither file nor trace.
    """
    chosen = comparing(names)
    if not chosen:
        raise BadParameter("analyze", "baseline", "no chosen analysis compares with a baseline")
    if is_saved(text):
        return load(Path(text))
    trace = store.resolve(text)
    return Profile(trace.name, {name: measure(trace, name) for name in chosen})


def save(profile: Profile, path: Path) -> None:
    """Write a baseline as one Parquet file.

    Raises:
        InputError: the file cannot be written.
    """
    import pyarrow.parquet as pq

    (rows,) = profile.measured.values()
    (name,) = profile.measured
    about = json.dumps({"format": FORMAT, "trace": profile.label, "analysis": name})
    marked: pa.Table = rows.replace_schema_metadata({_ABOUT: about.encode()})
    try:
        pq.write_table(marked, path, compression="zstd")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error}).") from error


def load(path: Path) -> Profile:
    """Read a saved baseline.

    Raises:
        InputError: it is none, or of a later version.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise CorruptTrace(path, 0, f"no readable Parquet file: {error}".splitlines()[0]) from error
    about = (rows.schema.metadata or {}).get(_ABOUT)
    if about is None:
        raise InputError(
            f"{path}: not a saved baseline; `traceql baseline TRACE -o FILE` makes one."
        )
    told = json.loads(about)
    if told["format"] != FORMAT:
        raise UnsupportedVersion(path, str(told["format"]), str(FORMAT))
    return Profile(f"{told['trace']} ({path.name})", {told["analysis"]: rows})


def save_of(
    store: Store,
    trace: Trace,
    path: Path,
    memory_limit_bytes: int | None = None,
    timeout_s: float | None = None,
) -> None:
    """Measure a trace with default parameters, and write its profile.

    Raises:
        InputError: the file cannot be written.
        QueryError, StoreError: the trace cannot be read.
    """
    from traceql.engine import plugins
    from traceql.engine.examine import Examiner, Limits, Order
    from traceql.engine.window import Window

    (name,) = comparing(plugins.names("analyses"))
    order = Order(
        store,
        chosen=(name,),
        parameters={f"{name}.baseline": trace.name},
        window=Window(),
        keep=False,
        limits=Limits(memory_limit_bytes, timeout_s),
    )
    save(Profile(trace.name, {name: Examiner(order).profile(trace, name)}), path)
