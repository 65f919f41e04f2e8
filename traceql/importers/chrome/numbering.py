"""Number the tracks of plain events in the order of the file, odd events among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.importers.chrome.kineto import mark_stream
from traceql.importers.chrome.lexicon import DEVICE, STREAM
from traceql.importers.chrome.plain import INT32
from traceql.importers.chrome.vocabulary import token
from traceql.kernels import scan_columns as at
from traceql.kernels.sort_out import ASYNC, GLOBAL, PROCESS, SERIES, THREAD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.importers.chrome.context import Context
    from traceql.importers.chrome.kineto import Kineto
    from traceql.importers.chrome.lexicon import Lexicon
    from traceql.importers.chrome.plain import Plain
    from traceql.importers.chrome.tracks import Lane
    from traceql.kernels.scan_columns import Columns

    Int64 = NDArray[np.int64]
    Int32 = NDArray[np.int32]

Visit = Callable[[], bool]
"""Does what is due at an event; False where the text is damaged there."""


class Places(NamedTuple):
    """Where the events of a batch lie.

    Attributes:
        lanes: int32 [n], numbers in `Lexicon.lanes`; -1 for odd events.
        asyncs: int64, places of async events; `async_ids`: their numbers in `Lexicon.asyncs`.
    """

    lanes: Int32
    asyncs: Int64
    async_ids: Int32


class Work(NamedTuple):
    """Device and stream of each work on devices, int64, and where there is none."""

    device: Int64
    no_device: NDArray[np.bool_]
    stream: Int64
    no_stream: NDArray[np.bool_]


class Numbering:
    """Numbers the tracks of one batch after the other.

    What is met for the first time is visited in the order of events, and at each visit the same
    is asked of `Tracks` as the slow path asks there: so the numbers are the same.
    """

    def __init__(self, context: Context, kineto: Kineto) -> None:
        self._context, self._kineto = context, kineto

    def places(
        self, columns: Columns, plain: Plain, lexicon: Lexicon
    ) -> tuple[Places, list[tuple[int, int, Visit]]]:
        """Find where events lie, and what is to be visited: (event, step within it, visit)."""
        kinds = plain.kinds
        if plain.any_slow:
            good = np.flatnonzero(plain.groups)
            lanes = np.full(kinds.size, -1, np.int32)
            lanes[good], fresh = lexicon.lanes.number(*plain.keys[:, good])
            fresh = good[fresh]
        else:
            lanes, fresh = lexicon.lanes.number(*plain.keys)
        visits: list[tuple[int, int, Visit]] = []
        for row in fresh.tolist():
            tokens = (
                token(columns, lexicon.texts, row, at.PID, at.PID_IS_TEXT),
                token(columns, lexicon.texts, row, at.TID, at.TID_IS_TEXT),
            )
            visits.append((row, 0, self._lane_visit(lexicon, int(kinds[row]), *tokens)))
        asyncs = np.flatnonzero((kinds == ASYNC) & (lanes >= 0))
        async_ids = np.zeros(0, np.int32)
        if asyncs.size:
            async_ids, found = self._asyncs(columns, lexicon, asyncs)
            visits += found
        return Places(lanes, asyncs, async_ids), visits

    def _lane_visit(
        self, lexicon: Lexicon, kind: int, pid: bytes | None, tid: bytes | None
    ) -> Visit:
        tracks = self._context.tracks

        def visit() -> bool:
            track, utid = -1, -1
            upid = -1
            if kind == THREAD:
                lane = tracks.lane(pid, tid)
                track = lane.track_id
                thread = tracks.thread(pid, tid)
                upid, utid = thread.upid, thread.utid
            elif kind == PROCESS:
                process = tracks.process(pid)
                track = tracks.other("process_instant", process.upid, process).track_id
            elif kind == SERIES:
                upid = tracks.process(pid).upid
            elif kind == GLOBAL:
                tracks.process(pid)
                track = tracks.other("global_instant", None).track_id
            else:
                thread = tracks.thread(pid, tid)
                upid, utid = thread.upid, thread.utid
            lexicon.tracks.append(track)
            lexicon.processes.append(upid)
            lexicon.threads.append(utid)
            lexicon.marked.append(0)
            return True

        return visit

    def _asyncs(
        self, columns: Columns, lexicon: Lexicon, rows: Int64
    ) -> tuple[Int32, list[tuple[int, int, Visit]]]:
        is_text = columns.present[rows] >> at.ID_IS_TEXT & 1
        category = columns.ids[at.CATEGORY_ID][rows].astype(np.int64)
        ids, fresh = lexicon.asyncs.number(
            category, columns.numbers[at.ID][rows], is_text.astype(np.int64)
        )
        return ids, [
            (row, 1, self._async_visit(columns, lexicon, row)) for row in rows[fresh].tolist()
        ]

    def _async_visit(self, columns: Columns, lexicon: Lexicon, row: int) -> Visit:
        tracks = self._context.tracks
        pid = token(columns, lexicon.texts, row, at.PID, at.PID_IS_TEXT)
        tid = token(columns, lexicon.texts, row, at.TID, at.TID_IS_TEXT)
        identity = token(columns, lexicon.texts, row, at.ID, at.ID_IS_TEXT) or b""
        name_id, category_id = (int(columns.ids[i][row]) for i in (at.NAME_ID, at.CATEGORY_ID))
        name = lexicon.names.texts[name_id] if name_id >= 0 else None
        category = lexicon.categories.texts[category_id] if category_id >= 0 else None
        args = {"id": identity.decode()}
        if category is not None:
            args["category"] = f'"{lexicon.categories.raw[category_id].decode()}"'

        def visit() -> bool:
            key = (False, category, None, self._context.id_of(identity), None, None)
            process, thread = tracks.process(pid), tracks.thread(pid, tid)
            lane = tracks.other("async", key, process, thread, name=name, args=args)
            lexicon.async_tracks.append(lane.track_id)
            lexicon.async_threads.append(lane.thread.utid if lane.thread else -1)
            return True

        return visit

    def works(self, columns: Columns, plain: Plain, lexicon: Lexicon) -> Work:
        """Find device and stream of work on devices: those said, else pid and tid."""
        rows, ids = plain.works, plain.work_ids
        device, no_device = lexicon.works.gather(DEVICE, ids, columns.lifted, rows)
        stream, no_stream = lexicon.works.gather(STREAM, ids, columns.lifted, rows)
        none = np.zeros(rows.size, np.bool_)
        no_device = none if no_device is None else no_device
        no_stream = none if no_stream is None else no_stream
        pid, no_pid = _number(columns, rows, at.PID, at.PID_IS_TEXT)
        tid, no_tid = _number(columns, rows, at.TID, at.TID_IS_TEXT)
        no_pid |= (pid < -INT32) | (pid >= INT32)
        return Work(
            np.where(no_device, pid, device),
            no_device & no_pid,
            np.where(no_stream, tid, stream),
            no_stream & no_tid,
        )

    def stream_visits(
        self,
        plain: Plain,
        places: Places,
        work: Work,
        lexicon: Lexicon,
        lane: Callable[[int], Lane],
    ) -> list[tuple[int, int, Visit]]:
        """Give the visits that make tracks those of streams, by the first work on each."""
        lanes = places.lanes[plain.works]
        marked = np.zeros(len(lexicon.lanes), np.bool_)
        marked[: len(lexicon.marked)] = np.frombuffer(bytes(lexicon.marked), np.bool_)
        waiting = np.flatnonzero(~marked[lanes])
        _, first = np.unique(lanes[waiting], return_index=True)
        visits: list[tuple[int, int, Visit]] = []
        for number in waiting[first].tolist():
            device = None if work.no_device[number] else int(work.device[number])
            stream = None if work.no_stream[number] else int(work.stream[number])
            visit = self._mark(lexicon, int(lanes[number]), lane, device, stream)
            visits.append((int(plain.works[number]), 2, visit))
        return visits

    @staticmethod
    def _mark(
        lexicon: Lexicon, number: int, lane: Callable[[int], Lane],
        device: int | None, stream: int | None,
    ) -> Visit:  # fmt: skip
        def visit() -> bool:
            mark_stream(lane(int(lexicon.tracks.array[number])), device, stream)
            lexicon.marked[number] = 1
            return True

        return visit


def _number(
    columns: Columns, rows: Int64, field: int, is_text: int
) -> tuple[Int64, NDArray[np.bool_]]:
    present = columns.present[rows]
    missing = (present >> field & 1 == 0) | (present >> is_text & 1 == 1)
    return np.where(missing, 0, columns.numbers[field][rows]), missing
