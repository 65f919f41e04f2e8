"""Write results for a terminal: findings first, then the heads of the tables.

Colour only on a terminal, and not with $NO_COLOR; as wide as the terminal, or as 100 columns.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, ClassVar

from traceql.reports import _cells, _outline
from traceql.reports._text import names, plain

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import Console

    from traceql.model.result import Finding, Result

_COLOURS = {
    "critical": "bold red",
    "high": "red",
    "medium": "yellow",
    "low": "cyan",
    "info": "dim",
}
_WIDTH = 100
_SEVERITY_WIDTH = 8
_NAME_WIDTH = 24
_GAP = 3


@dataclass(frozen=True)
class Terminal:
    """Text for people in front of a terminal.

    `width`: columns; 0 is that of the terminal. `rows`: most rows of a table.
    """

    width: int = 0
    rows: int = 10
    findings: int = 20
    suffix: ClassVar[str] = ".txt"

    def write(self, results: Sequence[Result], sink: BinaryIO) -> None:
        """Write UTF-8 text; with colour codes only where `sink` is a terminal."""
        from rich.console import Console

        terminal = sink.isatty()
        colour = terminal and not os.environ.get("NO_COLOR")
        text = io.StringIO()
        console = Console(
            file=text,
            force_terminal=colour,
            color_system="standard" if colour else None,
            width=self.width or (shutil.get_terminal_size().columns if terminal else _WIDTH),
            highlight=False,
            legacy_windows=False,
        )
        self._print(results, console)
        lines = (line.rstrip() for line in text.getvalue().splitlines())
        sink.write("\n".join(lines).encode("utf-8", "backslashreplace") + b"\n")

    def _print(self, results: Sequence[Result], console: Console) -> None:
        from rich.text import Text

        said = _outline.outline(results)
        console.print(Text(said.verdict, "bold"))
        for finding in said.findings[: self.findings]:
            _finding(finding, console)
        left = len(said.findings) - self.findings
        if left > 0:
            console.print(Text(f"\n{left:,} more findings in the table `finding`."))
        for result in said.looked:
            self._result(result, console)
        if said.blind:
            console.print(Text("\nCould not look", "bold"))
        for result in said.blind:
            reason = f"{result.reason.rstrip('.')}."
            console.print(_hanging(f"{result.analysis}: {reason} {result.remedy}"))

    def _result(self, result: Result, console: Console) -> None:
        from rich.text import Text

        console.print()
        title = Text.assemble(
            (plain(result.analysis), "bold"), (f"  {names(result.traces)}", "dim")
        )
        console.print(title)
        console.print(Text(_outline.headline(result)))
        shown = _outline.exhibits(result)
        tables = {exhibit.table for exhibit in shown if exhibit.form == "table"}
        for exhibit in shown:
            # A flame or a timeline says nothing as rows; bars would say a table twice.
            if exhibit.form != "table" and (exhibit.form != "bars" or exhibit.table in tables):
                continue
            console.print()
            console.print(Text(plain(exhibit.title), "italic"))
            _table(result.tables[exhibit.table], self.rows, console)


def _finding(finding: Finding, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    name = finding.severity.name
    lines = Table.grid(padding=(0, 1))
    lines.add_column(width=_SEVERITY_WIDTH, no_wrap=True)
    lines.add_column(overflow="fold")
    lines.add_row(Text(name.upper(), _COLOURS[name]), Text(plain(finding.message, 300)))
    numbers = " · ".join(f"{what} {value}" for what, value in _outline.facts(finding))
    lines.add_row("", Text(f"{plain(finding.analysis)} · {numbers}", "dim"))
    if finding.recommendation:
        lines.add_row("", Text(f"→ {plain(finding.recommendation, 600)}"))
    console.print()
    console.print(lines)


def _hanging(text: str) -> object:
    from rich.padding import Padding
    from rich.text import Text

    return Padding(Text(plain(text, 1000)), (0, 0, 0, 2))


def _table(table: pa.Table, rows: int, console: Console) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not table.num_rows or not table.num_columns:
        console.print(Text("no rows", "dim"))
        return
    shown = _cells.columns(table)
    first = table.slice(0, rows)
    cells = [
        [_cells.show(v, c.quantity, 120) for v in first.column(i).to_pylist()]
        for i, c in enumerate(shown)
    ]
    if table.num_rows == 1:
        said = (f"{c.label} {texts[0]}" for c, texts in zip(shown, cells, strict=True) if texts[0])
        console.print(_hanging(" · ".join(said)))
        return
    widths = _widths(shown, cells, console.width)
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column, width in zip(shown, widths, strict=False):
        drawn.add_column(
            Text(column.label),
            justify="right" if column.numeric else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=width,
        )
    for row in zip(*cells[: len(widths)], strict=True):
        drawn.add_row(*(Text(text) for text in row))
    console.print(drawn)
    _left_out(table, rows, [c.name for c in shown[len(widths) :]], console)


def _left_out(table: pa.Table, rows: int, columns: Sequence[str], console: Console) -> None:
    from rich.text import Text

    said = []
    if table.num_rows > rows:
        said.append(f"{rows:,} of {table.num_rows:,} rows")
    if columns:
        said.append(f"no room for {', '.join(columns)}")
    if said:
        console.print(Text("; ".join(said), "dim"))


def _widths(shown: Sequence[_cells.Shown], cells: Sequence[Sequence[str]], width: int) -> list[int]:
    """Give the width of each column that fits; names are cut, numbers never, columns at the end go.

    What room is left after every column's least goes to the names, the first ones first.
    """
    from rich.cells import cell_len

    wanted = [
        max([cell_len(column.label), *map(cell_len, texts)])
        for column, texts in zip(shown, cells, strict=True)
    ]
    least = [
        full if column.numeric else min(full, _NAME_WIDTH)
        for column, full in zip(shown, wanted, strict=True)
    ]
    fitting = len(least)
    while fitting > 1 and sum(least[:fitting]) + _GAP * (fitting - 1) > width:
        fitting -= 1
    widths = least[:fitting]
    room = width - sum(widths) - _GAP * (fitting - 1)
    for place, full in enumerate(wanted[:fitting]):
        more = max(0, min(room, full - widths[place]))
        widths[place] += more
        room -= more
    return widths


PLUGIN = Terminal
