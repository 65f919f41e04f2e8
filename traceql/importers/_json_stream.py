"""Walk a JSON text block by block: members of the document, elements of its long arrays.

Only the value under the cursor is held. Where a value goes on behind the end of the buffer, at
least as much again is read before the next try, so a value of n bytes costs O(n) whatever the
size of the blocks. What is no JSON is reported with its offset, and reading goes on at the next
element.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Self

from traceql.importers._json_grammar import (
    CUT_OFF,
    IN_ARRAY,
    IN_OBJECT,
    KEY,
    MEMBERS,
    NEXT_OBJECT,
    OBJECT,
    SPACE,
    VALUE,
)

LARGEST_VALUE = 512 * 1024 * 1024
"""A single value longer than this is taken for damage: it would have to be held in memory."""

_KEPT_FOR_RESYNC = 4096
_CLOSER = {0x7B: 0x7D, 0x5B: 0x5D}

Members = dict[bytes, bytes]


class Element(NamedTuple):
    """An element of an array; `members` maps keys to source texts, the last of equal keys wins."""

    offset: int
    members: Members | None
    """None where the element is no object."""


class Blocks:
    """Blocks of a text, of which some can be put back."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._front: deque[bytes] = deque()
        self._blocks = iter(blocks)
        self._error: BaseException | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if self._front:
            return self._front.popleft()
        if self._error is not None:
            raise self._error
        return next(self._blocks)

    def put_back(self, blocks: Sequence[bytes], error: BaseException | None = None) -> None:
        """Put blocks before what is still to come; an error comes in the place of that."""
        self._front.extendleft(block for block in reversed(blocks) if block)
        self._error = error or self._error


