"""Law 4 for errors: the tree on top of the module is the tree there is."""

from __future__ import annotations

import pickle
import re

from traceql import errors

CLASSES = {
    name: cls
    for name, cls in vars(errors).items()
    if isinstance(cls, type) and issubclass(cls, errors.TraceQLError)
}


def test_tree_names_every_class_and_no_other() -> None:
    tree = errors.__doc__.split("A class takes facts")[0]
    named = set(re.findall(r"\b[A-Z][a-z]+[A-Za-z]*(?:Error|[A-Z][a-z]+)\b", tree))

    assert named == set(CLASSES)


def test_exit_codes_are_those_of_the_tree() -> None:
    codes = {"InputError": 2, "StoreError": 3, "QueryError": 4, "AnalysisError": 5}
    for name, cls in CLASSES.items():
        family = next((f for f in codes if issubclass(cls, CLASSES[f])), None)
        assert cls.exit_code == (codes[family] if family else 70), name


def test_messages_say_what_where_and_what_to_do() -> None:
    assert "byte 17" in str(errors.CorruptTrace("a.json", 17, "not JSON"))
    assert str(errors.CorruptTrace("a", 0, "no \x1b[1mB\nC")) == "a: no  [1mB C (byte 0)."
    assert "--as json" in str(errors.AmbiguousFormat("a", ["json", "csv"]))
    assert "pip install 'traceql[pandas]'" in str(errors.MissingExtra("pandas", "df()"))
    assert "traceql ingest" in str(errors.StoreNotFound("s"))


def test_errors_cross_to_another_process_whole() -> None:
    error = pickle.loads(pickle.dumps(errors.CorruptTrace("a.json", 17, "not JSON")))

    assert type(error) is errors.CorruptTrace
    assert (str(error), error.offset) == ("a.json: not JSON (byte 17).", 17)
