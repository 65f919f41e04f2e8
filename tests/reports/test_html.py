from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import time
from html.parser import HTMLParser

import made_results
import pyarrow as pa
import pytest

from traceql.model.result import Exhibit, Result
from traceql.reports.html import Html

MOST_BYTES = 5_000_000
VOID = {"meta", "input", "br", "img", "link", "hr"}


class Page(HTMLParser):
    """A page as a browser's parser would see it."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        inside = self.open[-1] if self.open else ""
        if inside == "script":
            self.scripts[-1] += data
        elif inside == "style":
            self.styles.append(data)
        else:
            self.text.append(data)


def page_of(results: list[Result]) -> tuple[str, Page]:
    sink = io.BytesIO()
    Html().write(results, sink)
    text = sink.getvalue().decode()
    page = Page(text)
    assert not page.open, f"never closed: {page.open}"
    return text, page


CASES = {
    "none": list,
    "small": made_results.small,
    "usual": made_results.usual,
    "hostile": made_results.hostile,
}


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_loaded_from_anywhere(case: str) -> None:
    _, page = page_of(CASES[case]())
    assert not {tag for tag, _ in page.tags} & {"link", "iframe", "object", "embed", "img", "base"}
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in {"src", "srcset", "action", "data", "poster", "formaction"}:
                raise AssertionError((tag, name, value))
            if name == "href":
                assert value is not None
                assert value.startswith("#")
    styles = "".join(page.styles)
    assert "url(" not in styles
    assert "@import" not in styles
    policy = next(a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "http" not in policy


@pytest.mark.parametrize("case", CASES)
def test_only_our_own_scripts_run_and_the_policy_names_them(case: str) -> None:
    _, page = page_of(CASES[case]())
    policy = next(a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a)
    assert policy is not None
    kinds = [a.get("type") for t, a in page.tags if t == "script"]
    code = [s for s, kind in zip(page.scripts, kinds, strict=True) if kind is None]
    assert len(code) == policy.count("'sha256-")
    for script in code:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "alert(1)" not in "".join(code)


def test_hostile_names_are_text_and_nothing_else() -> None:
    text, page = page_of(made_results.hostile())
    shown = "".join(page.text)
    assert "</script><script>alert(1)</script>" in shown
    assert "\"><img src=x onerror='alert(1)'>" in shown
    assert "{{ 7*7 }}" in shown
    assert "<script>alert" not in text
    assert "n" * 3000 not in re.sub(r"<pre.*?</pre>", "", text, flags=re.DOTALL)
    assert "[9,760 more]" in shown


def test_chart_data_cannot_leave_its_element_and_is_json() -> None:
    _, page = page_of(made_results.hostile())
    kinds = [a.get("type") for t, a in page.tags if t == "script"]
    data = page.scripts[kinds.index("application/json")]
    assert not set("<>&") & set(data)
    charts = json.loads(data)
    assert {c["form"] for c in charts} == {"bars", "flame", "histogram"}
    assert "</script><script>alert(1)</script>" in charts[0]["labels"]


def test_every_chart_has_a_place_and_every_place_a_chart() -> None:
    _, page = page_of(made_results.usual())
    places = [a["data-chart"] for _, a in page.tags if "data-chart" in a]
    kinds = [a.get("type") for t, a in page.tags if t == "script"]
    charts = json.loads(page.scripts[kinds.index("application/json")])
    assert [str(i) for i in range(len(charts))] == places
    assert [c["form"] for c in charts] == ["timeline", "bars", "flame", "histogram", "line"]


def test_text_tables_and_findings_need_no_script() -> None:
    _, page = page_of(made_results.usual())
    shown = " ".join(page.text)
    for finding in made_results.findings():
        assert finding.message in shown
        assert finding.evidence_sql in shown
    assert "5 findings: 1 critical, 1 high, 1 medium, 1 low, 1 info." in shown
    assert "1 of 5 analyses could not look" in shown
    assert shown.index("GPU 0 is idle") < shown.index("What the trace holds")
    assert shown.count("volta_sgemm_128x64_nn") >= 3


def test_it_is_readable_by_ear() -> None:
    _, page = page_of(made_results.usual())
    assert ("html", {"lang": "en"}) in page.tags
    heads = [a for t, a in page.tags if t == "th"]
    assert heads
    assert all(a.get("scope") == "col" for a in heads)
    assert all(a.get("aria-label") for _, a in page.tags if a.get("role") == "img")
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    targets = {a["href"] for t, a in page.tags if t == "a"}
    assert targets <= {f"#{name}" for name in ids}
    levels = [int(t[1]) for t, _ in page.tags if re.fullmatch(r"h[1-6]", t)]
    assert levels[0] == 1
    assert levels.count(1) == 1


def test_two_million_slices_stay_under_five_megabytes_and_quick() -> None:
    results = made_results.large()
    start = time.process_time()
    text, page = page_of(results)
    assert time.process_time() - start < 15
    assert len(text.encode()) < MOST_BYTES
    shown = " ".join(page.text)
    assert "200 of 2,000,000 rows" in shown
    assert "2,850 findings are not on this page" in shown


def test_any_number_of_results_stays_under_five_megabytes() -> None:
    name = "\u00e9" * 5000
    wide = pa.table({f"c{i}": [name] * 300 for i in range(20)})
    results = [
        Result(
            f"analysis.n{i}", (f"{name}{i}",), headline=name, tables={"wide": wide},
            findings=tuple(made_results.finding(f"{name}{i}{k}") for k in range(4)),
            exhibits=(Exhibit("wide", "table", name, note=name),),
        )
        for i in range(300)
    ]  # fmt: skip
    text, _ = page_of(results)
    assert len(text.encode()) < MOST_BYTES
    assert "more results are not shown" in text


def test_a_table_of_one_row_is_a_list_of_facts() -> None:
    _, page = page_of([made_results.summary(2, 3)])
    sheets = [a for t, a in page.tags if t == "dl" and a.get("class") == "sheet"]
    assert len(sheets) == 1
    assert "16.0 GiB" in page.text


def test_a_chart_without_its_columns_is_a_table() -> None:
    table = pa.table({"a": [1, 2], "b": ["x", "y"]})
    _, page = page_of([Result("x", tables={"t": table}, exhibits=(Exhibit("t", "flame", "T"),))])
    assert not [a for _, a in page.tags if "data-chart" in a]
    assert [a for t, a in page.tags if t == "table"]
