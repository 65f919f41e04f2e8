"""Open a folder that one run of one tool wrote: its files, each read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from traceql.engine.source import FileSource, Progress, update_with_file
from traceql.errors import InputError, UnknownFormat
from traceql.model.protocols import BEGINNING_BYTES, BLOCK_BYTES, Head
from traceql.store.catalog import MARKER

_MOST_MEMBERS = 4096


class Member:
    """A file of a folder or archive: opened when it is first read, closed with its folder."""

    def __init__(self, path: Path, stack: ExitStack, progress: Progress | None = None) -> None:
        self.path = path
        self.opened = False
        self._stack = stack
        self._progress = progress
        self._source: FileSource | None = None

    @property
    def damage(self) -> Sequence[tuple[str, int, str]]:
        """What was wrong with the file's packing, once it was read."""
        return self._source.damage if self._source is not None else ()

    def blocks(self, size: int = BLOCK_BYTES) -> Iterator[bytes]:
        """Give the unpacked bytes in blocks of at most `size`; once."""
        return self._file().blocks(size)

    def local(self) -> Path:
        """Give the place of a plain file with the unpacked bytes."""
        return self._file().local()

    def members(self) -> tuple[Member, ...]:
        """Give nothing: members have none of their own."""
        return ()

    def _file(self) -> FileSource:
        if self._source is None:
            self._source = self._stack.enter_context(FileSource(self.path, self._progress))
            self.opened = True
        return self._source


class FolderSource:
    """The files that stand directly in a folder, in the order of their names.

    Its digest is that of the names and bytes of all of them. Hidden files are left out.
    """

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        self.path = path
        paths = files_in(path)
        self.size_bytes: int | None = sum(file.stat().st_size for file in paths)
        self._read = 0
        self._stack = ExitStack()
        self._members = tuple(Member(p, self._stack, self._counted(progress)) for p in paths)

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
    def digest(self) -> str:
        """xxh3-128 of the names, sizes and bytes of the files, 32 hex digits."""
        return digest_of_folder(self.path)

    @property
    def damage(self) -> Sequence[tuple[str, int, str]]:
        """What was wrong with the files' packing; the message names the file."""
        return [
            (code, offset, f"{member.path.name}: {message}")
            for member in self._members
            for code, offset, message in member.damage
        ]

    def head(self) -> Head:
        """Give the files' names and how each begins."""
        names = tuple(member.path.name for member in self._members)
        beginnings = []
        for member in self._members:
            try:
                with member.path.open("rb") as file:
                    beginnings.append(file.read(BEGINNING_BYTES))
            except OSError as error:
                raise InputError(f"{member.path}: {error.strerror or error} (byte 0).") from error
        return Head(self.path, b"", names, tuple(beginnings))

    def blocks(self, size: int = BLOCK_BYTES) -> Iterator[bytes]:  # noqa: ARG002  (of the protocol)
        """Give nothing: a folder's bytes are its members'."""
        return iter(())

    def local(self) -> Path:
        """Give the folder itself."""
        return self.path

    def members(self) -> tuple[Member, ...]:
        """Give the files, in the order of their names."""
        return self._members

    def _counted(self, progress: Progress | None) -> Progress | None:
        if progress is None:
            return None
        tell: Callable[[int, int | None], None] = progress
        seen = [0]

        def one(done: int, total: int | None) -> None:
            if done < seen[0]:
                seen[0] = 0
            self._read += done - seen[0]
            seen[0] = 0 if done == total else done
            tell(self._read, self.size_bytes)

        return one


def files_in(folder: Path) -> list[Path]:
    """Give the files directly in a folder, hidden ones left out, in the order of their names.

    Raises:
        InputError: the folder cannot be listed, or holds more files than one run writes.
        UnknownFormat: it is a store.
    """
    if (folder / MARKER).exists():
        raise UnknownFormat(folder, "a store of TraceQL; give it with --store")
    try:
        found = [p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")]
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror or error}.") from error
    if len(found) > _MOST_MEMBERS:
        raise UnknownFormat(folder, f"a folder of {len(found)} files, which is no single trace")
    return sorted(found, key=lambda path: path.name)


def digest_of_folder(folder: Path) -> str:
    """Give the xxh3-128 over name, size and bytes of each file of a folder, 32 hex digits."""
    import xxhash

    state = xxhash.xxh3_128()
    for path in files_in(folder):
        state.update(path.name.encode("utf-8", "surrogateescape") + b"\0")
        state.update(path.stat().st_size.to_bytes(8, "little"))
        update_with_file(state, path)
    return str(state.hexdigest())
