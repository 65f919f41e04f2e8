"""Read one file: the document, its events one by one, and what is left at the end."""

from __future__ import annotations

import codecs
import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from traceql.errors import CorruptTrace, UnknownFormat
from traceql.importers._json_grammar import text as text_of
from traceql.importers._json_stream import Element, JsonStream, Members
from traceql.importers.chrome.context import Context
from traceql.importers.chrome.counters import Counters
from traceql.importers.chrome.flows import Flows
from traceql.importers.chrome.kineto import Kineto
from traceql.importers.chrome.metadata import Metadata
from traceql.importers.chrome.profiles import Profiles
from traceql.importers.chrome.rows import BATCH_BYTES
from traceql.importers.chrome.slices import Slices
from traceql.importers.chrome.states import States
from traceql.importers.chrome.times import ns
from traceql.kernels import machine_code
from traceql.model.protocols import Chunk

if TYPE_CHECKING:
    from traceql.importers.chrome import Chrome
    from traceql.importers.chrome.fast import Fast
    from traceql.model.protocols import Source

READ_BYTES = 1 << 20
_EVENTS = re.compile(rb'"traceEvents"\s*:\s*(?=\[)')
LARGE_BYTES = 30_000_000
"""Smaller texts are read before the kernels of the fast path would be compiled."""
SMALL_BYTES = 300_000
"""Smaller texts are read before those kernels would be loaded, compiled or not."""
FAST_KERNELS = (
    "args_judge.judge_templates", "compose._compose", "gather.gather", "gather.take_lifted",
    "key_table._number", "scan.scan_events", "sort_out.sort_events", "split._split",
)  # fmt: skip
"""Which kernels the fast path alone needs."""
_STRETCH = 4096
"""Events read slowly where something is damaged, before the fast path is tried again."""
_ROUND = 4096
"""Events after which full batches are given."""

Handler = Callable[[Members, int, int, int], object]


