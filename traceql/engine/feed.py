"""Feed an analysis: run its inputs, cut rows into partitions, collect what it measures."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from traceql.engine.window import ALWAYS
from traceql.errors import LimitReached

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.protocols import Analysis, Input
    from traceql.query.session import Session

AGGREGATE_ROWS = 1_000_000
"""Most rows of an input that does not come in partitions."""

_NAME = re.compile(r"[a-z_][a-z0-9_.]*")
_PARAMETER = re.compile(r"\$([a-z_][a-z0-9_]*)")


def measure(
    analysis: Analysis,
    session: Session,
    trace: str,
    *,
    window: tuple[int, int] = ALWAYS,
    derived: Mapping[str, pa.Table] | None = None,
) -> pa.Table:
    """Run the inputs over one trace and measure each partition.

    An analysis whose partitioned input has no rows measures one empty partition, so that it can
    say what it missed. The tables that it `needs` come by their canonical names.

    Args:
        analysis: with its parameters; at most one input is partitioned.
        session: over the trace.
        trace: its name; becomes the last column, `trace`, of what is measured.
        window: first ts, and the first ts that is too late; bound to $window_start, $window_end.
        derived: table name to rows, for `needs`.

    Raises:
        LimitReached: an aggregate has more than a million rows.
    """
    import pyarrow as pa

    given = _parameters(analysis, window)
    whole = dict(derived or {})
    streamed: list[tuple[str, Input]] = []
    for name, spec in analysis.inputs.items():
        if spec.partition_by is None:
            whole[name] = _aggregate(session, name, spec, given)
        else:
            streamed.append((name, spec))
    assert len(streamed) <= 1, f"{type(analysis).__name__} has several partitioned inputs"
    if streamed:
        name, spec = streamed[0]
        parts = _each(analysis, whole, name, _streamed(session, spec, given))
    else:
        parts = [analysis.measure(whole)]
    measured = pa.concat_tables(parts)
    names = pa.array([trace] * measured.num_rows, pa.string())
    return measured.append_column("trace", names)


def shared(analysis: Analysis) -> tuple[Any, ...] | None:
    """Give what tells analyses that measure alike; None: this one has its own `measure`.

    Analyses that inherit `measure` and `inputs` from one class measure the same where they give the
    SQL the same parameters.
    """
    kind = type(analysis)
    if "measure" in vars(kind):
        return None
    base = next(parent for parent in kind.__mro__ if "measure" in vars(parent))
    given = _parameters(analysis, ALWAYS)
    bound = [_bound(spec.sql, given) for spec in analysis.inputs.values()]
    return base, tuple(sorted({item for part in bound for item in part.items()}))


def partitions(batches: Iterable[pa.RecordBatch], column: str) -> Iterator[pa.Table]:
    """Cut ordered rows where `column` changes; only the current partition is held.

    Args:
        batches: rows in which equal values of `column` stand together; nulls are one value.
        column: by which to cut.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    held: list[pa.RecordBatch] = []
    value: Any = None
    for batch in batches:
        runs = pc.run_end_encode(batch.column(column))
        start = 0
        # Nulls in a row may come as several runs.
        ends, keys = runs.run_ends.to_pylist(), runs.values.to_pylist()
        for i, (end, key) in enumerate(zip(ends, keys, strict=True)):
            if i + 1 < len(keys) and keys[i + 1] == key:
                continue
            if held and key != value:
                yield pa.Table.from_batches(held)
                held = []
            held.append(batch.slice(start, end - start))
            value, start = key, end
    if held:
        yield pa.Table.from_batches(held)


def _each(
    analysis: Analysis, whole: Mapping[str, pa.Table], name: str, parts: Iterator[pa.Table]
) -> list[pa.Table]:
    """Measure each partition; none is held while the next is made, as a loop's variable would."""
    measured = []
    while (part := next(parts, None)) is not None:
        measured.append(analysis.measure({**whole, name: part}))
        del part
    return measured


def _streamed(session: Session, spec: Input, given: Mapping[str, Any]) -> Iterator[pa.Table]:
    assert spec.partition_by is not None
    text = _text(spec)
    answer = session.sql(text, _bound(text, given))
    parts = partitions(answer.batches(), spec.partition_by)
    first = next(parts, None)
    if first is None:
        yield answer.schema().empty_table()
        return
    yield first
    del first
    yield from parts


def _aggregate(session: Session, name: str, spec: Input, given: Mapping[str, Any]) -> pa.Table:
    import pyarrow as pa

    text = _text(spec)
    answer = session.sql(text, _bound(text, given))
    rows, batches = 0, []
    for batch in answer.batches():
        rows += batch.num_rows
        if rows > AGGREGATE_ROWS:
            found = f"input {name!r} has more than {AGGREGATE_ROWS:,}"
            raise LimitReached("row", found, "Narrow it with --window.")
        batches.append(batch)
    return pa.Table.from_batches(batches, batches[0].schema if batches else answer.schema())


def _text(spec: Input) -> str:
    """Give the SQL of an input: a bare name is a whole table; rows are ordered as it says."""
    # Inputs are constants of the analysis, and the guard reads every query.
    text = spec.sql
    if _NAME.fullmatch(text.strip()):
        text = f"SELECT * FROM {text}"  # noqa: S608
    order = [*([spec.partition_by] if spec.partition_by else []), *spec.order_by]
    return f"SELECT * FROM ({text}) ORDER BY {', '.join(order)}" if order else text  # noqa: S608


def _parameters(analysis: Any, window: tuple[int, int]) -> dict[str, Any]:
    given = {f.name: getattr(analysis, f.name) for f in dataclasses.fields(analysis)}
    return {**given, "window_start": window[0], "window_end": window[1]}


def _bound(text: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in _PARAMETER.findall(text)}
