"""The page reader gives what the sqlite3 module gives, on any database, and survives damage."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traceql.errors import CorruptTrace
from traceql.importers._sqlite import Database, database
from traceql.importers._sqlite.pages import PageReader

TYPES = [pa.int64(), pa.float64(), pa.string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())]
DECLARED = ["INTEGER", "REAL", "TEXT", "BLOB", "", "NUMERIC", "INTEGER NOT NULL DEFAULT 7"]

numerals = st.sampled_from(["12", " 7 ", "1e3", "0x10", "-5", "1.5", "9" * 30, "", "naught"])
not_utf8 = st.sampled_from([b"\xff\xfe", b"a\x80", b"\xc3\xa4"])
cell = (
    st.integers(-(2**63), 2**63 - 1) | st.integers(-200, 200) | st.floats() | numerals
    | st.text(max_size=30) | st.binary(max_size=60) | st.binary(min_size=3000, max_size=9000)
    | st.none() | not_utf8
)  # fmt: skip


@st.composite
def scripts(draw: st.DrawFn) -> tuple[list[tuple[str, tuple]], list[str]]:
    """Draw statements that make a table `t` in one of all ways, and its columns."""
    size = draw(st.sampled_from([512, 1024, 4096, 65536]))
    encoding = draw(st.sampled_from(["UTF-8"] * 4 + ["UTF-16le"]))
    vacuum = draw(st.sampled_from(["NONE", "FULL"]))
    done: list[tuple[str, tuple]] = [
        (f"PRAGMA page_size={size}", ()),
        (f"PRAGMA encoding='{encoding}'", ()),
        (f"PRAGMA auto_vacuum={vacuum}", ()),
    ]
    declared = draw(st.lists(st.sampled_from(DECLARED), min_size=1, max_size=4))
    names = [f"c{n}" for n in range(len(declared))]
    columns = [f"{name} {kind}" for name, kind in zip(names, declared, strict=True)]
    form = draw(st.sampled_from(["", "", "alias", "without", "generated"]))
    if form == "generated":
        columns.append("g AS (c0)")
    if form in ("alias", "without"):
        columns.append("k INTEGER PRIMARY KEY")
    tail = " WITHOUT ROWID" if form == "without" else ""
    done.append((f"CREATE TABLE t ({', '.join(columns)}){tail}", ()))
    rows = draw(st.lists(st.tuples(*[cell] * len(names)), max_size=40))
    keys = draw(st.lists(st.integers(-(2**40), 2**40), min_size=len(rows), max_size=len(rows)))
    for key, row in zip(keys, rows, strict=True):
        marks = ", ".join("?" * len(row))
        if form in ("alias", "without"):
            insert = f"INSERT OR IGNORE INTO t ({', '.join(names)}, k) VALUES ({marks}, ?)"
            done.append((insert, (*row, key)))
        else:
            done.append((f"INSERT OR IGNORE INTO t ({', '.join(names)}) VALUES ({marks})", row))
    if form in ("alias", "without"):
        names.append("k")
    if form == "generated":
        names.append("g")
    if draw(st.booleans()):
        default = draw(st.sampled_from(["", " DEFAULT 3", " DEFAULT 'new'"]))
        done.append((f"ALTER TABLE t ADD COLUMN late{default}", ()))
        names.append("late")
    if draw(st.booleans()):
        done.append((f"DELETE FROM t WHERE length(c0) % {draw(st.integers(2, 4))} = 0", ()))
    if draw(st.booleans()):
        done.append(("VACUUM", ()))
    return done, names


@contextmanager
def made(statements: list[tuple[str, tuple]]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "base.sqlite"
        with closing(sqlite3.connect(path, isolation_level=None)) as base:
            base.execute("PRAGMA synchronous=OFF")
            for statement, values in statements:
                base.execute(statement, values)
        yield path


def read(path: Path, columns: dict[str, pa.DataType], small_bytes: int, batch_rows: int = 1 << 16):
    with mock.patch.object(database, "SMALL_BYTES", small_bytes), Database(path) as base:
        batches = list(base.rows("t", columns, batch_rows=batch_rows))
        assert all(0 < batch.num_rows <= batch_rows for batch in batches)
        schema = pa.schema(columns)
        whole = pa.Table.from_batches([b.cast(schema) for b in batches], schema)
        return whole.to_pydict(), sorted(base.damage)


@settings(max_examples=150)
@given(scripts(), st.data())
def test_pages_give_what_sqlite_gives(script, data) -> None:
    statements, names = script
    types = {name: data.draw(st.sampled_from(TYPES)) for name in names}
    types = dict(data.draw(st.permutations(list(types.items()))))
    types["absent"] = pa.string()
    with made(statements) as path:
        fast = read(path, types, 0, data.draw(st.sampled_from([1, 7, 1 << 16])))
        assert fast == read(path, types, 1 << 40)


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(), cell).map(lambda row: (row[0] % 2**50, row[1])), min_size=1,
             max_size=60),
    st.lists(st.tuples(st.integers(1, 2**24), st.integers(0, 255)), max_size=6),
    st.integers(0, 3000),
)  # fmt: skip
def test_damage_is_told_and_takes_no_other_page(rows, flips, cut) -> None:
    statements = [("PRAGMA page_size=512", ()), ("CREATE TABLE t (a, b)", ())]
    statements += [("INSERT INTO t VALUES (?, ?)", row) for row in rows]
    types = {"a": pa.int64(), "b": pa.binary()}
    with made(statements) as path:
        whole = path.read_bytes()
        sound = len(read(path, types, 1 << 40)[0]["a"])
        hurt = bytearray(whole[: max(1024, len(whole) - cut)] if flips else whole)
        for at, value in flips:
            if len(hurt) > 1024:  # the schema and the root stay
                hurt[1024 + at % (len(hurt) - 1024)] = value
        path.write_bytes(hurt)
        found, damage = read(path, types, 0)
        assert len(found["a"]) <= max(sound, len(hurt))
        if bytes(hurt) == whole:
            assert len(found["a"]) == sound
            assert all(code != "sqlite_page" for code, _, _ in damage)
        elif len(hurt) < len(whole) and len(found["a"]) < sound:
            assert damage


def test_a_damaged_page_costs_its_own_rows_only() -> None:
    statements = [("PRAGMA page_size=1024", ()), ("CREATE TABLE t (n INTEGER)", ())]
    numbers = "WITH RECURSIVE s(n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM s LIMIT 20000)"
    statements.append((f"{numbers} INSERT INTO t SELECT n FROM s", ()))
    with made(statements) as path:
        raw = bytearray(path.read_bytes())
        number = len(raw) // 1024 // 2
        assert raw[number * 1024] == 13
        raw[number * 1024 + 8 : number * 1024 + 10] = b"\xff\xff"  # its first cell lies outside
        path.write_bytes(raw)
        for small_bytes in (0, 1 << 40):
            found, damage = read(path, {"n": pa.int64()}, small_bytes)
            missing = sorted(set(range(20000)) - set(found["n"]))
            assert missing == list(range(missing[0], missing[-1] + 1))
            assert 0 < len(missing) < 300
            assert found["n"] == sorted(found["n"])
            assert [(code, at) for code, at, _ in damage] == [("sqlite_page", number * 1024)]


def test_a_log_beside_the_file_is_read_with_it(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as base:
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("CREATE TABLE t (a)")
        base.execute("INSERT INTO t VALUES (1)")
        with mock.patch.object(PageReader, "rows", side_effect=AssertionError):
            assert read(path, {"a": pa.int64()}, 0)[0] == {"a": [1]}


@pytest.mark.parametrize("small_bytes", [0, 1 << 40])
def test_reserved_bytes_are_not_read(tmp_path: Path, small_bytes: int) -> None:
    path = tmp_path / "reserved.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as base:
        base.execute("PRAGMA page_size=512")
        base.execute("CREATE TABLE t (a INTEGER, b TEXT)")
    # Only an empty file can be given reserved bytes without SQLite's own interface for it.
    raw = bytearray(path.read_bytes())
    usable = 512 - 32
    raw[20] = 32
    schema = raw[100 + 5 : 100 + 7]
    start = int.from_bytes(schema, "big")
    content = bytes(raw[start:512])
    raw[start - 32 : 512] = content + bytes(32)
    raw[105:107] = (start - 32).to_bytes(2, "big")
    raw[108:110] = (int.from_bytes(raw[108:110], "big") - 32).to_bytes(2, "big")
    raw[512 + 5 : 512 + 7] = usable.to_bytes(2, "big")
    path.write_bytes(raw)
    with closing(sqlite3.connect(path, isolation_level=None)) as base:
        base.execute("PRAGMA synchronous=OFF")
        rows = [(n, "x" * (n * 37 % 1500)) for n in range(200)]
        base.executemany("INSERT INTO t VALUES (?, ?)", rows)
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    found, damage = read(path, {"a": pa.int64(), "b": pa.string()}, small_bytes)
    assert list(zip(found["a"], found["b"], strict=True)) == rows
    assert damage == []


def whole(path: Path, table: str, columns: list[str], small_bytes: int) -> tuple:
    """Give a table of a file, and what was wrong with it."""
    with mock.patch.object(database, "SMALL_BYTES", small_bytes), Database(path) as base:
        batches = list(base.rows(table, columns))
        return pa.Table.from_batches(batches) if batches else None, sorted(base.damage)


def test_real_files_are_read_alike(shared: Path) -> None:
    seen = 0
    for path in sorted((shared / "traces").rglob("*")):
        if not path.is_file() or path.suffix not in {".sqlite", ".db", ".rpd"}:
            continue
        if path.read_bytes()[:16] != database.MAGIC:
            continue
        with Database(path) as base:
            listed = {name: [c.name for c in columns] for name, columns in base.tables.items()}
        fast, slow = ([whole(path, t, c, n) for t, c in listed.items()] for n in (0, 1 << 40))
        assert fast == slow, path
        seen += 1
    assert seen


def test_a_file_that_is_cut_while_it_is_read_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "cut.sqlite"
    with closing(sqlite3.connect(path)) as base, base:
        base.execute("CREATE TABLE t (a TEXT)")
        base.executemany("INSERT INTO t VALUES (?)", [("x" * 900,)] * 3000)
    with mock.patch.object(database, "SMALL_BYTES", 0), Database(path) as base:
        batches = base.rows("t", {"a": pa.string()}, batch_rows=100)
        next(batches)
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)
        with pytest.raises(CorruptTrace, match="while it was read"):
            list(batches)
