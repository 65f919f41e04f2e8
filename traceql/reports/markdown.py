"""Write results as GitHub-flavoured Markdown: findings and tables, for an issue or a pull request.

Charts become the tables they are made of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, ClassVar

from traceql.reports import _cells, _outline
from traceql.reports._text import names, plain

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.result import Exhibit, Finding, Result

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!@$])")
_FENCE = re.compile(r"`{3,}")


@dataclass(frozen=True)
class Markdown:
    """Findings first, then the tables of each analysis, cut to `rows` rows."""

    rows: int = 30
    findings: int = 200
    suffix: ClassVar[str] = ".md"

    def write(self, results: Sequence[Result], sink: BinaryIO) -> None:
        """Write the document in UTF-8."""
        text = "\n".join(self._lines(results))
        sink.write(text.encode("utf-8", "backslashreplace"))
        sink.write(b"\n")

    def _lines(self, results: Sequence[Result]) -> Iterator[str]:
        said = _outline.outline(results)
        yield "# TraceQL report"
        if said.traces:
            yield ""
            yield "Traces: " + escape(names(said.traces, 20))
        yield ""
        yield f"**{said.verdict}**"
        yield ""
        for result in said.looked:
            yield f"- **{escape(result.analysis)}**: {escape(_outline.headline(result))}"
        yield from _blind(said.blind)
        if said.findings:
            yield ""
            yield "## Findings"
            for finding in said.findings[: self.findings]:
                yield from _finding(finding)
            left = len(said.findings) - self.findings
            if left > 0:
                yield ""
                yield f"{left:,} more in the table `finding`."
        for result in said.looked:
            yield from self._result(result)

    def _result(self, result: Result) -> Iterator[str]:
        shown = _outline.exhibits(result)
        if not shown:
            return
        yield ""
        where = names(result.traces)
        yield f"## {escape(result.analysis)}" + (f" · {escape(where)}" if where else "")
        for exhibit in shown:
            yield from self._exhibit(result.tables[exhibit.table], exhibit)

    def _exhibit(self, table: pa.Table, exhibit: Exhibit) -> Iterator[str]:
        yield ""
        yield f"### {escape(plain(exhibit.title))}"
        yield ""
        yield from table_lines(table, self.rows)
        if exhibit.note:
            yield ""
            yield escape(plain(exhibit.note, 1000))


def escape(text: str) -> str:
    """Make a text mean itself in Markdown: no markup, no HTML, no cell border."""
    return _SPECIAL.sub(r"\\\1", text)


def table_lines(table: pa.Table, most: int) -> Iterator[str]:
    """Write a table of at most `most` rows, and how many there are where some are left out."""
    if not table.num_rows or not table.num_columns:
        yield "No rows."
        return
    shown = _cells.columns(table)
    yield "| " + " | ".join(escape(c.label) for c in shown) + " |"
    yield "|" + "|".join("---:" if c.numeric else "---" for c in shown) + "|"
    first = table.slice(0, most)
    cells = [
        [escape(_cells.show(v, c.quantity)) for v in first.column(i).to_pylist()]
        for i, c in enumerate(shown)
    ]
    for row in zip(*cells, strict=True):
        yield "| " + " | ".join(row) + " |"
    if table.num_rows > most:
        yield ""
        yield f"{most:,} of {table.num_rows:,} rows."


def _finding(finding: Finding) -> Iterator[str]:
    yield ""
    yield f"### {finding.severity.name}: {escape(plain(finding.message, 600))}"
    yield ""
    where = f"{finding.analysis}, {finding.kind}, {names(finding.traces)}"
    yield f"- {escape(plain(finding.subject_type))}: {escape(plain(finding.subject))}"
    yield f"- from: {escape(plain(where))}"
    for what, value in _outline.facts(finding):
        yield f"- {what}: {escape(value)}"
    if finding.recommendation:
        yield f"- **To do:** {escape(plain(finding.recommendation, 2000))}"
    yield ""
    longest = max((len(run) for run in _FENCE.findall(finding.evidence_sql)), default=2)
    fence = "`" * (longest + 1)
    yield f"{fence}sql"
    yield finding.evidence_sql
    yield fence


def _blind(blind: Sequence[Result]) -> Iterator[str]:
    if not blind:
        return
    yield ""
    yield "## Could not look"
    yield ""
    for result in blind:
        remedy = f" {escape(plain(result.remedy, 600))}" if result.remedy else ""
        where = f" ({escape(names(result.traces))})" if result.traces else ""
        reason = escape(plain(result.reason, 600))
        yield f"- **{escape(result.analysis)}**{where}: {reason}{remedy}"


PLUGIN = Markdown
