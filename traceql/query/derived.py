"""Tables that analyses left in the store: `finding` and the derived ones such as `iteration`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from traceql.query import views
from traceql.query.library import STORED

if TYPE_CHECKING:
    from traceql.store.catalog import Store, Trace


def create(table: str, store: Store | None, traces: Sequence[Trace]) -> str:
    """Give the CREATE statement of `stored.<table>` over the results about these traces.

    Args:
        table: a canonical table with a producer.
        store: where results lie; None: there are none.
        traces: the traces in scope.
    """
    names = [trace.name for trace in traces]
    numbers = {trace.id: number for number, trace in enumerate(traces)}
    found = list(_files(table, store)) if store is not None else []
    if table == "finding":
        return _findings([path for path, ids in found if numbers.keys() & set(ids)])
    newest = {ids[0]: path for path, ids in found if len(ids) == 1 and ids[0] in numbers}
    files = [views.File(path, numbers[content]) for content, path in newest.items()]
    return views.create(table, sorted(files, key=lambda file: file.trace_no or 0), names)


def _files(table: str, store: Store) -> Iterator[tuple[Path, list[str]]]:
    """Give each kept table with the ids of its traces, the newest last."""
    found = sorted(
        (store.path.resolve() / "results").glob(f"*/*/{table}.parquet"),
        key=lambda path: (path.stat().st_mtime_ns, path),
    )
    for path in found:
        about = json.loads((path.parent / "result.json").read_text(encoding="utf-8"))
        yield path, [str(content) for content in about["trace_ids"]]


def _findings(paths: Sequence[Path]) -> str:
    if not paths:
        return views.create("finding", [], ["one"])
    files = ", ".join(views.quoted(str(path)) for path in paths)
    return (
        f"CREATE VIEW {STORED}.finding AS SELECT *, NULL::BIGINT AS trace_no, "  # noqa: S608
        "CASE WHEN json_array_length(traces) = 1 THEN traces ->> '$[0]' END AS trace "
        f"FROM read_parquet([{files}])"
    )
