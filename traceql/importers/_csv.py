"""Read CSV files as batches of text columns, and texts as numbers, without a loop over rows.

Everything is read as text first: a field that is no number then costs its own value, not the file.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from traceql.importers._columns import Int64

BLOCK_BYTES = 1 << 22
DAMAGE = "csv_damaged"
_MOST_ODD = 1 << 16
_MOST_HEADER_BYTES = 1 << 20
_INTEGER = r"^-?[0-9]{1,18}$"
_LARGE = r"^-?[0-9]{19,20}$"
_NUMBER = r"^-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_HEX = r"^0[xX][0-9a-fA-F]{1,16}$"
_U64 = 1 << 64


def header_of(prefix: bytes) -> tuple[str, ...]:
    """Give the fields of the first line that is not empty; none for what is no text.

    Args:
        prefix: the beginning of a file.
    """
    text = prefix.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    end = text.find(b"\n")
    line = text[: end if end >= 0 else len(text)]
    if b"\0" in line or len(line) > _MOST_HEADER_BYTES:
        return ()
    try:
        fields = next(csv.reader([line.decode("utf-8", "replace")]), [])
    except csv.Error:
        return ()
    return tuple(field.strip() for field in fields)


class CsvFile:
    """A CSV file with one header line; empty lines are skipped.

    Args:
        path: a plain local file.

    Attributes:
        header: the columns, as written; of equal ones the second gets `.2` appended, and so on.
        unread: rows with more or fewer fields than the header; grows as batches are read.
        not_utf8: texts that were read with replacements.
        odd: the first of these rows, split at commas.
        damage: why reading ended early, as (code, offset, message).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unread = 0
        self.not_utf8 = 0
        self.odd: list[list[str]] = []
        self.damage: list[tuple[str, int, str]] = []
        with path.open("rb") as file:
            start = file.read(_MOST_HEADER_BYTES)
        self.header = _told_apart(header_of(start))
        skipped = start.removeprefix(b"\xef\xbb\xbf")
        empty = len(skipped) - len(skipped.lstrip(b"\r\n"))
        self._skip = 1 + skipped[:empty].count(b"\n")

    def batches(self) -> Iterator[dict[str, pa.Array]]:
        """Give the rows: column to texts, null where a field is empty."""
        from pyarrow import csv as arrow_csv

        if not self.header:
            return
        parse = arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=self._odd_row)
        convert = arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(self.header, pa.string()), strings_can_be_null=False
        )
        read = arrow_csv.ReadOptions(
            block_size=BLOCK_BYTES, use_threads=False, column_names=list(self.header),
            skip_rows=self._skip,
        )  # fmt: skip
        with self.path.open("rb") as file:
            text = _Utf8(file)
            try:
                with arrow_csv.open_csv(text, read, parse, convert) as reader:
                    for batch in reader:
                        if batch.num_rows:
                            yield {
                                name: pc.if_else(
                                    pc.equal(column, ""), pa.scalar(None, pa.string()), column
                                )
                                for name, column in zip(self.header, batch.columns, strict=True)
                            }
            except (pa.ArrowException, OSError) as error:
                if "Empty CSV file" not in str(error):
                    said = str(error).split("\n", 1)[0]
                    self.damage.append((DAMAGE, 0, f"{self.path.name}: {said}"))
            self.not_utf8 = text.replaced

    def _odd_row(self, row: Any) -> str:
        self.unread += 1
        if len(self.odd) < _MOST_ODD and row.text:
            self.odd.append(next(csv.reader(io.StringIO(row.text)), []))
        return "skip"


