"""Three small traces in one store, each with every table filled."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from small_traces import rows_of
from store_builder import BuiltStore, BuiltTrace, build, keep_result

from traceql.query.session import Session


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> BuiltStore:
    """An empty folder for a store."""
    return BuiltStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def traces(store: BuiltStore) -> list[BuiltTrace]:
    """Traces a, b, c; b lacks tables, c is the richest."""
    made = []
    for k, name in enumerate("abc"):
        rows = rows_of(k)
        if name == "b":
            del rows["counter"], rows["gpu_op"], rows["sched"], rows["sketch"]
        made.append(build(store.path, name, rows, k))
        iteration = {"track_id": 0, "iteration_index": 0, "ts": 1, "dur": 2, "source": "m",
                     "confidence": 1.0}  # fmt: skip
        keep_result(store.path, "iteration", name, "iteration", [iteration], [made[-1]])
    return made


@pytest.fixture
def one(store: BuiltStore, traces: list[BuiltTrace]) -> Iterator[Session]:
    """A session over trace a."""
    with Session(traces[:1], store=store) as session:
        yield session


@pytest.fixture
def three(store: BuiltStore, traces: list[BuiltTrace]) -> Iterator[Session]:
    """A session over a, b, c."""
    with Session(traces, store=store) as session:
        yield session
