"""Args of runs of track events: texts with holes for integers, and other values put in."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers.perfetto.annotations import Annotations, literal
from traceql.importers.perfetto.coding import Coded, Unusual, coded, dictionary, mixed
from traceql.importers.perfetto.messages import ANNOTATION, PACKET, TRACK_EVENT
from traceql.importers.perfetto.wire import Fields, decode
from traceql.kernels import packets as at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traceql.importers.perfetto.sequences import Sequence

    Int64 = NDArray[np.int64]

_MOST_SHAPES = 64
"""More forms of args than this, and than one for eight events, cost more than they save."""
_INLINE, _INTERNED, _DOUBLE, _POINTER, WHOLE = range(5)
"""Kinds of values that are no integers and no booleans."""


@dataclass
class Shape:
    """Annotations of one form.

    Attributes:
        parts: the text of the args, cut where other values stand; integers are holes in it.
        kinds: of the other values.
        integers: name to the number of the hole.
        texts: name to the number of the other value.
        flags: name to the value of booleans.
    """

    parts: list[str] = field(default_factory=lambda: [""])
    kinds: list[int] = field(default_factory=list)
    integers: dict[str, int] = field(default_factory=dict)
    texts: dict[str, int] = field(default_factory=dict)
    flags: dict[str, bool] = field(default_factory=dict)


@dataclass
class Arguments:
    """The args of a run.

    Attributes:
        args: texts, one for each event; null where there are none.
        codes: int64 [n], the form of each event's annotations.
        shapes: the forms; None: no annotations.
        values: of each place for other values, JSON texts; codes into it, -1 where there is none.
    """

    args: pa.Array
    codes: Int64
    shapes: list[Shape | None]
    values: list[tuple[Int64, list[str]]]


def arguments(
    buffer: bytes, columns: Int64, texts: Int64, sequence_codes: Int64, sequences: list[Sequence]
) -> Arguments:
    """Write the args of a run.

    Args:
        buffer: what `columns` and `texts` point into.
        columns: int64 [at.COLUMNS, n].
        texts: int64 [3 * at.TEXT_HOLES, n].
        sequence_codes: int64 [n], numbers of sequences.
        sequences: of the packets.

    Raises:
        Unusual: a name that stands twice, a text that was never described.
        WireError: an annotation is damaged.
    """
    both = coded(mixed(sequence_codes, columns[at.SHAPE]))
    if len(both.first) > max(_MOST_SHAPES, len(both.codes) // 8):
        raise Unusual
    shapes = []
    for i in both.first.tolist():
        raw = buffer[columns[at.START][i] : columns[at.END][i]]
        shape = None
        if columns[at.SHAPE][i]:
            shape = _shape(raw, sequences[sequence_codes[i]])
            kinds = [size < 0 for size in texts[at.SIZE :: 3, i][: columns[at.TEXTS][i]].tolist()]
            if kinds != [kind == WHOLE for kind in shape.kinds]:
                raise Unusual  # bytes that are read in another way here and there
        shapes.append(shape)
    values = [
        _values(hole, buffer, texts, both, shapes, (sequence_codes, sequences))
        for hole in range(int(columns[at.TEXTS].max(initial=0)))
    ]
    return Arguments(_written(both, shapes, values), both.codes, shapes, values)


def _shape(raw: bytes, sequence: Sequence) -> Shape:
    """Write annotations with holes for their integers, cut where other values stand."""
    event = decode(TRACK_EVENT, decode(PACKET, raw)["track_event"])
    shape, hole, before = Shape(), 0, "{"
    names: set[str] = set()
    for each in event["debug_annotations"]:
        fields = decode(ANNOTATION, each)
        name = fields.get("name")
        if name is None:
            name = sequence.text("debug_annotation_names", fields.get("name_iid", 0))
        if name is None or name in names:
            raise Unusual
        names.add(name)
        kind = _kind(fields)
        shape.parts[-1] += before
        if kind != WHOLE:
            shape.parts[-1] += f"{json.dumps(name, ensure_ascii=False)}:"
        before = ","
        if kind is None and "bool" in fields:
            shape.flags[name] = fields["bool"]
            shape.parts[-1] += "true" if fields["bool"] else "false"
        elif kind is None:
            shape.integers[name] = hole
            shape.parts[-1] += f"\x01{chr(ord('A') + hole)}"
            hole += 1
        else:
            shape.texts[name] = len(shape.kinds)
            shape.kinds.append(kind)
            shape.parts.append("")
    shape.parts[-1] += "}"
    return shape


def _kind(fields: Fields) -> int | None:
    """Tell, as the kernel does, what kind of value an annotation has; None: integer or boolean."""
    named = [key for key in fields if key in {"name", "name_iid"}]
    values = fields.keys() - {"name", "name_iid"}
    if len(named) != 1 or not fields[named[0]] or len(values) != 1:
        return WHOLE
    (value,) = values
    kinds = {"string": _INLINE, "string_iid": _INTERNED, "double": _DOUBLE, "pointer": _POINTER}
    if value in kinds:
        return kinds[value]
    if value in {"bool", "uint", "int"}:
        fits = value == "bool" or -(1 << 63) < fields[value] < 1 << 63
        return None if fits else WHOLE
    return WHOLE


def _values(
    hole: int,
    buffer: bytes,
    texts: Int64,
    forms: Coded,
    shapes: list[Shape | None],
    of: tuple[Int64, list[Sequence]],
) -> tuple[Int64, list[str]]:
    """Give the JSON texts of one place for other values; -1 where an event has none."""
    sequence_codes, sequences = of
    kinds = np.array(
        [s.kinds[hole] if s is not None and len(s.kinds) > hole else -1 for s in shapes], np.int64
    )[forms.codes]
    here = np.flatnonzero(kinds >= 0)
    place, size, key = (texts[3 * hole + row][here] for row in (at.AT, at.SIZE, at.KEY))
    found = coded(mixed(sequence_codes[here], kinds[here], key))
    lies = np.isin(kinds[here], (_INLINE, WHOLE))
    place, size = np.where(lies, place, 0), np.where(lies, np.abs(size), 0)
    if not at.same(np.frombuffer(buffer, np.uint8), place, size, found.first[found.codes]):
        raise Unusual
    writer = Annotations(_refuse)
    written = []
    for i in found.first.tolist():
        raw = buffer[place[i] : place[i] + size[i]]
        sequence = sequences[sequence_codes[here[i]]]
        written.append(_json(int(kinds[here[i]]), raw, int(key[i]), sequence, writer))
    codes = np.full(len(kinds), -1, np.int64)
    codes[here] = found.codes
    return codes, written


def _json(kind: int, raw: bytes, key: int, sequence: Sequence, writer: Annotations) -> str:
    if kind == _INLINE:
        return json.dumps(raw.decode("utf-8", "replace"), ensure_ascii=False)
    if kind == _INTERNED:
        text = sequence.text("debug_annotation_string_values", key)
        if text is None:
            raise Unusual
        return json.dumps(text, ensure_ascii=False)
    if kind == _DOUBLE:
        return literal(float(np.int64(key).view(np.float64)))
    if kind == _POINTER:
        return f'"{key & (1 << 64) - 1:#x}"'
    return writer.write([raw], sequence)[1:-1]


def _refuse(_: str) -> NoReturn:
    raise Unusual


def _written(
    forms: Coded, shapes: list[Shape | None], values: list[tuple[Int64, list[str]]]
) -> pa.Array:
    """Put the other values into the texts: one text for each combination, or for each event."""
    both = coded(mixed(forms.codes, *(codes for codes, _ in values)))
    if len(both.first) <= max(_MOST_SHAPES, len(both.codes) // 4):
        found: list[str | None] = []
        for i in both.first.tolist():
            shape = shapes[forms.codes[i]]
            if shape is None:
                found.append(None)
                continue
            text = shape.parts[0]
            for part, (codes, written) in zip(shape.parts[1:], values, strict=False):
                text += written[codes[i]] + part
            found.append(text)
        return dictionary(both.codes, found)
    pieces, places = [], []
    for number, shape in enumerate(shapes):
        here = np.flatnonzero(forms.codes == number)
        places.append(here)
        pieces.append(_joined(shape, here, values))
    order = np.empty(len(forms.codes), np.int64)
    order[np.concatenate(places)] = np.arange(len(order))
    return pa.concat_arrays(pieces).take(pa.array(order))


def _joined(shape: Shape | None, here: Int64, values: list[tuple[Int64, list[str]]]) -> pa.Array:
    if shape is None:
        return pa.nulls(len(here), pa.string())
    columns: list[pa.Array | str] = [shape.parts[0]]
    for part, (codes, written) in zip(shape.parts[1:], values, strict=False):
        columns += [pa.array(written, pa.string()).take(pa.array(codes[here])), part]
    if len(columns) == 1:
        return pa.array([shape.parts[0]] * len(here), pa.string())
    return pc.binary_join_element_wise(*columns, "")
