"""SQLite files whose schema is damaged: what is left is read, and the damage is told."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow as pa

from traceql.importers._sqlite.database import Database


def test_a_message_that_is_not_utf8_is_damage_like_any(tmp_path: Path) -> None:
    path = tmp_path / "hurt.sqlite"
    with closing(sqlite3.connect(path)) as base:
        base.executescript(
            "CREATE TABLE kept (id INTEGER); INSERT INTO kept VALUES (7); CREATE TABLE hurt (id);"
        )
    raw = path.read_bytes()
    # SQLite says which table it cannot parse, in the bytes of its name.
    for before, after in ((b"hurthurt", b"\xfcurthurt"), (b"TABLE hurt", b"TABEE hurt")):
        assert raw.count(before) == 1
        raw = raw.replace(before, after)
    path.write_bytes(raw)

    with Database(path) as read:
        assert "kept" in read.tables
        batches = list(read.rows("kept", {"id": pa.int64()}))
        assert [batch["id"].to_pylist() for batch in batches] == [[7]]
        assert [code for code, _, _ in read.damage] == ["sqlite_file"]
