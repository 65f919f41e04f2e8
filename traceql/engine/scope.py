"""Which traces a command is about: names, ids, paths that are ingested first, or all."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from traceql.store.catalog import Store, Trace

_SUFFIXES = (
    ".json", ".json.gz", ".json.zst", ".gz", ".zst", ".zip", ".sqlite", ".db", ".nsys-rep",
    ".csv", ".pftrace", ".perfetto-trace", ".trace",
)  # fmt: skip


def traces_in_scope(
    store_path: str | Path,
    names: Sequence[str] = (),
    *,
    last: bool = False,
    memory_limit_bytes: int | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[Store, tuple[Trace, ...]]:
    """Open the store and find the traces that are meant.

    Args:
        store_path: folder of the store; made when a path is ingested into it.
        names: names, id prefixes, groups, or paths; a path not yet in the store is ingested first.
        last: without names, the trace ingested last.
        memory_limit_bytes: of an ingest.
        tell: told which traces are meant where nobody named one, and what is ingested.

    Raises:
        StoreNotFound: no store, and nothing to ingest.
        TraceNotFound: no such trace.
        InputError: a file cannot be ingested.
    """
    from traceql.store.catalog import Store

    paths = [name for name in names if looks_like_a_path(name)]
    store = Store.open(Path(store_path), create=bool(paths))
    if names:
        try:
            found = [
                trace
                for name in names
                for trace in (
                    (_ingested(store, name, memory_limit_bytes, tell),)
                    if name in paths
                    else named(store, name)
                )
            ]
        except BaseException:
            store.discard_if_empty()
            raise
        return store, tuple(dict.fromkeys(found))
    if last:
        return store, (store.last(),)
    everything = store.traces()
    if len(everything) > 1:
        listed = ", ".join(trace.name for trace in everything[:5])
        more = f" and {len(everything) - 5} more" if len(everything) > 5 else ""
        tell(f"over {len(everything)} traces: {listed}{more} (name one, or use --last)")
    return store, everything


def named(store: Store, name: str) -> tuple[Trace, ...]:
    """Give the trace of that name or id prefix, else the traces of the group of that name.

    Raises:
        TraceNotFound: neither a trace nor a group.
    """
    from traceql.errors import TraceNotFound

    try:
        return (store.resolve(name),)
    except TraceNotFound:
        if name not in store.groups():
            raise
        return store.group(name)


def looks_like_a_path(name: str) -> bool:
    """Whether a trace is named by a path: it has a slash, or a file's suffix and is there."""
    if os.sep in name:
        return True
    return name.lower().endswith(_SUFFIXES) and Path(name).exists()


def _ingested(
    store: Store, name: str, memory_limit_bytes: int | None, tell: Callable[[str], None]
) -> Trace:
    from traceql.engine.ingest import ingest

    done = ingest(Path(name), store=store, memory_limit_bytes=memory_limit_bytes)
    if done.status != "unchanged":
        tell(f"{name}: ingested as {done.trace.name}")
    return done.trace
