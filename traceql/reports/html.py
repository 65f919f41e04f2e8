"""Write results as one HTML file that needs nothing else: no network, no server, no other file.

Text, tables and findings need no JavaScript; charts do, and the numbers of each stand below it.
The file's own policy forbids loading anything and running any script but the report's, so a
trace's names cannot become code even if an escape were missed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from traceql.reports import _cells, _outline
from traceql.reports._charts import Bounds, Chart, chart
from traceql.reports._text import names, plain

if TYPE_CHECKING:
    import jinja2
    import pyarrow as pa

    from traceql.model.result import Exhibit, Finding, Result

_HERE = Path(__file__).parent
_MOST_BYTES = 4_800_000
_TIGHTER = 0.4
_ROUNDS = 8
_FEW = 6
_CELL_BYTES = 30
_LONGEST_SQL = 8000
_LEAST_DRAWN = 0.0006


@dataclass(frozen=True)
class _Limits:
    """The most that the page holds; tightened until the file is small enough."""

    rows: int = 200
    numbers: int = 40
    findings: int = 150
    results: int = 400
    sql: int = _LONGEST_SQL
    characters: int = 240
    bounds: Bounds = field(default_factory=Bounds)

    def tighter(self) -> _Limits:
        """Give limits `_TIGHTER` as wide; a few of everything always stay."""
        values = {
            name: max(_FEW, int(most * _TIGHTER))
            for name, most in vars(self).items()
            if name not in {"bounds", "characters"}
        }
        characters = max(60, self.characters // 2)
        return replace(self, **values, characters=characters, bounds=self.bounds.scaled(_TIGHTER))


@dataclass(frozen=True)
class Html:
    """One self-contained page, under 5 MB whatever the results."""

    title: str = "TraceQL report"
    suffix: ClassVar[str] = ".html"

    def write(self, results: Sequence[Result], sink: BinaryIO) -> None:
        """Write the page in UTF-8; what does not fit is cut, and said to be."""
        template = _environment().get_template("page.html")
        limits = _Limits()
        while _least_bytes(results, limits) > _MOST_BYTES and limits.rows > _FEW:
            limits = limits.tighter()
        for _ in range(_ROUNDS):
            page = template.render(title=plain(self.title), **_page(results, limits))
            content = page.encode("utf-8", "backslashreplace")
            if len(content) <= _MOST_BYTES:
                break
            limits = limits.tighter()
        sink.write(content)


def _least_bytes(results: Sequence[Result], limits: _Limits) -> int:
    """Estimate the page from below, so that no page is rendered that is far too large."""
    cells = 0
    for result in results[: limits.results]:
        for exhibit in _outline.exhibits(result):
            table = result.tables[exhibit.table]
            if exhibit.form == "table":
                cells += min(table.num_rows, limits.rows) * table.num_columns
    return _CELL_BYTES * cells


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates", encoding="utf-8"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        lstrip_blocks=True,
    )


def _page(results: Sequence[Result], limits: _Limits) -> dict[str, Any]:
    said = _outline.outline(results)
    looked = said.looked[: limits.results]
    charts: list[Chart] = []
    many = len(said.traces) > 1
    return {
        "traces": [plain(name, limits.characters) for name in said.traces[: limits.results]],
        "trace_count": len(said.traces),
        "verdict": said.verdict,
        "severities": said.severities,
        "findings": [_finding(f, limits) for f in said.findings[: limits.findings]],
        "finding_count": len(said.findings),
        "looked": [_headline(r, many=many) for r in looked],
        "looked_count": len(said.looked),
        "blind": [_blind(r) for r in said.blind[: limits.results]],
        "blind_count": len(said.blind),
        "sections": _sections(looked, charts, limits, many=many),
        "charts": _json_in_html(charts) if charts else None,
        **_assets(with_charts=bool(charts)),
    }


def _headline(result: Result, *, many: bool) -> dict[str, Any]:
    return {
        "analysis": plain(result.analysis),
        "anchor": _anchor(result.analysis),
        "traces": names(result.traces) if many else "",
        "text": _outline.headline(result),
        "status": result.status,
        "linked": bool(_outline.exhibits(result)),
    }


def _blind(result: Result) -> dict[str, str]:
    return {
        "analysis": plain(result.analysis),
        "traces": names(result.traces),
        "reason": plain(result.reason, 1000),
        "remedy": plain(result.remedy, 1000),
    }


def _finding(finding: Finding, limits: _Limits) -> dict[str, Any]:
    sql = finding.evidence_sql
    if len(sql) > limits.sql:
        # The id is a hash of ours: hexadecimal digits.
        sql = f"SELECT evidence_sql FROM finding WHERE finding_id = '{finding.finding_id}'"  # noqa: S608
    return {
        "id": finding.finding_id,
        "severity": finding.severity.name,
        "message": plain(finding.message, 600),
        "analysis": plain(finding.analysis),
        "kind": plain(finding.kind),
        "subject": plain(finding.subject, limits.characters),
        "subject_type": plain(finding.subject_type),
        "traces": names(finding.traces),
        "facts": _outline.facts(finding),
        "recommendation": plain(finding.recommendation or "", 2000),
        "sql": sql.replace("\x00", "\u2400"),
    }


def _sections(
    results: Sequence[Result], charts: list[Chart], limits: _Limits, *, many: bool
) -> list[dict[str, Any]]:
    """Give one section per analysis; charts are appended to `charts`, exhibits keep their place."""
    sections: dict[str, dict[str, Any]] = {}
    for result in results:
        shown = [_exhibit(result, e, charts, limits) for e in _outline.exhibits(result)]
        if not shown:
            continue
        section = sections.setdefault(
            result.analysis,
            {
                "analysis": plain(result.analysis),
                "anchor": _anchor(result.analysis),
                "parts": [],
            },
        )
        section["parts"].append(
            {
                "traces": names(result.traces) if many else "",
                "headline": _outline.headline(result),
                "exhibits": shown,
            }
        )
    return list(sections.values())


def _exhibit(
    result: Result, exhibit: Exhibit, charts: list[Chart], limits: _Limits
) -> dict[str, Any]:
    table = result.tables[exhibit.table]
    made = chart(table, exhibit, limits.bounds)
    if made is not None:
        charts.append(made)
    single = made is None and table.num_rows == 1 and table.num_columns > 2
    return {
        "title": plain(exhibit.title),
        "note": plain(exhibit.note, 1000),
        "form": exhibit.form if made else "table",
        "chart": None if made is None else len(charts) - 1,
        "height": 0 if made is None else _height(made),
        "single": single,
        "table": _table(table, limits.rows if made is None else limits.numbers, limits),
        "name": plain(exhibit.table),
        "sql": plain(result.sql.get(exhibit.table, ""), limits.sql),
    }


def _table(table: pa.Table, most: int, limits: _Limits) -> dict[str, Any]:
    """Give the shown columns and rows; a cell is its text and, for numbers, its value."""
    shown = _cells.columns(table)
    first = table.slice(0, most)
    cells = []
    for place, column in enumerate(shown):
        values = first.column(place).to_pylist()
        texts = [_cells.show(v, column.quantity, limits.characters) for v in values]
        keys = values if column.numeric else [None] * len(values)
        cells.append(list(zip(texts, keys, strict=True)))
    return {
        "columns": shown,
        "rows": list(zip(*cells, strict=True)) if cells else [],
        "count": table.num_rows,
        "left_out": table.num_rows - first.num_rows,
    }


def _height(made: Chart) -> int:
    """Reserve the height of a chart in CSS pixels, so that the page does not jump."""
    match made["form"]:
        case "bars":
            return 34 + 24 * len(made["labels"])
        case "timeline":
            return 96 + 24 * len(made["lanes"])
        case "flame":
            return 36 + 19 * min(40, _depth(made["nodes"]) + 1)
        case _:
            return 300


def _depth(nodes: Sequence[Sequence[Any]]) -> int:
    """Count the levels of boxes that are wide enough to be drawn."""
    total = sum(value or 0 for parent, _, value, *_ in nodes if parent < 0)
    depths: list[int] = []
    drawn = 0
    for parent, _, value, *_ in nodes:
        depths.append(1 if parent < 0 else depths[parent] + 1)
        if (value or 0) > _LEAST_DRAWN * total:
            drawn = max(drawn, depths[-1])
    return drawn


def _anchor(name: str) -> str:
    return "a-" + re.sub(r"[^a-zA-Z0-9]+", "-", name)[:80]


def _json_in_html(value: Any) -> Any:
    """Write JSON that can neither end its script element nor start another."""
    from markupsafe import Markup

    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 (nothing that HTML reads is left in it)


@cache
def _assets(*, with_charts: bool) -> dict[str, Any]:
    """Give style and scripts as they stand, and the policy that lets only these run."""
    from markupsafe import Markup

    folder = _HERE / "assets"
    style = (folder / "report.css").read_text("utf-8")
    names = ("echarts.min.js", "report.js") if with_charts else ("report.js",)
    scripts = [(folder / name).read_text("utf-8").strip() for name in names]
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'"
        for s in scripts
    )
    return {
        "style": Markup(style),  # noqa: S704 (our own file)
        "scripts": [Markup(s) for s in scripts],  # noqa: S704 (our own files)
        "policy": f"default-src 'none'; style-src 'unsafe-inline'; script-src {hashes}; "
        "img-src data:; base-uri 'none'; form-action 'none'",
    }


PLUGIN = Html
