"""Opening inputs: packings by content, damage, bombs, the hash of the bytes as they lie."""

from __future__ import annotations

import gzip
import io
import random
import sqlite3
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
import xxhash
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from traceql.engine import unpack
from traceql.engine.source import digest_of, open_source
from traceql.errors import CorruptTrace, InputError
from traceql.model.protocols import HEAD_BYTES, Head

TEXT = b'{"traceEvents":[' + b",".join(b'{"ph":"X","ts":%d}' % i for i in range(9000)) + b"]}"


def zipped(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


PACKED = {
    "plain": TEXT,
    "gzip": gzip.compress(TEXT, mtime=0),
    "gzip of two members": gzip.compress(TEXT[:5000], mtime=0) + gzip.compress(TEXT[5000:]),
    "gzip padded with zeros": gzip.compress(TEXT, mtime=0) + b"\0" * 700,
    "zstd": zstandard.compress(TEXT),
    "zstd of two frames": zstandard.compress(TEXT[:777]) + zstandard.compress(TEXT[777:]),
    "zip": zipped(("folder/", b""), ("folder/a.json", TEXT), ("__MACOSX/._a.json", b"junk")),
    "gzip in zip": zipped(("a.json.gz", gzip.compress(TEXT))),
}


def written(folder: Path, data: bytes, name: str = "trace.anything") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", PACKED)
def test_unpacks_by_content_and_hashes_what_lies(kind: str, tmp_path: Path) -> None:
    path = written(tmp_path, PACKED[kind])
    seen: list[tuple[int, int | None]] = []
    with open_source(path, progress=lambda done, total: seen.append((done, total))) as source:
        assert source.head().prefix == TEXT[:HEAD_BYTES]
        blocks = list(source.blocks(1000))
        assert b"".join(blocks) == TEXT
        assert all(0 < len(block) <= 1000 for block in blocks)
        assert source.digest == xxhash.xxh3_128_hexdigest(PACKED[kind])
        assert source.size_bytes == len(PACKED[kind])
        assert not source.damage
    assert seen[-1] == (len(PACKED[kind]), len(PACKED[kind]))


@pytest.mark.parametrize("kind", PACKED)
def test_reads_standard_input(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = io.TextIOWrapper(io.BytesIO(PACKED[kind]))
    monkeypatch.setattr(sys, "stdin", fake)
    with open_source("-") as source:
        assert str(source.path) == "-"
        assert source.size_bytes is None or kind in {"zip", "gzip in zip"}
        assert b"".join(source.blocks()) == TEXT
        assert source.digest == xxhash.xxh3_128_hexdigest(PACKED[kind])
        assert source.size_bytes == len(PACKED[kind])


@settings(max_examples=30, deadline=None)
@given(size=st.integers(1, 9000), total=st.integers(0, 30_000), ask=st.booleans())
def test_blocks_have_the_size_asked_for(
    size: int, total: int, ask: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = random.Random(total).randbytes(total)
    path = written(tmp_path_factory.mktemp("s"), b"_" + data)
    with open_source(path) as source:
        if ask:
            assert source.head().prefix == (b"_" + data)[:HEAD_BYTES]
        blocks = list(source.blocks(size))
    assert b"".join(blocks) == b"_" + data
    assert all(len(block) == size for block in blocks[:-1])
    assert 0 < len(blocks[-1]) <= size


def test_digest_counts_bytes_that_nobody_read(tmp_path: Path) -> None:
    data = gzip.compress(TEXT) + b"\0" * 3_000_000 + b"rest"
    with open_source(written(tmp_path, data)) as source:
        source.head()
        assert source.digest == xxhash.xxh3_128_hexdigest(data)


@pytest.mark.parametrize("kind", ["gzip", "zstd", "gzip of two members"])
def test_a_cut_packing_gives_what_was_before(kind: str, tmp_path: Path) -> None:
    packed = PACKED[kind]
    for end in [1, 5, 11, len(packed) // 2, len(packed) - 9, len(packed) - 1]:
        with open_source(written(tmp_path, packed[:end])) as source:
            found = b"".join(source.blocks())
            assert TEXT.startswith(found) or end < 4
            assert bool(source.damage) == (end >= 4)
    assert len(found) > len(TEXT) // 4


@pytest.mark.parametrize("kind", ["gzip", "zstd", "zip"])
def test_changed_bytes_of_a_packing_never_raise_anything_else(kind: str, tmp_path: Path) -> None:
    chance, refusals = random.Random(kind), []
    for _ in range(60):
        data = bytearray(PACKED[kind])
        data[chance.randrange(len(data))] ^= chance.randrange(1, 256)
        try:
            with open_source(written(tmp_path, bytes(data))) as source:
                list(source.blocks())
        except InputError as error:
            refusals.append(str(error))
    assert all("byte" in refusal for refusal in refusals)


def test_a_wrong_checksum_loses_little(tmp_path: Path) -> None:
    data = random.Random(1).randbytes(200_000)
    packed = bytearray(gzip.compress(data))
    packed[-6] ^= 1
    with open_source(written(tmp_path, bytes(packed))) as source:
        found = b"".join(source.blocks())
        assert [code for code, _, _ in source.damage] == ["gzip_damaged"]
        assert source.damage[0][1] == len(found)
    assert data.startswith(found)
    assert len(found) > 0.9 * len(data)


def test_a_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "BOMB_BYTES", 1 << 22)
    for pack in (gzip.compress, zstandard.compress):
        path = written(tmp_path, pack(b" " * (1 << 24)))
        with open_source(path) as source, pytest.raises(CorruptTrace, match="bomb"):
            list(source.blocks(1 << 16))


def test_a_zip_of_several_members_names_them(tmp_path: Path) -> None:
    with open_source(written(tmp_path, zipped(("a", b"1"), ("b", b"2")))) as source:
        head = source.head()
        assert head.names == ("a", "b")
        assert head.prefix.startswith(b"PK")


@pytest.mark.parametrize("kind", PACKED)
def test_gives_a_plain_file(kind: str, tmp_path: Path) -> None:
    path = written(tmp_path, PACKED[kind])
    with open_source(path) as source:
        source.head()
        local = source.local()
        assert (local == path) == (kind == "plain")
        assert local.read_bytes() == TEXT
        assert b"".join(source.blocks(777)) == TEXT
        assert source.digest == xxhash.xxh3_128_hexdigest(PACKED[kind]) == digest_of(path)
    assert local.exists() == (kind == "plain")


def test_a_folder_gives_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "inner").mkdir(parents=True)
    for name, data in {"b.csv": b"2", "a.csv": PACKED["gzip"], ".hidden": b"3"}.items():
        (folder / name).write_bytes(data)
    with open_source(folder) as source:
        assert source.head() == Head(folder, b"", ("a.csv", "b.csv"), (PACKED["gzip"][:4096], b"2"))
        first, second = source.members()
        assert b"".join(first.blocks()) == TEXT
        assert first.opened
        assert not second.opened
        before = source.digest
        assert before == digest_of(folder)
        assert source.size_bytes == len(PACKED["gzip"]) + 1
    (folder / "b.csv").rename(folder / "c.csv")
    assert digest_of(folder) != before


def test_a_zip_of_several_gives_its_files(tmp_path: Path) -> None:
    path = written(tmp_path, zipped(("x/b", b"1"), ("y/b", b"22"), ("../a", TEXT)))
    with open_source(path) as source:
        source.head()
        found = [(member.path.name, b"".join(member.blocks())) for member in source.members()]
        folder = source.members()[0].path.parent
    assert found == [("1-b", b"22"), ("a", TEXT), ("b", b"1")]
    assert not folder.exists()


def test_an_sqlite_file_names_its_tables_and_counts_its_log(tmp_path: Path) -> None:
    path = tmp_path / "x.anything"
    with closing(sqlite3.connect(path)) as base:
        base.execute("PRAGMA journal_mode=wal")
        base.execute("CREATE TABLE one (a)")
        base.commit()
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        base.execute("CREATE TABLE two (a)")
        base.commit()
        with open_source(path) as source:
            assert source.head().names == ("one", "two")
            with_log = source.digest
        base.execute("INSERT INTO two VALUES (7)")
        base.commit()
        assert digest_of(path) != with_log


def test_what_cannot_be_opened_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        open_source(tmp_path / "missing.json")
    with (
        pytest.raises(CorruptTrace, match="zip"),
        open_source(written(tmp_path, PACKED["zip"][:90])) as source,
    ):
        source.head()
