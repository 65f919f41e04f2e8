"""Markdown, JSON and terminal."""

from __future__ import annotations

import io
import json
import re

import jsonschema
import made_results
import pyarrow as pa
import pytest

from traceql.model import resources, tables
from traceql.model.result import Exhibit, Result
from traceql.reports.json import Json
from traceql.reports.markdown import Markdown, escape
from traceql.reports.terminal import Terminal


def text_of(report, results) -> str:
    sink = io.BytesIO()
    report.write(results, sink)
    return sink.getvalue().decode()


class Tty(io.BytesIO):
    def isatty(self) -> bool:
        return True


def test_json_keeps_everything_exact() -> None:
    results = made_results.usual()
    document = json.loads(text_of(Json(), results))
    assert document["traceql_report"] == 1
    assert [r["analysis"] for r in document["results"]] == [r.analysis for r in results]
    first = document["results"][0]
    assert first["parameters"] == {"gap_dur": 1000, "limit": None}
    assert first["tables"]["device"]["idle_dur"] == [1_320_000_000, None]
    assert first["tables"]["power"]["ts"][0] == made_results.START
    assert first["findings"][0]["ts"] == made_results.START + 5_000_000
    assert [f["finding_id"] for f in first["findings"]] == [
        f.finding_id for f in made_results.findings()
    ]
    assert first["exhibits"][1]["roles"] == {"x": "ts", "y": "power_w", "series": "device"}
    assert document["results"][-1]["status"] == "abstained"


def test_json_numbers_that_json_lacks_are_null() -> None:
    table = pa.table(
        {"x": [float("nan"), float("inf"), 2**63 - 1.0], "n": [2**63 - 1, -(2**63), 0]}
    )
    got = json.loads(text_of(Json(), [Result("a", tables={"t": table})]))["results"][0]["tables"][
        "t"
    ]
    assert got == {"x": [None, None, 2**63], "n": [2**63 - 1, -(2**63), 0]}


def test_json_of_hostile_names_gives_them_back() -> None:
    got = json.loads(text_of(Json(), made_results.hostile()))
    assert got["results"][0]["traces"] == list(made_results.HOSTILE)


def test_json_follows_its_schema() -> None:
    schema = json.loads((resources.schemas() / "result.schema.json").read_text())
    for results in (made_results.usual(), made_results.hostile()):
        document = json.loads(text_of(Json(), results))
        jsonschema.validate(document, schema)
        for result in document["results"]:
            jsonschema.validate(result, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"traceql_report": 1, "results": [{}]}, schema)
    columns = {column.name for column in tables.table("finding").columns}
    assert set(schema["$defs"]["finding"]["properties"]) == columns


def test_markdown_tables_have_as_many_cells_in_every_row() -> None:
    text = text_of(Markdown(), made_results.hostile())
    outside = re.sub(r"^(`{3,})sql\n.*?\n\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    blocks = re.findall(r"(?:^\|.*\n)+", outside, flags=re.MULTILINE)
    assert len(blocks) == 4
    for block in blocks:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1
    assert "<script" not in re.sub(r"\\<", "", outside)


def test_markdown_evidence_cannot_end_its_fence() -> None:
    finding = made_results.finding(evidence_sql="SELECT '\n```\n# heading\n`````' ")
    text = text_of(Markdown(), [Result("x", findings=(finding,))])
    assert "\n``````sql\nSELECT" in text
    assert text.rstrip().endswith("\n``````")


def test_markdown_escapes() -> None:
    assert escape("a|b*c_d`<x>[y](z)") == r"a\|b\*c\_d\`\<x\>\[y\](z)"


def test_markdown_says_how_many_rows_are_left_out() -> None:
    table = pa.table({"n": list(range(99))})
    text = text_of(
        Markdown(rows=7), [Result("x", tables={"t": table}, exhibits=(Exhibit("t", "table", "T"),))]
    )
    assert "7 of 99 rows." in text
    assert text.count("\n| ") == 8


def test_terminal_has_colour_only_on_a_terminal(monkeypatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" not in text_of(Terminal(), made_results.usual())
    tty = Tty()
    Terminal(width=90).write(made_results.usual(), tty)
    assert b"\x1b[" in tty.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    tty = Tty()
    Terminal(width=90).write(made_results.usual(), tty)
    assert b"\x1b[" not in tty.getvalue()


@pytest.mark.parametrize("width", [40, 80, 132])
def test_terminal_keeps_its_width_and_cuts_no_number(width: int) -> None:
    from rich.cells import cell_len

    for results in (made_results.usual(), made_results.hostile()):
        text = text_of(Terminal(width=width), results)
        assert max(cell_len(line) for line in text.splitlines()) <= width
        assert not re.search(r"\d…", text.replace("_", "").split("Where time")[0])


def test_terminal_takes_brackets_for_brackets() -> None:
    text = text_of(Terminal(width=200), made_results.hostile())
    assert "[bold]markup[/bold]" in text
    assert "\\x1b[31mred" in text


def test_terminal_puts_findings_before_tables_and_names_what_is_missing() -> None:
    text = text_of(Terminal(width=100), made_results.usual())
    assert text.startswith("5 findings: 1 critical")
    assert text.index("is idle for") < text.index("Where time goes") < text.index("Could not look")
    assert "no room for self_ratio" in text
