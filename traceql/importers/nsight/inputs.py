"""The forms in which an export comes: SQLite, folders of Parquet or Arrow files, raw reports."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from traceql.errors import CorruptTrace, MissingTool
from traceql.importers._sqlite import Column, Database

if TYPE_CHECKING:
    import pyarrow as pa

    from traceql.model.protocols import Source

SQLITE = b"SQLite format 3\x00"
REPORT = (b"NVIDIA Tegra Profiler Report", b"NVIDIA Nsight Systems Report")
"""How raw reports begin (.qdrep, .nsys-rep)."""
_EXPORT_TIMEOUT_SECONDS = 3600
_MOST_SAID = 200


class Export(Protocol):
    """Tables of an export by name; `Database` is one."""

    tables: Mapping[str, tuple[Column, ...]]
    damage: list[tuple[str, int, str]]

    def rows(
        self,
        table: str,
        columns: Mapping[str, pa.DataType] | Sequence[str],
        *,
        batch_rows: int = 1 << 16,
    ) -> Iterator[pa.RecordBatch]:
        """Give rows in the order of the file; a column that is not there comes as nulls."""
        ...

    def count(self, table: str) -> int:
        """Count the rows of a table; 0 if it is not there."""
        ...


@contextmanager
def opened(source: Source) -> Iterator[Export]:
    """Open an export of any form.

    Raises:
        MissingTool: it is a raw report, and there is no `nsys` to export it.
        CorruptTrace: it cannot be opened.
    """
    if source.members():
        from traceql.importers.nsight.columnar import Folder

        yield Folder(source.members())
        return
    path = source.local()
    with path.open("rb") as file:
        start = file.read(64)
    if not start.startswith(REPORT):
        with Database(path) as base:
            yield base
        return
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "export.sqlite"
        _export(path, source.path, made)
        with Database(made) as base:
            yield base


def _export(report: Path, shown: Path, out: Path) -> None:
    """Let `nsys` turn a raw report into SQLite.

    Raises:
        MissingTool: there is no `nsys` on the PATH.
        CorruptTrace: it refused the report.
    """
    tool = shutil.which("nsys")
    if tool is None:
        raise MissingTool(
            "nsys",
            f"to read the raw report {shown}",
            f"Where it is, run `nsys export --type sqlite --output {shown.stem}.sqlite {shown}` "
            "and ingest the .sqlite file.",
        )
    # The name of a report tells nsys what it is.
    named = out.with_name(shown.name if shown.suffix else f"{shown.name}.nsys-rep")
    named.symlink_to(report.absolute())
    command = [tool, "export", "--type", "sqlite", "--force-overwrite", "true",
               "--output", str(out), str(named)]  # fmt: skip
    try:
        done = subprocess.run(  # noqa: S603  (the user's own tool, on the user's file)
            command, capture_output=True, text=True, errors="replace", check=False,
            timeout=_EXPORT_TIMEOUT_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CorruptTrace(shown, 0, f"nsys export failed: {error}") from error
    if done.returncode or not out.is_file():
        said = " ".join((done.stderr or done.stdout).split())[-_MOST_SAID:]
        raise CorruptTrace(shown, 0, f"nsys export failed with code {done.returncode}: {said}")
