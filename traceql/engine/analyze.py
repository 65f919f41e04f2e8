"""Analyze traces: choose analyses, run what they need first, keep what they answer."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from traceql.engine import baseline as baselines
from traceql.engine import examine, plugins, sql_script, workers
from traceql.engine import window as windows
from traceql.engine.examine import Examined, Examiner, Limits, Order
from traceql.engine.memory import wanted_bytes
from traceql.engine.window import Window
from traceql.errors import StoreError, TraceQLError, UnknownAnalysis, WorkerFailed

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Result
    from traceql.store.catalog import Store, Trace

Progress = Callable[[str], None]


def analyze(  # noqa: PLR0913  (the one door: every choice has a default)
    store: Store,
    traces: Sequence[Trace],
    *,
    only: Sequence[str] = (),
    families: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
    window: Window | str | None = None,
    baseline: str | None = None,
    keep: bool = True,
    jobs: int | None = None,
    progress: Progress | None = None,
    failed: Callable[[str, TraceQLError], None] | None = None,
    memory_limit_bytes: int | None = None,
    timeout_s: float | None = None,
) -> list[Result]:
    """Run analyses over traces.

    Args:
        store: where the traces lie and results are kept.
        traces: what to look at.
        only: names of analyses; with `families` too, the union of both; neither: all.
        families: families of analyses, such as `anomalies`.
        parameters: `name` or `analysis.name` to value; texts are
            read.
        window: look only at events that start in it; a text such as `10ms..20ms` is read.
        baseline: name of the trace, or path of the saved baseline, that traces are compared with.
        keep: save the results in the store; a store that cannot be written is reported to
            `progress` and is no error.
        jobs: processes; 1: this one; None: as many as there are cores, where that pays.
        progress: told what is being done, and what could not be kept.
        failed: told the name and the error of each trace that could not be looked at, which stops
            no other; None: the first such error is raised.
        memory_limit_bytes: limit of the queries, of all processes together.
        timeout_s: limit of each query.

    Returns:
        One Result per analysis and trace (or per analysis, where it looks at all traces at once),
        by trace, then analysis.

    Raises:
        UnknownAnalysis: of `only`.
        BadParameter: of `parameters` or `window`; or no chosen analysis compares with `baseline`.
        InputError, TraceNotFound: there is no such baseline.
        QueryError, StoreError: a trace cannot be read, an input reached a limit; see `failed`.
    """
    share = workers.share(traces, jobs, wanted_bytes(memory_limit_bytes))
    order = Order(
        store,
        choose(only, families),
        parameters or {},
        windows.parse(window) if isinstance(window, str) else window or Window(),
        keep,
        Limits(share.memory_limit_bytes, timeout_s, share.threads),
    )
    tell = progress or (lambda _: None)
    if baseline:
        order = _compared(order, baseline)
    examiner = Examiner(order, tell)
    results: list[Result] = []
    parts: list[tuple[Trace, Mapping[str, pa.Table]]] = []
    with closing(_examined(examiner, traces, share.jobs)) as found:
        for trace, one in found:
            for line in one.told:
                tell(line)
            if one.error is not None:
                if failed is None:
                    raise one.error
                failed(trace.name, one.error)
                continue
            results += one.results
            parts.append((trace, one.measured))
    results += _over_all(examiner, parts)
    if keep:
        with contextlib.suppress(StoreError):  # one that cannot be written was told about
            sql_script.refresh(store)
    return results


def _compared(order: Order, baseline: str) -> Order:
    """Give the order with the profile of its baseline, which is named in the parameters."""
    named = {f"{name}.baseline": baseline for name in baselines.comparing(order.chosen)}
    quiet = dataclasses.replace(order, keep=False, parameters={**order.parameters, **named})
    # One that no analysis compares with must be told of before parameters are.
    found = baselines.find(
        order.store,
        baseline,
        order.chosen,
        lambda trace, name: Examiner(quiet).profile(trace, name),
    )
    labels = {f"{name}.baseline": found.label for name in found.measured}
    return dataclasses.replace(
        order, parameters={**order.parameters, **labels}, profiles=found.measured
    )


def _examined(
    examiner: Examiner, traces: Sequence[Trace], jobs: int
) -> Generator[tuple[Trace, Examined], None, None]:
    """Look at each trace, here or in processes; in the order of the traces."""
    if jobs == 1:
        for trace in traces:
            yield trace, examiner.examine(trace)
        return
    with workers.mapped(
        Examiner.examine, traces, jobs=jobs, begin=Examiner, facts=(examiner.order,)
    ) as found:
        for trace, one in found:
            died = Examined(error=WorkerFailed(trace.name, workers.DIED))
            yield trace, one if one is not None else died


def _over_all(
    examiner: Examiner, parts: Sequence[tuple[Trace, Mapping[str, pa.Table]]]
) -> list[Result]:
    """Conclude what is concluded once, over the traces that could be looked at."""
    if not parts:
        return []
    traces = [trace for trace, _ in parts]
    return [
        examiner.concluded(name, [measured[name] for _, measured in parts], traces)
        for name in examiner.across()
    ]


def choose(only: Sequence[str] = (), families: Sequence[str] = ()) -> tuple[str, ...]:
    """Give the names of the analyses that are asked for, sorted.

    Raises:
        UnknownAnalysis: there is no analysis, or no family, of that name.
    """
    known = plugins.names("analyses")
    for name in only:
        if name not in known:
            raise UnknownAnalysis(name, difflib.get_close_matches(name, known, n=3, cutoff=0.5))
    by_family = members()
    for family in families:
        if family not in by_family:
            raise UnknownAnalysis(f"--{family}", by_family)
    if not only and not families:
        return known
    asked = {*only, *(name for family in families for name in by_family[family])}
    return tuple(sorted(asked))


def members() -> dict[str, tuple[str, ...]]:
    """Give the families that have members, and their members."""
    found: dict[str, list[str]] = {}
    for name in plugins.names("analyses"):
        found.setdefault(examine.class_of(name).family, []).append(name)
    return {family: tuple(names) for family, names in sorted(found.items())}
