"""Wide tables: a row for each dispatch, with its properties and a column for each counter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers._columns import filled, filtered, mapped, valid
from traceql.importers._csv import integers, numbers, rounded_times
from traceql.importers._rocm.names import without_suffix, worded
from traceql.importers._rocm.rows import counters, timed
from traceql.importers._rocm.work import Device, Launch, Place
from traceql.importers.rocprof.kinds import plain

if TYPE_CHECKING:
    from traceql.importers._columns import Bool, Int64
    from traceql.importers._rocm.statistics import Profile
    from traceql.importers._rocm.trace import Trace
    from traceql.model.protocols import Chunk

_SPELLINGS = {
    "kernelname": "kernel_name", "beginns": "start", "start_timestamp": "start", "endns": "end",
    "end_timestamp": "end", "index": "dispatch_id", "grd": "grid_size", "wgr": "workgroup_size",
    "lds": "lds_per_workgroup", "scr": "scratch_per_workitem", "vgpr": "arch_vgpr",
}  # fmt: skip
_PROPERTIES = frozenset({
    "kernel_name", "start", "end", "dispatch_id", "grid_size", "workgroup_size",
    "lds_per_workgroup", "scratch_per_workitem", "arch_vgpr", "accum_vgpr", "sgpr", "fbar",
    "wave_size", "gpu_id", "queue_id", "queue_index", "pid", "tid", "sig", "obj", "dispatchns",
    "completens", "durationns", "correlation_id", "kernel_id", "xcc_index",
})  # fmt: skip
_NO_TIME_OF_OURS = frozenset({"durationns"})
_JOINED = re.compile(r"_\d+$")
_NOTHING = r"(?i)^\s*(none|n/a|-?nan|null)?\s*$"


class Dispatches:
    """Reads wide tables of one trace; a dispatch of several tables has one slice.

    Args:
        trace: that is being read.
        profile: takes the counters of dispatches without times, and those of workloads.
        is_workload: the tables are passes of rocprof-compute over the same dispatches.
    """

    def __init__(self, trace: Trace, profile: Profile, *, is_workload: bool) -> None:
        self._trace, self._profile, self._is_workload = trace, profile, is_workload
        self._device = Device(trace)
        self._met: set[int] = set()

    def chunks(
        self, given: Mapping[str, pa.Array], pid: int | None, scope: str, file: str
    ) -> Iterator[Chunk]:
        """Give the rows of a batch.

        Args:
            given: column to texts, as written.
            pid: of the process, where the table does not tell it.
            scope: tells processes of the same number apart.
            file: the table's name.
        """
        columns, measured = _sorted_out(given)
        rows = len(next(iter(given.values())))
        for name in ("start", "end"):
            texts = columns.pop(name, pa.nulls(rows, pa.string()))
            lost = rounded_times(texts)
            self._trace.diagnostics.count("time_precision_lost", lost)
            columns[f"={name}"] = pa.nulls(rows, pa.int64()) if lost else self._whole(texts)
        columns["=pid"] = self._taken(columns, "pid", rows)
        if columns["=pid"].null_count == rows and pid is not None:
            columns["=pid"] = pa.array(np.full(rows, pid, np.int64))
        for name in ("gpu_id", "queue_id", "correlation_id", "dispatch_id"):
            columns[f"={name}"] = self._taken(columns, name, rows)
        has = valid(columns["=start"]) & valid(columns["=end"])
        part = columns | {f"~{name}": column for name, column in measured.items()}
        if (~has).any():
            yield from self._untimed(filtered(part, ~has), file)
        if has.any():
            yield from self._timed(filtered(part, has) if not has.all() else part, scope, file)

    def _whole(self, texts: pa.Array) -> pa.Array:
        found, bad = integers(_without_nothing(texts))
        self._trace.diagnostics.count("csv_value_unread", bad)
        return found

    def _taken(self, columns: dict[str, pa.Array], name: str, rows: int) -> pa.Array:
        texts = columns.pop(name, None)
        return pa.nulls(rows, pa.int64()) if texts is None else self._whole(texts)

    def _timed(self, given: dict[str, pa.Array], scope: str, file: str) -> Iterator[Chunk]:
        rows = timed(self._trace, given, "=start", "=end")
        count = len(rows["=start"])
        if not count:
            return
        measured = {name[1:]: c for name, c in rows.items() if name.startswith("~")}
        fresh = self._fresh(rows)
        part = rows if fresh.all() else filtered(rows, fresh)
        # A pass of a workload is a run of its own: only that which gives the slices is a process.
        upids = self._trace.actors.upids(part["=pid"], scope)
        devices = np.where(valid(part["=gpu_id"]), filled(part["=gpu_id"], -1), -1)
        if fresh.any():
            yield from self._slices(part, upids, devices)
        if self._is_workload:
            yield from self._measures(_grouped(rows, file), measured)
            return
        for name, texts in measured.items():
            values, bad = numbers(_without_nothing(texts))
            self._trace.diagnostics.count("csv_value_unread", bad)
            tracks = self._tracks(name, upids, devices)
            numbered = rows["=dispatch_id"].cast(pa.string())
            args = pc.binary_join_element_wise('{"Dispatch_Id":', numbered, "}", "")
            yield from counters(self._trace, rows["=start"], tracks, values, args)

    def _fresh(self, rows: dict[str, pa.Array]) -> Bool:
        """Tell which dispatches have no slice yet; only passes over the same ones can have."""
        if not self._is_workload:
            return np.ones(len(rows["=start"]), np.bool_)
        starts = filled(rows["=start"])
        fresh: Bool = ~np.isin(starts, np.fromiter(self._met, np.int64, len(self._met)))
        self._met.update(starts[fresh].tolist())
        return fresh

    def _tracks(self, name: str, upids: Int64, devices: Int64) -> Int64:
        actors = self._trace.actors

        def track(upid: int, device: int) -> int:
            return actors.counter_track(
                (name, upid, device), name, upid=upid, device_id=None if device < 0 else device,
                args={"source": "dispatch"},
            )  # fmt: skip

        return mapped([pa.array(upids), pa.array(devices)], len(upids), track)

    def _slices(self, rows: dict[str, pa.Array], upids: Int64, devices: Int64) -> Iterator[Chunk]:
        """Give the kernels; sizes of grid and group are products of three, so they stay in args."""
        count = len(upids)
        spelled = rows["kernel_name"]
        names = worded(spelled, lambda name: None if name is None else without_suffix(name))
        place = Place(
            rows["=start"], rows["=end"], upids, devices, rows["=queue_id"],
            pa.nulls(count, pa.int64()), rows["=correlation_id"],
        )  # fmt: skip
        rest = {n: c for n, c in rows.items() if n[0] not in "=~" and n != "kernel_name"}
        kept = {n: c for n, c in rest.items() if n not in _NO_TIME_OF_OURS}
        shared, registers = (kept.pop(n, None) for n in ("lds_per_workgroup", "arch_vgpr"))
        launch = Launch(
            registers=None if registers is None else self._whole(registers),
            shared_bytes=None if shared is None else self._whole(shared),
        )
        said = {"Dispatch_Id": rows["=dispatch_id"]}
        differs = pc.not_equal(spelled, names.cast(pa.string()))
        said["KernelName"] = pc.if_else(differs, spelled, pa.scalar(None, pa.string()))
        for name, texts in kept.items():
            found, bad = integers(_without_nothing(texts))
            said[name] = texts if bad else found
        yield from self._device.kernels(place, names, launch, said)

    def _untimed(self, rows: dict[str, pa.Array], file: str) -> Iterator[Chunk]:
        measured = {name[1:]: c for name, c in rows.items() if name.startswith("~")}
        if measured:
            self._trace.diagnostics.count("counter_without_time", len(rows["=start"]))
        group = _grouped(rows, file)
        if not measured:
            measured = {"Dispatches": pa.array(["1"] * len(rows["=start"]))}
        yield from self._measures(group, measured)

    def _measures(
        self, group: dict[str, pa.Array], measured: dict[str, pa.Array]
    ) -> Iterator[Chunk]:
        plain_texts = {name: _without_nothing(texts) for name, texts in measured.items()}
        yield from self._profile.measures(group, plain_texts)


def _sorted_out(
    given: Mapping[str, pa.Array],
) -> tuple[dict[str, pa.Array], dict[str, pa.Array]]:
    """Tell properties of dispatches from counters; passes that were joined repeat properties."""
    columns: dict[str, pa.Array] = {}
    measured: dict[str, pa.Array] = {}
    for name, texts in given.items():
        word = plain(name)
        word = _SPELLINGS.get(word, word)
        if word in _PROPERTIES:
            columns.setdefault(word, texts)
        elif _SPELLINGS.get(base := _JOINED.sub("", word), base) in _PROPERTIES:
            continue
        else:
            measured[name] = texts
    return columns, measured


def _grouped(rows: dict[str, pa.Array], file: str) -> dict[str, pa.Array]:
    count = len(rows["=start"])
    return {
        "file": pa.array([file] * count),
        "Kernel_Name": rows["kernel_name"],
        "Dispatch_ID": rows["=dispatch_id"],
        "GPU_ID": rows["=gpu_id"],
    }


def _without_nothing(texts: pa.Array) -> pa.Array:
    """Give null where a text says that there is no value."""
    nothing = pc.match_substring_regex(texts, _NOTHING)
    return pc.if_else(pc.fill_null(nothing, fill_value=False), pa.scalar(None, pa.string()), texts)
