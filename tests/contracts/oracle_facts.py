"""Compare a stored trace with the facts of an oracle: every fact is checked, or excused by name.

The oracles count events of the file; a store holds slices, counters, flows. A fact that cannot be
seen in a store stands in EXCUSED with the reason; one that is excused in some files only is listed
there as an Excuse. Where the oracle gives two rules of matching, ours is the main one, Perfetto's.
A fact that is in neither place fails the comparison: nothing is skipped in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import oracle_gpu as g
import oracle_slices as s
import oracle_tables as t
from oracle_check import EXCUSED, Check, Facts, Sql

COMPARISONS: dict[str, Callable[[Any, Facts, Sql], list[Check]]] = {
    "note": t.note,
    "slice_count": s.slice_count,
    "slice_count_positive": s.slice_count_positive,
    "slice_sum_dur_ns": s.slice_sum_dur,
    "x": s.complete,
    "be": s.begin_end,
    "async": s.nestable_async,
    "legacy_async": s.legacy_async,
    "thread_state_T_with_dur": s.thread_states,
    "instants": s.instants,
    "object_events_N_O_D": s.objects,
    "bounds": s.bounds,
    "bounds_positive": s.bounds_positive,
    "pids": t.processes,
    "pids_in_metadata_too": t.processes_in_all,
    "threads": t.threads,
    "threads_with_x": t.threads_with_x,
    "top_names_positive": s.top_names,
    "names": s.names_exactly,
    "distinct_names_positive": s.distinct_names,
    "category_x_dur": s.category_sums,
    "metadata": t.metadata,
    "distributedInfo": t.distributed,
    "deviceProperties": t.devices,
    "schemaVersion": t.metadata_value("schemaVersion"),
    "displayTimeUnit": t.metadata_value("displayTimeUnit"),
    "baseTimeNanoseconds": t.metadata_value("baseTimeNanoseconds"),
    "top_level_keys": t.top_level_keys,
    "counters": t.counters,
    "flows": t.flows,
    "memory_events": t.memory,
    "cpu_profile": t.cpu_profile,
    "global_samples": t.global_samples,
    "nesting": s.nesting,
    "gpu": g.gpu,
}


def compare(facts: Facts, sql: Sql) -> list[Check]:
    """Check every fact.

    Raises:
        KeyError: a fact has neither a comparison nor an excuse.
    """
    checks: list[Check] = []
    for key, value in facts.items():
        if key in EXCUSED:
            continue
        checks += COMPARISONS[key](value, facts, sql)
    return checks