class Reading:
    """The reading of one source, from its first byte to the last chunk."""

    def __init__(self, source: Source, options: Chrome) -> None:
        self._source, self._options = source, options
        self._context = context = Context()
        blocks, large = _measured(_utf8(source.blocks(READ_BYTES)), options.path)
        self._stream = JsonStream(blocks, context.diagnostics.count_at)
        self._text = self._stream.element_text
        self._metadata = Metadata(context)
        self._metadata_event = self._metadata.event
        self._profiles = Profiles(context)
        self._kineto = Kineto(context)
        self._handlers = self._phases()
        self._by_token: dict[bytes, Handler] = {}
        self._ordinal = 0
        self._arrays = 0
        self._with_phase = self._without_phase = False
        self._fast = self._make_fast() if large else None

    def _make_fast(self) -> Fast:
        from traceql.importers.chrome.fast import Fast

        options = self._options
        return Fast(
            self._context, self._kineto, self._odd_event,
            threads=options.threads or min(os.cpu_count() or 1, 2),
            block_bytes=options.block_bytes,
        )  # fmt: skip

    def _phases(self) -> dict[str, Handler]:
        flows = Flows(self._context)
        slices = Slices(self._context, flows, self._kineto)
        counters, states = Counters(self._context), States(self._context, slices)
        keep = self._keep
        table: dict[str, Handler] = {
            "X": slices.complete,
            "C": keep(counters.sample),
            "b": slices.async_edge,
            "e": slices.async_edge,
            "n": slices.async_instant,
            "p": slices.legacy_step,
            "T": states.state,
            "M": self._metadata_event,
            "P": keep(self._profiles.sample, slices.elsewhere),
        }
        table |= dict.fromkeys("BE", slices.edge)
        table |= dict.fromkeys("iI", self._instant(slices))
        table |= dict.fromkeys("R", slices.instant)
        table |= dict.fromkeys("SF", slices.legacy_edge)
        table |= dict.fromkeys("stf", keep(flows.point))
        self._otherwise = slices.elsewhere
        return table

    def _keep(
        self, read: Callable[[Members, int, int, int], bool], otherwise: Handler | None = None
    ) -> Handler:
        """Make a handler that keeps what `read` cannot read."""

        def handler(e: Members, ordinal: int, ts: int, offset: int) -> None:
            if read(e, ordinal, ts, offset):
                return
            if otherwise is not None:
                otherwise(e, ordinal, ts, offset)
            else:
                self._context.keep_unread(self._text())

        return handler

    def _instant(self, slices: Slices) -> Handler:
        def handler(e: Members, ordinal: int, ts: int, offset: int) -> None:
            slices.instant(e, ordinal, ts, offset)
            if e.get(b"name") == b'"CpuProfile"':
                self._profiles.whole(e, ordinal, ts, offset)

        return handler

    def chunks(self) -> Iterator[Chunk]:
        """Give all chunks.

        Raises:
            CorruptTrace: the file is empty, or nothing of it is JSON.
            UnknownFormat: it is JSON, without a single event.
        """
        stream = self._stream
        first = stream.peek()
        if first == b"[":
            self._arrays = 1
            yield from self._events()
            if stream.peek():
                self._context.diagnostics.count("json_trailing_text", offset=stream.offset)
        elif first == b"{":
            yield from self._document()
        elif stream.find(_EVENTS):
            self._context.diagnostics.count("json_tokenizer_failure", offset=0)
            yield from self._events()
            yield from self._members(stream.rest_of_object())
        self._check(first)
        yield from self._context.rows.rest()
        yield from self._context.tracks.chunks(self._metadata.rank, self._metadata.host)
        yield from self._metadata.chunks(self._kineto.devices)
        count = self._context.diagnostics.count
        yield from self._profiles.frames.chunks(lambda: count("stack_frame_unknown"))
        yield from self._context.diagnostics.chunk(self._source.damage)

    def _document(self) -> Iterator[Chunk]:
        stream = self._stream
        yield from self._members(stream.enter_object())
        while not self._arrays and stream.find(_EVENTS):
            yield from self._events()
            yield from self._members(stream.rest_of_object())
        if stream.peek():
            self._context.diagnostics.count("json_trailing_text", offset=stream.offset)

    def _members(self, keys: Iterator[bytes]) -> Iterator[Chunk]:
        stream = self._stream
        for key in keys:
            opener = stream.peek()
            if key == b"traceEvents" and opener == b"[":
                yield from self._events()
            elif key == b"samples" and opener == b"[":
                yield from self._samples()
            else:
                offset, raw = stream.offset, stream.value()
                if raw is None:
                    return
                if key == b"stackFrames" and opener == b"{":
                    self._profiles.stack_frames(raw)
                else:
                    self._metadata.document(key, raw, offset)

    def _events(self) -> Iterator[Chunk]:
        """Read the events of the array at the cursor."""
        self._arrays += 1
        self._stream.step()
        while self._fast is not None:
            outcome = None
            for outcome in self._fast.chunks(self._stream, self._ordinal):
                if isinstance(outcome, Chunk):
                    yield outcome
                else:
                    self._ordinal = outcome.ordinal
            self._with_phase |= self._fast.plain
            if outcome is None or isinstance(outcome, Chunk) or outcome.closed:
                return
            # Something is damaged here, or the text ends: the slow path knows what to do.
            before = self._ordinal
            yield from self._slow_events(_STRETCH)
            if self._ordinal - before < _STRETCH:
                return
        yield from self._slow_events(None)

    def _slow_events(self, most: int | None) -> Iterator[Chunk]:
        """Read events of the array that the cursor stands in, one by one, `most` of them."""
        rows = self._context.rows
        flush_at = self._stream.offset + BATCH_BYTES
        for offset, e in islice(self._stream.rest_of_array(), most):
            self._event(e, offset)
            if not self._ordinal % _ROUND or offset >= flush_at:
                flush_at = offset + BATCH_BYTES
                yield from rows.full(offset)

    def _odd_event(self, e: Members, ordinal: int, offset: int, raw: bytes) -> None:
        """Read an event that the fast path does not."""
        self._ordinal = ordinal
        self._text = lambda: raw
        self._event(e, offset)
        self._text = self._stream.element_text

    def _event(self, e: Members | None, offset: int) -> None:
        if e:
            handler = self._by_token.get(e.get(b"ph", b""))
            if handler is None:
                handler, e = self._phase(e)
            ts = ns(e.get(b"ts"))
            if handler is not None and (ts is not None or handler == self._metadata_event):
                handler(e, self._ordinal, ts or 0, offset)
            else:
                self._context.diagnostics.count("json_parser_failure", offset=offset)
                self._context.keep_unread(self._text())
        elif e is None:
            self._without_phase = True
            self._context.diagnostics.count("json_parser_failure", offset=offset)
        self._ordinal += 1

    def _phase(self, e: Members) -> tuple[Handler | None, Members]:
        """Find the handler of a phase met for the first time; only its first letter counts."""
        if b"ph" not in e:
            e = {_plain(key): value for key, value in e.items()}
        token = e.get(b"ph")
        if token is None:
            self._without_phase = True
            return None, e
        self._with_phase = True
        phase = self._context.texts(token)[:1]
        if not phase or not token.startswith(b'"'):
            return None, e
        handler = self._handlers.get(phase, self._otherwise)
        if token[1:2] == phase.encode():
            self._by_token[token] = handler
            return handler, e
        return handler, e | {b"ph": b'"%b"' % phase.encode()}

    def _samples(self) -> Iterator[Chunk]:
        elements: Iterator[Element] = self._stream.elements()
        for number, (offset, e) in enumerate(elements):
            if e is None:
                self._context.diagnostics.count("json_parser_failure", offset=offset)
            else:
                self._profiles.global_sample(e, self._ordinal + number, offset)
            if not number % _ROUND:
                yield from self._context.rows.full(offset)

    def _check(self, first: bytes) -> None:
        path: Path = self._source.path
        if not first:
            raise CorruptTrace(path, 0, "the file is empty")
        if not self._arrays:
            if first in {b"{", b"["}:
                raise UnknownFormat(path, "JSON without an array of trace events")
            raise CorruptTrace(path, 0, "the text is no JSON")
        if self._without_phase and not self._with_phase:
            raise UnknownFormat(path, "a JSON list whose items have no phase `ph`")


def _plain(key: bytes) -> bytes:
    """Resolve the escapes of a key."""
    if b"\\" not in key:
        return key
    return text_of(b'"' + key + b'"', lambda: None).encode()


def _measured(blocks: Iterator[bytes], path: str) -> tuple[Iterator[bytes], bool]:
    """Tell whether the fast path is to read the text: as said, else by how much there is of it."""
    if path != "auto":
        return blocks, path == "fast"
    held: deque[bytes] = deque()
    size, enough = 0, SMALL_BYTES
    for block in blocks:
        held.append(block)
        size += len(block)
        if size >= enough == SMALL_BYTES and not machine_code.is_kept(FAST_KERNELS):
            enough = LARGE_BYTES
        if size >= enough:
            break
    return chain(_drained(held), blocks), size >= enough


def _drained(held: deque[bytes]) -> Iterator[bytes]:
    while held:
        yield held.popleft()


def _utf8(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Take off a byte order mark; UTF-16 becomes UTF-8."""
    head = b""
    for block in blocks:
        head += block
        if len(head) >= 3:
            break
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
        yield decoder.decode(head).encode()
        for block in blocks:
            yield decoder.decode(block).encode()
        return
    yield head.removeprefix(codecs.BOM_UTF8)
    yield from blocks