class _Utf8:
    """A file whose bytes that are not UTF-8 are replaced, so that no reader meets any.

    Args:
        file: an open binary file.

    Attributes:
        replaced: how many replacements were made.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._buffer = b""
        self._at_end = False
        self.replaced = 0
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        """Give at most `size` bytes, none at the end."""
        wanted = BLOCK_BYTES if size < 0 else size
        while len(self._buffer) < wanted and not self._at_end:
            self._buffer += self._decoded(self._file.read(wanted))
        taken, self._buffer = self._buffer[:wanted], self._buffer[wanted:]
        return taken

    def _decoded(self, raw: bytes) -> bytes:
        self._at_end = not raw
        if raw.isascii() and not self._decoder.getstate()[0]:
            return raw
        text = self._decoder.decode(raw, final=self._at_end)
        made = text.count("\ufffd")
        if made:
            self.replaced += max(made - raw.count("\ufffd".encode()), 0)
        return text.encode()

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def writable(self) -> bool:
        """Tell that it cannot be written."""
        return False

    def seekable(self) -> bool:
        """Tell that it goes forward only."""
        return False

    def close(self) -> None:
        """Let go; the file is its opener's."""
        self.closed = True


def _told_apart(names: tuple[str, ...]) -> tuple[str, ...]:
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}.{seen[name]}")
    return tuple(found)


def integers(texts: pa.Array) -> tuple[pa.Array, int]:
    """Give texts as int64; those of 64 bits without sign as the same bits, as SQLite has them.

    Returns:
        int64, null where the text is no integer; how many texts are none.
    """
    try:
        return pc.cast(texts, pa.int64()), 0
    except pa.ArrowInvalid:
        pass
    trimmed = pc.utf8_trim_whitespace(texts)
    plain = _where_it_matches(trimmed, _INTEGER)
    found = pc.cast(plain, pa.int64())
    for pattern, base in ((_LARGE, 10), (_HEX, 16)):
        large = pc.match_substring_regex(trimmed, pattern)
        if pc.any(large).as_py():
            values = [_signed(int(text, base)) for text in trimmed.filter(large).to_pylist()]
            mask = pc.fill_null(large, fill_value=False)
            found = pc.replace_with_mask(found, mask, pa.array(values, pa.int64()))
    return found, found.null_count - texts.null_count


def _signed(value: int) -> int | None:
    if not -(_U64 >> 1) <= value < _U64:
        return None
    return value - _U64 if value >= _U64 >> 1 else value


def numbers(texts: pa.Array) -> tuple[pa.Array, int]:
    """Give texts as float64.

    Returns:
        float64, null where the text is no number; how many texts are none.
    """
    plain = _where_it_matches(pc.utf8_trim_whitespace(texts), _NUMBER)
    found = pc.cast(plain, pa.float64())
    return found, found.null_count - texts.null_count


def rounded_times(texts: pa.Array) -> int:
    """Count integers that a spreadsheet has written in notation with an exponent."""
    return int(pc.sum(pc.match_substring_regex(texts, r"^[0-9.]+[eE]\+?[0-9]+$")).as_py() or 0)


def _where_it_matches(texts: pa.Array, pattern: str) -> pa.Array:
    matches = pc.match_substring_regex(texts, pattern)
    return pc.if_else(matches, texts, pa.scalar(None, pa.string()))


def hexadecimal(texts: pa.Array) -> pa.Array:
    """Give addresses (0x…, at most 64 bits) as int64 with the same bits; null for other texts."""
    shape = pc.match_substring_regex(texts, _HEX)
    plain = pc.if_else(shape, pc.utf8_slice_codeunits(texts, 2, None), pa.scalar(None, pa.string()))
    padded = pc.utf8_lpad(plain, 16, padding="0")
    values = _nibbles(pc.fill_null(padded, "0" * 16))
    return pa.array(values, pa.int64(), mask=_missing(plain))


def _nibbles(padded: pa.Array) -> Int64:
    raw = np.frombuffer("".join(padded.to_pylist()).encode(), np.uint8).reshape(-1, 16)
    digits = np.where(raw > ord("9"), (raw | 0x20) - ord("a") + 10, raw - ord("0"))
    high = digits.astype(np.uint64)
    value = np.zeros(len(raw), np.uint64)
    for place in range(16):
        value = (value << np.uint64(4)) | high[:, place]
    signed: Int64 = value.view(np.int64)
    return signed


def _missing(column: pa.Array) -> Any:
    return column.is_null().to_numpy(zero_copy_only=False)
