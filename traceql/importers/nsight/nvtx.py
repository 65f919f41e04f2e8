"""NVTX: ranges, marks, and the domains and categories that their numbers mean.

PyTorch's emit_nvtx writes the operator and its numbers into one text, `aten::add, op_id = 7`:
the operator becomes the name, the whole text an arg whose numbers are lifted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from traceql.importers._columns import distinct, filled, filtered, mapped, valid
from traceql.importers.nsight.calls import Kind, Spans
from traceql.importers.nsight.payloads import Payloads
from traceql.model.lean_arrow import nulls

if TYPE_CHECKING:
    from traceql.importers._columns import Int64
    from traceql.importers.nsight.context import Context
    from traceql.model.protocols import Chunk

_CATEGORY, _MARK, _THREAD_NAME = 33, 34, 39
_PUSH_POP, _START_END = frozenset({59, 70}), frozenset({60, 71})
_DOMAIN, _DOMAIN_END = 75, 76
_DEFINITIONS = frozenset({_CATEGORY, _THREAD_NAME, _DOMAIN, _DOMAIN_END})
_RANGE = Kind("nvtx", title="[NVTX]")
_OPEN_RANGE = Kind("nvtx_range", title="[NVTX]")
_INSTANT = Kind("nvtx_mark", title="[NVTX]")
_OTHER = Kind("nvtx_other", title="[NVTX]")
_TORCH = (
    r"^(?P<name>[^,]{1,512}?)(?:, seq = (?P<seq>[0-9]{1,18}))?(?:, op_id = (?P<op>[0-9]{1,18}))?"
    r"(?P<rest>(?:, (?:sizes|input_op_ids) = .*)?)$"
)
"""What PyTorch writes: name, seq = N, op_id = N, sizes = …, input_op_ids = …; all but the name
may be left out."""
_HAS_NUMBER = ", (seq|op_id) = [0-9]"


class Nvtx(Spans):
    """Rows of NVTX_EVENTS: push/pop ranges among the calls of their thread, the rest beside."""

    def __init__(self, context: Context, table: str = "NVTX_EVENTS") -> None:
        super().__init__(context, table, _RANGE)
        self._domains: dict[tuple[int | None, int | None], str] = {}
        self._categories: dict[tuple[int | None, int | None, int | None], str] = {}
        self._payloads = Payloads(context)

    def learn(self) -> None:
        """Read the rows that give names; a pass of its own, as they may come late."""
        wanted = {name: pa.int64() for name in ("eventType", "globalTid", "domainId", "category",
                                                "textId")} | {"text": pa.string()}  # fmt: skip
        definitions = pa.array(sorted(_DEFINITIONS), pa.int64())
        kinds = self._context.export.rows(self._table, {"eventType": pa.int64()})
        if not any(pc.any(pc.is_in(batch["eventType"], definitions)).as_py() for batch in kinds):
            return
        for batch in self._context.export.rows(self._table, wanted):
            mask = pc.is_in(batch["eventType"], definitions)
            if not pc.any(mask).as_py():
                continue
            for row in batch.filter(mask).to_pylist():  # a row for each domain, category, thread
                self._define(row)

    def _define(self, row: Mapping[str, Any]) -> None:
        text = row["text"] or self._context.strings.one(row["textId"])
        thread = row["globalTid"]
        process = None if thread is None else thread >> 24
        if not text:
            return
        if row["eventType"] == _DOMAIN:
            self._domains[process, row["domainId"]] = text
        elif row["eventType"] == _CATEGORY:
            self._categories[process, row["domainId"], row["category"]] = text
        elif row["eventType"] == _THREAD_NAME and thread is not None:
            self._context.facts.thread_names.setdefault(thread & (1 << 64) - 1, text)

    def timed(
        self, columns: dict[str, pa.Array]
    ) -> tuple[dict[str, pa.Array], dict[str, pa.Array] | None]:
        """Marks end as they start, whatever their end says."""
        kinds = columns.get("eventType")
        if kinds is not None:
            numbers = filled(kinds, -1)
            point = (numbers == _MARK) | np.isin(numbers, list(_DEFINITIONS))
            if point.any():
                ends = np.where(point, filled(columns["start"]), filled(columns["end"]))
                there = np.where(point, valid(columns["start"]), valid(columns["end"]))
                columns = columns | {"end": pa.array(ends, mask=~there)}
        return super().timed(columns)

    def _rows(self, columns: dict[str, pa.Array], kind: Kind) -> Iterator[Chunk]:  # noqa: ARG002
        rows = len(columns["start"])
        kinds = columns.get("eventType", nulls(rows, pa.int64()))
        found = distinct([kinds], rows)
        for place, (number,) in enumerate(found.keys):
            if number in _DEFINITIONS:
                continue
            part = dict(columns)
            if len(found.keys) > 1:
                part = filtered(columns, found.codes == place)
            yield from self._of_type(part, number)

    def _of_type(self, columns: dict[str, pa.Array], number: int | None) -> Iterator[Chunk]:
        kind = _OTHER
        if number is None or number in _PUSH_POP:
            kind = _RANGE
        elif number in _START_END:
            kind = _OPEN_RANGE
        elif number == _MARK:
            kind = _INSTANT
        if kind is not _OTHER:
            columns.pop("eventType", None)
        columns.pop("eventId", None)
        end_thread = columns.get("endGlobalTid")
        if end_thread is not None and end_thread.equals(columns["globalTid"]):
            del columns["endGlobalTid"]
        more = self._words(columns)
        more |= self._payloads.take(columns)
        name = self.title(columns, kind)
        name, numbers = split_torch(name)
        yield from self.rows(columns, name, self._lanes(columns, kind), kind, numbers | more)

    def _lanes(self, columns: Mapping[str, pa.Array], kind: Kind) -> Int64:
        actors = self._context.actors
        thread = columns["globalTid"]
        if kind is not _OPEN_RANGE:
            return actors.thread_tracks(thread)
        # A range that ends on its own thread is the thread's; they overlap, so they lie beside it.
        rows, title = len(thread), "NVTX start/end"
        return mapped(
            [thread, columns.get("endGlobalTid", nulls(rows, pa.int64()))], rows,
            lambda g, end: actors.thread_track(g, "async", title) if end in {None, g}
            else actors.process_track(g, "async", title),
        )  # fmt: skip

    def _words(self, columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
        """Give domain and category in words; numbers that nothing names stay numbers."""
        rows = len(columns["start"])
        nothing = nulls(rows, pa.int64())
        domain = columns.pop("domainId", nothing)
        category = columns.pop("category", nothing)
        said: dict[str, pa.Array] = {}
        for key, column in (("domain", domain), ("category", category)):
            if column.null_count == rows:
                continue
            found = distinct([columns["globalTid"], domain, category], rows)
            texts = [self._word(key, *values) for values in found.keys]
            if any(texts):
                said[key] = pa.array(texts, pa.string()).take(pa.array(found.codes))
        return said

    def _word(
        self, key: str, thread: int | None, domain: int | None, category: int | None
    ) -> str | None:
        process = None if thread is None else thread >> 24
        if key == "domain":
            number, name = domain, self._domains.get((process, domain))
        else:
            number, name = category, self._categories.get((process, domain, category))
        # 0 is the default domain, or no category.
        return name if name or not number else str(number)


def split_torch(names: pa.Array) -> tuple[pa.Array, dict[str, pa.Array]]:
    """Cut what PyTorch appends to the name of an operator off names.

    Returns:
        The names; and args: `seq` and `op_id` as numbers and `inputs` as written, of those rows
        that have them. Only texts that can be put together again from these are cut.
    """
    if isinstance(names, pa.DictionaryArray):
        if not pc.any(pc.match_substring_regex(names.dictionary, _HAS_NUMBER)).as_py():
            return names, {}
        names = names.dictionary_decode()
    has = pc.fill_null(pc.match_substring_regex(names, _HAS_NUMBER), fill_value=False)
    if not pc.any(has).as_py():
        return names, {}
    parts = pc.extract_regex(names, _TORCH)
    name, seq, op, rest = (pc.struct_field(parts, field) for field in ("name", "seq", "op", "rest"))
    cut = pc.and_(has, pc.fill_null(pc.is_valid(parts), fill_value=False))
    cut = pc.and_(cut, pc.or_(_is_number(seq), _is_number(op)))
    cut = pc.and_(cut, pc.and_(_is_plain(seq), _is_plain(op)))
    nothing = pa.scalar(None, pa.string())
    said = {}
    for key, column in (("seq", seq), ("op_id", op)):
        there = pc.and_(cut, _is_number(column))
        if pc.any(there).as_py():
            said[key] = pc.if_else(there, column, nothing).cast(pa.int64())
    there = pc.and_(cut, pc.not_equal(pc.fill_null(rest, ""), ""))
    if pc.any(there).as_py():
        said["inputs"] = pc.if_else(there, pc.utf8_slice_codeunits(rest, 2), nothing)
    return pc.if_else(cut, name, names), said


def _is_number(column: pa.Array) -> pa.Array:
    return pc.fill_null(pc.not_equal(column, ""), fill_value=False)


def _is_plain(column: pa.Array) -> pa.Array:
    """Tell which are absent or written as numbers are, without leading zeros."""
    return pc.fill_null(pc.match_substring_regex(column, "^(0|[1-9][0-9]*)?$"), fill_value=True)