class JsonStream:
    """A cursor over blocks of JSON text.

    Args:
        blocks: the text, in pieces of any size.
        report: called with a code and an offset for each damage: `json_tokenizer_failure`
            (no JSON), `json_incomplete` (the text ends within a value).
    """

    def __init__(self, blocks: Iterable[bytes], report: Callable[[str, int], None]) -> None:
        self._blocks = Blocks(blocks)
        self._report = report
        self._data = b""
        self._base = 0
        self._at = 0
        self._start = 0
        self._ended = False
        self._incomplete = False

    @property
    def offset(self) -> int:
        """Offset of the cursor from the start of the text."""
        return self._base + self._at

    def element_text(self) -> bytes:
        """Give the source text of the element that `elements` gave last."""
        return self._data[self._start : self._at]

    def peek(self) -> bytes:
        """Skip white space and commas and give the next byte, empty at the end."""
        while True:
            match = SPACE.match(self._data, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._data):
                return self._data[self._at : self._at + 1]
            if not self._more():
                return b""

    def step(self) -> None:
        """Move over one byte."""
        self._at += 1

    def enter_object(self) -> Iterator[bytes]:
        """Enter the object at the cursor; give each key, without quotes, for the caller to read on.

        After each key the caller must take the value, by `value` or `elements`.
        """
        self.step()
        yield from self.rest_of_object()

    def rest_of_object(self) -> Iterator[bytes]:
        """Give the keys left of the object that the cursor stands in, as `enter_object` does."""
        while True:
            byte = self.peek()
            if byte == b"}":
                self.step()
                return
            match = KEY.match(self._data, self._at) if byte else None
            if match is not None and match.end() < len(self._data):
                self._at = match.end()
                yield match[1][1:-1]
                continue
            cut_off = self._cut_off(self._at)
            if self._ended or not cut_off:
                code = "json_incomplete" if cut_off else "json_tokenizer_failure"
                self._report(code, self.offset)
                return
            self._more()

    def lend(self) -> tuple[int, Blocks]:
        """Give the offset of the cursor, and the text from there on for another to read."""
        rest = self._data[self._at :]
        self._base += self._at
        self._data, self._at, self._start = b"", 0, 0
        self._blocks.put_back([rest])
        return self._base, self._blocks

    def go_on(self, offset: int, unread: Sequence[bytes]) -> None:
        """Go on at an offset, with the text from there on: what of it was read, then the rest."""
        self._data, self._at, self._start = b"", 0, 0
        self._blocks.put_back(unread)
        self._base, self._ended = offset, False

    def find(self, pattern: re.Pattern[bytes]) -> bool:
        """Move behind the next match of a pattern of at most 4 KiB; False: to the end."""
        while True:
            match = pattern.search(self._data, self._at)
            if match is not None:
                self._at = match.end()
                return True
            if self._ended:
                self._at = len(self._data)
                return False
            self._at = max(self._at, len(self._data) - _KEPT_FOR_RESYNC)
            self._more()

    def value(self) -> bytes | None:
        """Take the value at the cursor; None where there is none, which is reported."""
        start = self.offset
        if self.peek() == b"":
            self._report("json_incomplete", start)
            return None
        end = self._extent()
        if end is None:
            self._report(self._failure(), start)
            return None
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def elements(self) -> Iterator[Element]:
        """Enter the array at the cursor; give its elements until it or the text ends."""
        self.step()
        yield from self.rest_of_array()

    def rest_of_array(self) -> Iterator[Element]:
        """Give the elements left of the array that the cursor stands in, as `elements` does.

        The caller may leave off after any element and go on with a new call.
        """
        find, members = OBJECT.match, MEMBERS.findall
        while True:
            match = find(self._data, self._at)
            if match is not None:
                self._start, self._at = match.span(1)
                found = members(self._data, self._start, self._at)
                yield Element(self._base + self._start, dict(found))
                continue
            element = self._odd_element()
            if element is None:
                return
            if element.offset >= 0:
                yield element

    def _odd_element(self) -> Element | None:
        """Take an element that OBJECT does not match; None at the end, offset -1: try again."""
        byte = self.peek()
        if byte == b"]":
            self.step()
            return None
        if byte == b"":
            self._report("json_incomplete", self.offset)
            return None
        end = self._extent()
        if end is None:
            code = self._failure()
            self._report(code, self.offset)
            return Element(-1, None) if self._resync() else None
        self._start, self._at = self._at, end
        offset = self._base + self._start
        raw = self._data[self._start : end]
        return Element(offset, dict(members_of(raw)) if byte == b"{" else None)

    def _failure(self) -> str:
        return "json_incomplete" if self._incomplete else "json_tokenizer_failure"

    def _extent(self) -> int | None:
        """Find the end of the value at the cursor, reading on as needed.

        None where the text is no JSON or ends before; `_incomplete` says which.
        """
        self._incomplete = False
        opener = self._data[self._at]
        while opener not in _CLOSER:
            match = VALUE.match(self._data, self._at)
            if match is not None and (match.end() < len(self._data) or self._ended):
                return match.end()
            if not self._ended and self._cut_off(self._at):
                self._more()
                continue
            if match is not None:
                return match.end()
            self._incomplete = self._ended and self._cut_off(self._at)
            return None
        match = VALUE.match(self._data, self._at)
        return match.end() if match is not None else self._bracketed()

    def _bracketed(self) -> int | None:
        """Walk brackets with a stack of closers, from the opener at the cursor."""
        closers = bytearray([_CLOSER[self._data[self._at]]])
        pos = 1
        while True:
            data, here = self._data, self._at + pos
            inside = closers[-1] == 0x7D
            match = (IN_OBJECT if inside else IN_ARRAY).match(data, here)
            end = match.end() if match else here
            byte = data[end] if end < len(data) else -1
            if byte in _CLOSER and not (inside and (match is None or match[1] is None)):
                closers.append(_CLOSER[byte])
            elif byte == closers[-1]:
                closers.pop()
                if not closers:
                    return end + 1
            elif self._cut_off(end):
                if len(data) - self._at > LARGEST_VALUE:
                    return None
                if not self._more():
                    self._incomplete = True
                    return None
                continue
            else:
                return None
            pos = end + 1 - self._at

    def _cut_off(self, pos: int) -> bool:
        return CUT_OFF.match(self._data, pos) is not None

    def _resync(self) -> bool:
        """Move behind the damage at the cursor, to where the next object of the array begins."""
        if self._incomplete:
            self._at = len(self._data)
            return False
        self._at += 1
        return self.find(NEXT_OBJECT)

    def _more(self) -> bool:
        """Drop what lies before the cursor and read at least as much as is left; False at the end.

        The element given last is dropped too.
        """
        left = self._data[self._at :]
        parts, wanted = [left], max(len(left), 1)
        while wanted > 0:
            block = next(self._blocks, None)
            if block is None:
                self._ended = True
                break
            parts.append(block)
            wanted -= len(block)
        self._base += self._at
        self._at = self._start = 0
        grown = b"".join(parts)
        more = len(grown) > len(left)
        self._data = grown
        return more


def whole_object(raw: bytes) -> Members | None:
    """Give the members of a text that is one object as `elements` would; None if it is not."""
    match = OBJECT.match(raw)
    if match is not None:
        found = MEMBERS.findall(raw, match.start(1), match.end(1))
        return dict(found) if match.span(1) == (0, len(raw)) else None
    stream = JsonStream((raw,), lambda _code, _offset: None)
    if raw[:1] != b"{" or stream.value() != raw:
        return None
    return dict(members_of(raw))


def members_of(raw: bytes) -> list[tuple[bytes, bytes]]:
    """Give (key, source text of the value) of an object's text, at any depth of nesting.

    Damage ends the list.
    """
    match = OBJECT.match(raw)
    if match is not None and match.end() == len(raw):
        return MEMBERS.findall(raw)
    stream = JsonStream((raw,), lambda _code, _offset: None)
    found: list[tuple[bytes, bytes]] = []
    if stream.peek() != b"{":
        return found
    for key in stream.enter_object():
        value = stream.value()
        if value is None:
            break
        found.append((key, value))
    return found
