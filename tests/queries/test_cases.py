"""Every macro has a case: SQL, a line of dashes, the CSV it gives.

`tests/queries/<module's folder>/<module>/<object>.case`. A case is run over the first trace of
tests/query/full_traces.py; most make their own data with VALUES.
"""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "query"))
from full_traces import full_rows_of
from store_builder import BuiltStore, build

from traceql.query import library
from traceql.query.session import Session

HERE = Path(__file__).resolve().parent
CASES = sorted(HERE.rglob("*.case"))


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("cases")
    with Session([build(root, "a", full_rows_of(0), 0)], store=BuiltStore(root)) as opened:
        yield opened


def as_csv(answer) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(answer.columns)
    for row in answer.fetchall():
        writer.writerow("" if v is None else str(v).lower() if v in (True, False) and
                        isinstance(v, bool) else v for v in row)  # fmt: skip
    return out.getvalue()


@pytest.mark.parametrize("path", CASES, ids=lambda p: str(p.relative_to(HERE)))
def test_case(session: Session, path: Path) -> None:
    sql, dashes, expected = path.read_text(encoding="utf-8").partition("\n----\n")

    assert dashes, "a case is SQL, a line ----, CSV"
    assert as_csv(session.sql(sql)) == expected


MACROS = [o for o in library.objects().values() if o.kind != "view" and not o.is_private]


@pytest.mark.parametrize("item", MACROS, ids=lambda o: o.name)
def test_every_macro_has_a_case(item: library.Object) -> None:
    assert (HERE.joinpath(*item.module.split(".")) / f"{item.name}.case").is_file()
