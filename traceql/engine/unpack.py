"""Unpack compressed bytes as a stream: gzip, Zstandard, a zip with one member.

Output comes in bounded pieces, whatever the input expands to. Damage ends the stream early and is
reported, since what came before it is good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, BinaryIO, cast

from traceql.errors import CorruptTrace

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
ZIP = b"PK\x03\x04"
MAGIC_BYTES = 4

PIECE_BYTES = 1 << 20
"""Most that one step unpacks, but for Zstandard, whose smallest step can give 64 MiB."""

_SMALLEST_PIECE_BYTES = 4096
_GZIP_SLICE = 256 * 1024
_ZSTD_SLICE = 2048
BOMB_RATIO = 1000
BOMB_BYTES = 1 << 30

Report = Callable[[str, str], None]


def gunzip(blocks: Iterator[bytes], report: Report) -> Iterator[bytes]:
    """Unpack all members of a gzip stream.

    Steps grow with the stream: where it is damaged, what the last step unpacked is lost, a
    sixteenth at most.
    """
    from isal import isal_zlib

    failure = cast("type[Exception]", isal_zlib.error)
    unpacker, fresh, done = isal_zlib.decompressobj(wbits=31), True, 0
    for piece in _sliced(blocks):
        rest = piece
        while rest:
            if fresh:
                rest = rest.lstrip(b"\0")
                if not GZIP.startswith(rest[:2]):
                    report("gzip_trailing_bytes", "Bytes after the end of the gzip data.")
                    return
            try:
                most = min(PIECE_BYTES, max(_SMALLEST_PIECE_BYTES, done // 16))
                out = unpacker.decompress(rest, most)
            except failure as error:
                report("gzip_damaged", f"The gzip data is damaged: {error}.")
                return
            if out:
                done += len(out)
                yield out
            fresh, rest = fresh and not rest, unpacker.unconsumed_tail
            if unpacker.eof:
                rest, fresh = unpacker.unused_data, True
                unpacker = isal_zlib.decompressobj(wbits=31)
    if not fresh:
        report("gzip_truncated", "The gzip data is cut off.")


def unzstd(blocks: Iterator[bytes], report: Report) -> Iterator[bytes]:
    """Unpack all frames of a Zstandard stream."""
    import zstandard

    def new() -> zstandard.ZstdDecompressionObj:
        return zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()

    unpacker, open_frame = new(), False
    for block in blocks:
        for start in range(0, len(block), _ZSTD_SLICE):
            rest = block[start : start + _ZSTD_SLICE]
            while rest:
                open_frame = True
                try:
                    out = unpacker.decompress(rest)
                except zstandard.ZstdError as error:
                    report("zstd_damaged", f"The Zstandard data is damaged: {error}.")
                    return
                if out:
                    yield out
                rest = b""
                if unpacker.eof:
                    rest, unpacker, open_frame = unpacker.unused_data, new(), False
    if open_frame:
        report("zstd_truncated", "The Zstandard data is cut off.")


def zip_members(file: BinaryIO, path: Path) -> tuple[str, ...]:
    """Give the names of the files in a zip, without folders and what macOS adds.

    Raises:
        CorruptTrace: the zip is cut off or damaged.
    """
    import zipfile

    try:
        with zipfile.ZipFile(file) as archive:
            return tuple(
                info.filename
                for info in archive.infolist()
                if not info.is_dir() and not info.filename.startswith("__MACOSX/")
            )
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise CorruptTrace(path, 0, f"a zip archive, cut off or damaged: {error}") from error


def unzip(file: BinaryIO, member: str, path: Path, report: Report) -> Iterator[bytes]:
    """Unpack one member of a zip.

    Raises:
        CorruptTrace: the member is encrypted or packed by a method that is not known.
    """
    import zipfile
    import zlib

    with zipfile.ZipFile(file) as archive:
        try:
            with archive.open(member) as unpacked:
                yield from _pieces(unpacked)
        except (RuntimeError, NotImplementedError) as error:
            raise CorruptTrace(path, 0, f"a zip member that cannot be read: {error}") from error
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            report("zip_damaged", f"The zip member is damaged: {error}.")


def unzip_all(
    file: BinaryIO, names: Sequence[str], folder: Path, path: Path, report: Report
) -> list[Path]:
    """Unpack the members into a folder, by the last part of their names; equal ones are told apart.

    Raises:
        CorruptTrace: a member is encrypted or packed by a method that is not known, or a bomb.
    """
    done: list[Path] = []
    size = file.seek(0, 2)
    for number, name in enumerate(names):
        place = folder / name.replace("\\", "/").rpartition("/")[2]
        if place.exists() or place.name in {"", ".", ".."}:
            place = folder / f"{number}-{place.name or 'member'}"
        file.seek(0)
        with place.open("wb") as out:
            out.writelines(guard(unzip(file, name, path, report), lambda: size, path))
        done.append(place)
    return sorted(done, key=lambda p: p.name)


def _pieces(unpacked: IO[bytes]) -> Iterator[bytes]:
    while piece := unpacked.read(PIECE_BYTES):
        yield piece


def _sliced(blocks: Iterator[bytes]) -> Iterator[bytes]:
    for block in blocks:
        for start in range(0, len(block), _GZIP_SLICE):
            yield block[start : start + _GZIP_SLICE]


def guard(blocks: Iterator[bytes], packed: Callable[[], int], path: Path) -> Iterator[bytes]:
    """Stop a compression bomb.

    Raises:
        CorruptTrace: more than 1 GiB came out of less than a thousandth of it.
    """
    done = 0
    for block in blocks:
        done += len(block)
        if done > BOMB_BYTES and done > BOMB_RATIO * max(packed(), 1):
            raise CorruptTrace(path, done, "expands more than 1000 times: a compression bomb")
        yield block


def layer(start: bytes) -> str | None:
    """Tell how bytes are packed by how they begin."""
    kinds: Sequence[tuple[bytes, str]] = ((GZIP, "gzip"), (ZSTD, "zstd"), (ZIP, "zip"))
    return next((kind for magic, kind in kinds if start.startswith(magic)), None)
