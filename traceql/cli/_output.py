"""Print tables: for people as they read, for programs in raw nanoseconds, batch by batch."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from traceql.model.units import format_bytes, format_ns, format_ratio

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("table", "csv", "json", "arrow", "parquet", "md")
_TTY_ROWS = 40
_INTEGERS = {"BIGINT", "INTEGER", "HUGEINT", "UBIGINT", "UINTEGER", "SMALLINT", "TINYINT"}
_NUMBERS = (*sorted(_INTEGERS), "DOUBLE", "FLOAT", "DECIMAL")
_LATE_NS = 1_000 * 1_000_000_000


class Rows(Protocol):
    """What can be printed: the answer to a query, or anything like it."""

    columns: tuple[str, ...]
    types: tuple[str, ...]

    def rows(self, size: int = ...) -> Iterator[list[tuple[Any, ...]]]:
        """Give the rows, in lists."""
        ...

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give the rows as Arrow batches."""
        ...

    def schema(self) -> pa.Schema:
        """Give the schema of the batches."""
        ...


def write(answer: Rows, output_format: str, *, max_rows: int | None = None) -> None:
    """Print an answer on stdout.

    Args:
        answer: columns and rows.
        output_format: one of FORMATS.
        max_rows: show at most so many rows; None: all, but of a table on a terminal some.
    """
    writers: dict[str, Callable[[Rows, int | None], None]] = {
        "table": _table, "csv": _csv, "json": _json, "md": _markdown,
        "arrow": _arrow, "parquet": _parquet,
    }  # fmt: skip
    writers[output_format](answer, max_rows)


def _table(answer: Rows, max_rows: int | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    if max_rows is None and console.is_terminal:
        max_rows = _TTY_ROWS
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, kind in zip(answer.columns, answer.types, strict=True):
        right = kind.startswith(_NUMBERS)
        table.add_column(Text(name), justify="right" if right else "left", overflow="fold")
    formats = [_for_people(n, k) for n, k in zip(answer.columns, answer.types, strict=True)]
    shown = total = 0
    for part in answer.rows():
        kept = part if max_rows is None else part[: max_rows - shown]
        # bounded by the cap on a terminal; elsewhere the reader asked for all
        for row in kept:
            cells = (f(v) if v is not None else "" for f, v in zip(formats, row, strict=True))
            table.add_row(*(Text(cell) for cell in cells))
        shown += len(kept)
        total += len(part)
    if not console.is_terminal:
        free = console.options.update(width=1_000_000)
        console.width = max(console.measure(table, options=free).maximum, 20)
    console.print(table)
    if shown < total:
        sys.stderr.write(f"{shown} of {total:,} rows; --max-rows shows more, --format csv all\n")


def _csv(answer: Rows, max_rows: int | None) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(answer.columns)
    for part in _limited(answer.rows(), max_rows):
        writer.writerows([_text(value) for value in row] for row in part)


def _json(answer: Rows, max_rows: int | None) -> None:
    names = _unique(answer.columns)
    out = sys.stdout
    out.write("[")
    separator = "\n"
    for part in _limited(answer.rows(), max_rows):
        for row in part:
            pairs = {n: _plain(v) for n, v in zip(names, row, strict=True)}
            out.write(f"{separator}{json.dumps(pairs, ensure_ascii=False, default=str)}")
            separator = ",\n"
    out.write("\n]\n")


def _markdown(answer: Rows, max_rows: int | None) -> None:
    out = sys.stdout
    out.write(_md_line(answer.columns))
    marks = ["---:" if kind.startswith(_NUMBERS) else "---" for kind in answer.types]
    out.write(_md_line(marks))
    for part in _limited(answer.rows(), max_rows):
        for row in part:
            out.write(_md_line([_text(value) for value in row]))


def _arrow(answer: Rows, max_rows: int | None) -> None:
    import pyarrow as pa

    with pa.ipc.new_stream(sys.stdout.buffer, answer.schema()) as sink:
        for batch in _limited_batches(answer.batches(), max_rows):
            sink.write_batch(batch)


def _parquet(answer: Rows, max_rows: int | None) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(sys.stdout.buffer, answer.schema(), compression="zstd") as sink:
        for batch in _limited_batches(answer.batches(), max_rows):
            sink.write_batch(batch)


def _for_people(name: str, kind: str) -> Callable[[Any], str]:
    """Choose how a column is shown, by the rule that its name carries its unit."""
    if not kind.startswith(_NUMBERS):
        return _text
    last = name.rpartition("_")[2]
    fallback = _short if kind in {"DOUBLE", "FLOAT"} else str
    return _BY_LAST_WORD.get(last, fallback)


def _short(value: float) -> str:
    return f"{value:.6g}"


def _length(value: float) -> str:
    return "open" if value == -1 else format_ns(value)


def _instant(value: float) -> str:
    """Show an instant: short where it is small, else in seconds without loss of the µs."""
    return format_ns(value) if abs(value) < _LATE_NS else f"{value / 1e9:.6f} s"


_BY_LAST_WORD: dict[str, Callable[[Any], str]] = {
    "ts": _instant,
    "dur": _length,
    "bytes": format_bytes,
    "ratio": format_ratio,
}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | dict | tuple):
        return json.dumps(_plain(value), ensure_ascii=False, default=str)
    return str(value)


def _plain(value: Any) -> Any:
    """Give a value that JSON can hold: no NaN, no infinity, bytes as hex."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _md_line(cells: Sequence[str]) -> str:
    safe = (cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(safe)} |\n"


def _unique(names: Sequence[str]) -> list[str]:
    """Give names of which none repeats: the second `a` is `a_2`."""
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return out


def _limited(
    parts: Iterable[list[tuple[Any, ...]]], most: int | None
) -> Iterator[list[tuple[Any, ...]]]:
    left = most
    for part in parts:
        if left is None:
            yield part
            continue
        yield part[:left]
        left -= min(left, len(part))
        if left == 0:
            return


def _limited_batches(batches: Iterable[pa.RecordBatch], most: int | None) -> Iterator[Any]:
    left = most
    for batch in batches:
        if left is None:
            yield batch
            continue
        yield batch.slice(0, left)
        left -= min(left, batch.num_rows)
        if left == 0:
            return
