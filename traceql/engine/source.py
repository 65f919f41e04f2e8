"""Open an input file or standard input, packed or not, and name it by its content."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self, TypeVar, cast

from traceql.engine import unpack
from traceql.errors import CorruptTrace, InputError, UnknownFormat
from traceql.model.protocols import BLOCK_BYTES, HEAD_BYTES, Head

if TYPE_CHECKING:
    from io import BufferedReader

    import xxhash

    from traceql.engine.folder import FolderSource, Member

STANDARD_INPUT = "-"
_RAW_BYTES = 1 << 20
_MOST_LAYERS = 3
_SPOOL_BYTES = 64 * 1024 * 1024
_HASHED_BYTES = 1 << 18
_SQLITE = b"SQLite format 3\x00"
_WAL = "-wal"

Progress = Callable[[int, "int | None"], None]
Read = TypeVar("Read")


class FileSource:
    """An open input: unpacked bytes once from start to end, the hash of the raw bytes with them.

    Use as a context manager. How it is packed is seen by its content, never by its name; packing
    may be nested (a .gz in a zip), to three layers.
    """

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        import xxhash

        self.path = path
        self.size_bytes: int | None = None
        """Bytes as they lie; of standard input known once it is read."""
        self._progress = progress
        self._damage: list[tuple[str, int, str]] = []
        self._hash = xxhash.xxh3_128()
        self._raw_done = 0
        self._done = 0
        self._layers = 0
        self._names: tuple[str, ...] = ()
        self._local: Path | None = None
        self._members: tuple[Member, ...] = ()
        self._archive: BinaryIO | None = None
        self._stack = ExitStack()
        self._file = self._open()
        self._raw = self._read_raw()
        self._waiting: list[bytes] = []
        self._blocks = iter(())  # type: Iterator[bytes]
        try:
            self._blocks = unpack.guard(self._unpacked(), lambda: self._raw_done, path)
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def damage(self) -> Sequence[tuple[str, int, str]]:
        """What was wrong with the packing: (code, offset in the unpacked bytes, message)."""
        return self._damage

    @property
    def digest(self) -> str:
        """xxh3-128 of the bytes as they lie, 32 hex digits; reads what is left of them."""
        self._hash_rest()
        state = self._hash.copy()
        if wal := _wal_of(self.path):
            update_with_file(state, wal)
        return str(state.hexdigest())

    def head(self) -> Head:
        """Give the first 64 KiB, which `blocks` will give again."""
        self._fill()
        prefix = b"".join(self._waiting)[:HEAD_BYTES]
        if prefix.startswith(_SQLITE):
            self._names = _tables_of(self.local())
        return Head(self.path, prefix, self._names)

    def local(self) -> Path:
        """Give the place of a plain file with the unpacked bytes: the input, unless packed."""
        if self._local is None:
            if not self._waiting:
                self._fill()
            start = b"".join(self._waiting)
            if self._layers or not self.path.is_file():
                folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
                self._local = folder / (self.path.stem or "input")
                with self._local.open("wb") as file:
                    file.write(start)
                    file.writelines(self._blocks)
            else:
                self._local = self.path
            self._blocks = iter(())
            self._waiting = [start]
        return self._local

    def members(self) -> tuple[Member, ...]:
        """Give the files of a zip of several, unpacked to disk; empty for any other file."""
        from traceql.engine.folder import Member

        if self._archive is not None and not self._members:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
            paths = unpack.unzip_all(self._archive, self._names, folder, self.path, self._report)
            self._members = tuple(Member(path, self._stack) for path in paths)
        return self._members

    def blocks(self, size: int = BLOCK_BYTES) -> Iterator[bytes]:
        """Give the unpacked bytes in blocks of at most `size`; once."""
        if self._local is not None:
            with self._local.open("rb") as file:
                yield from iter(lambda: file.read(size), b"")
            return
        waiting, self._waiting = self._waiting, []
        for block in chain(waiting, self._blocks):
            if len(block) <= size:
                yield block
            else:
                yield from (block[start : start + size] for start in range(0, len(block), size))

    def _fill(self) -> None:
        have = sum(map(len, self._waiting))
        while have < HEAD_BYTES and (block := next(self._blocks, None)) is not None:
            self._waiting.append(block)
            have += len(block)

    def _open(self) -> BinaryIO:
        if str(self.path) == STANDARD_INPUT:
            return sys.stdin.buffer
        try:
            if self.path.is_dir():
                raise UnknownFormat(self.path, "a folder")
            file = self._stack.enter_context(self.path.open("rb"))
            if self.path.is_file():
                self.size_bytes = self.path.stat().st_size
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror or error} (byte 0).") from error
        return file

    def _read_raw(self) -> Iterator[bytes]:
        while block := self._readable(lambda: self._file.read(_RAW_BYTES)):
            self._count(block)
            yield block
        self.size_bytes = self._raw_done

    def _hash_rest(self) -> None:
        """Read what is left through memory that stays in the cache of the processor."""
        room, file = memoryview(bytearray(_HASHED_BYTES)), cast("BufferedReader", self._file)
        while size := self._readable(lambda: file.readinto(room)):
            self._count(room[:size])
        for _ in self._raw:  # it learns that this is the end
            pass

    def _readable(self, read: Callable[[], Read]) -> Read:
        try:
            return read()
        except OSError as error:
            raise CorruptTrace(self.path, self._raw_done, f"cannot be read: {error}") from error

    def _count(self, block: bytes | memoryview) -> None:
        self._hash.update(block)
        self._raw_done += len(block)
        if self._progress is not None:
            self._progress(self._raw_done, self.size_bytes)

    def _report(self, code: str, message: str) -> None:
        self._damage.append((code, self._done, message))

    def _unpacked(self) -> Iterator[bytes]:
        blocks = self._raw
        for _ in range(_MOST_LAYERS):
            start, blocks = _peek(blocks)
            kind = unpack.layer(start)
            if kind == "gzip":
                blocks = unpack.gunzip(blocks, self._report)
            elif kind == "zstd":
                blocks = unpack.unzstd(blocks, self._report)
            elif kind == "zip":
                blocks = self._unzipped(blocks)
                if len(self._names) != 1:
                    break
            else:
                break
            self._layers += 1
        for block in blocks:
            self._done += len(block)
            yield block

    def _unzipped(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """Unpack a zip, whose list of members stands at its end: it is spooled first."""
        spool = tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES)  # noqa: SIM115
        self._stack.enter_context(spool)
        for block in blocks:
            spool.write(block)
        spool.seek(0)
        file: BinaryIO = spool  # type: ignore[assignment]
        self._names = unpack.zip_members(file, self.path)
        spool.seek(0)
        if len(self._names) == 1:
            return unpack.unzip(file, self._names[0], self.path, self._report)
        self._archive = file
        return iter([spool.read(HEAD_BYTES)])


def open_source(path: Path | str, *, progress: Progress | None = None) -> FileSource | FolderSource:
    """Open an input for reading once.

    Args:
        path: a file, a folder that one run wrote, or `-` for standard input.
        progress: called with (raw bytes read, their total or None) as they are read.

    Raises:
        InputError: there is no such file, or it cannot be opened.
        UnknownFormat: it is a folder that can be no trace.
    """
    if str(path) != STANDARD_INPUT and Path(path).is_dir():
        from traceql.engine.folder import FolderSource

        return FolderSource(Path(path), progress)
    return FileSource(Path(path), progress)


def digest_of(path: Path) -> str:
    """Give the digest that reading the file or folder would give."""
    import xxhash

    if path.is_dir():
        from traceql.engine.folder import digest_of_folder

        return digest_of_folder(path)
    state = xxhash.xxh3_128()
    update_with_file(state, path)
    if wal := _wal_of(path):
        update_with_file(state, wal)
    return str(state.hexdigest())


def update_with_file(state: xxhash.xxh3_128, path: Path) -> None:
    """Feed a file's bytes to a hash."""
    with path.open("rb") as file:
        hashlib.file_digest(file, lambda: state)


def _wal_of(path: Path) -> Path | None:
    """Find the log of an SQLite file, whose content belongs to the file's."""
    wal = path.with_name(path.name + _WAL)
    if str(path) == STANDARD_INPUT or not wal.is_file():
        return None
    with path.open("rb") as file:
        return wal if file.read(len(_SQLITE)) == _SQLITE and wal.stat().st_size else None


def _tables_of(path: Path) -> tuple[str, ...]:
    """Name the tables of an SQLite file; none if it cannot be read."""
    import sqlite3
    from contextlib import closing
    from urllib.parse import quote

    mode = "ro" if _wal_of(path) else "ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode={mode}", uri=True)) as base:
            rows = base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    except (sqlite3.Error, UnicodeDecodeError):
        return ()
    return tuple(str(name) for (name,) in rows)


def _peek(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Give the first bytes, and the blocks with them in front again."""
    taken = b""
    for block in blocks:
        taken += block
        if len(taken) >= unpack.MAGIC_BYTES:
            break
    return taken[: unpack.MAGIC_BYTES], _again(taken, blocks)


def _again(taken: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    if taken:
        yield taken
    yield from blocks
