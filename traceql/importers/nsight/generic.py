"""Generic events: what plug-ins of nsys sample (NVML: power, temperature), and ftrace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers._columns import filled, mapped, valid
from traceql.importers.nsight.metrics import named_unit, sample_rows

if TYPE_CHECKING:
    from traceql.importers._columns import Int64
    from traceql.importers.nsight.context import Context
    from traceql.model.protocols import Chunk

EVENTS, DATA = "GENERIC_EVENTS", "GENERIC_EVENT_DATA"
_VALUES = ("intVal", "uintVal", "floatVal", "doubleVal")
_TWO_TO_64 = 2.0**64


def generic_events(context: Context) -> Iterator[Chunk]:
    """Give the numeric fields of generic events: a track for each source, type and field.

    Values stand in GENERIC_EVENT_DATA; older exports have them in the JSON text `data` alone.
    """
    names = _Names(context)
    if context.export.count(DATA):
        yield from _from_data(context, names)
    else:
        yield from _from_json(context, names)


class _Names:
    """What types and fields are called."""

    def __init__(self, context: Context) -> None:
        facts, text = context.facts, context.strings.one
        self._context = context
        sources = {
            row["sourceId"]: text(row["nameId"])
            for row in facts.all("GENERIC_EVENT_SOURCES", sourceId="i", nameId="i")
        }
        self._types = {
            row["typeId"]: (text(row["nameId"]), sources.get(row["sourceId"]))
            for row in facts.all("GENERIC_EVENT_TYPES", typeId="i", sourceId="i", nameId="i")
        }
        self._fields = {
            (row["typeId"], row["fieldIdx"]): text(row["fieldNameId"])
            for row in facts.all("GENERIC_EVENT_TYPE_FIELDS", typeId="i", fieldIdx="i",
                                 fieldNameId="i")
        }  # fmt: skip

    def track(self, type_id: int | None, field: int | None) -> int:
        """Give the track of a field by its number."""
        name = self._fields.get((type_id, field))
        if name is None:
            self._context.diagnostics.count("counter_without_meaning")
        return self.named_track(type_id, name or f"field {field}")

    def named_track(self, type_id: int | None, field: str) -> int:
        """Give the track of a field by its name."""
        kind, source = self._types.get(type_id, (None, None))
        return self._context.actors.counter_track(
            (EVENTS, type_id, field), field if kind is None else f"{kind}.{field}",
            named_unit(field), args={"source": source} if source else None,
        )  # fmt: skip


def _from_data(context: Context, names: _Names) -> Iterator[Chunk]:
    ids, times, types = _events(context)
    wanted = ("genericEventId", "fieldIdx", *_VALUES)
    for columns in context.batches(DATA, wanted):
        place = np.searchsorted(ids, filled(columns["genericEventId"], -1))
        place = np.minimum(place, max(len(ids) - 1, 0))
        value = _value(columns)
        has = valid(value)
        if len(ids):
            known = ids[place] == filled(columns["genericEventId"], -1)
        else:
            known = np.zeros(len(has), np.bool_)
        context.diagnostics.count("generic_event_without_time", int((~known).sum()))
        keep = known & has
        if not keep.any():
            continue
        mask, place = pa.array(keep), place[keep]
        tracks = mapped(
            [pa.array(types[place]), columns["fieldIdx"].filter(mask)], len(place), names.track
        )
        yield sample_rows(context, pa.array(times[place]), tracks, value.filter(mask))


def _value(columns: dict[str, pa.Array]) -> pa.Array:
    """Give the one value that a row has, as a float."""
    unsigned = columns["uintVal"].cast(pa.float64(), safe=False)
    unsigned = pc.if_else(pc.less(unsigned, 0.0), pc.add(unsigned, _TWO_TO_64), unsigned)
    return pc.coalesce(
        columns["intVal"].cast(pa.float64(), safe=False), unsigned,
        columns["floatVal"].cast(pa.float64()), columns["doubleVal"].cast(pa.float64()),
    )  # fmt: skip


def _events(context: Context) -> tuple[Int64, Int64, Int64]:
    """Give ids (ascending), times and types of all events: 24 bytes each."""
    parts = []
    for columns in context.batches(EVENTS, ("genericEventId", "timestamp", "typeId")):
        has = valid(columns["timestamp"]) & valid(columns["genericEventId"])
        parts.append(np.stack([filled(columns[name])[has]
                               for name in ("genericEventId", "timestamp", "typeId")]))  # fmt: skip
    ids, times, types = np.concatenate([np.empty((3, 0), np.int64), *parts], axis=1)
    order = np.argsort(ids, kind="stable")
    return ids[order], times[order], types[order]


def _from_json(context: Context, names: _Names) -> Iterator[Chunk]:
    """Read the JSON text of each event: the slow path of old exports, event by event."""
    import orjson

    for columns in context.batches(EVENTS, ("timestamp", "typeId", "data")):
        found: list[tuple[int, int, float]] = []
        rows = zip(*(columns[n].to_pylist() for n in ("timestamp", "typeId", "data")), strict=True)
        for ts, type_id, text in rows:
            fields: Any = None
            if text and ts is not None:
                try:
                    fields = orjson.loads(text)
                except orjson.JSONDecodeError:
                    fields = None
            before = len(found)
            for name, value in fields.items() if isinstance(fields, dict) else ():
                if isinstance(value, int | float) and not isinstance(value, bool):
                    found.append((ts, names.named_track(type_id, name), float(value)))
            if len(found) == before:
                context.diagnostics.count("generic_event_not_numeric")
        if found:
            ts_, tracks, values = zip(*found, strict=True)
            yield sample_rows(
                context, pa.array(ts_, pa.int64()), np.array(tracks, np.int64),
                pa.array(values, pa.float64()),
            )  # fmt: skip
