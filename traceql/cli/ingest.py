"""`traceql ingest`: bring files into the store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from traceql.cli import _listing, _options
from traceql.errors import BadParameter

if TYPE_CHECKING:
    from traceql.engine.ingest import Ingested
    from traceql.engine.ingest_many import Outcome

_SHOWN_DIAGNOSTICS = 3
_KEEP = "keep_environment"
"""The option of importers that meet such things."""

_COLUMNS = {
    "name": "VARCHAR",
    "id": "VARCHAR",
    "status": "VARCHAR",
    "importer": "VARCHAR",
    "slices": "BIGINT",
    "rows": "BIGINT",
    "stored_bytes": "BIGINT",
    "file": "VARCHAR",
}


@click.command(
    help="""Bring traces into the store.

    FILE is a file (.json, .json.gz, … whatever a profiler wrote), a folder, a pattern such as
    'runs/**/*.json', or - for standard input. A file that is in the store already is left alone.
    """
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--as", "importer", metavar="FORMAT",
              help="Read it as this format; `traceql list formats` names them.")  # fmt: skip
@click.option("--name", help="Name of the trace; default: the file's name without suffixes.")
@click.option("--group", help="Put the traces into this group.")
@click.option("--jobs", "-j", type=click.IntRange(min=1), default=1, show_default=True,
              help="Files to read at once.")  # fmt: skip
@click.option("--set", "settings", multiple=True, metavar="K=V",
              help="Option K of the importer, or IMPORTER.K=V, which other files do not mind; "
              "`traceql list formats` names them.")  # fmt: skip
@click.option("--keep-environment", is_flag=True,
              help="Keep environment variables, users, hosts, command lines and paths, which "
              "importers that meet them leave out otherwise.")  # fmt: skip
@_options.format_option(*_listing.FORMATS)
@_options.store_option
@_options.memory_limit_option
def command(  # noqa: PLR0913  (one parameter per option)
    *,
    files: Sequence[str],
    importer: str | None,
    name: str | None,
    group: str | None,
    jobs: int,
    settings: Sequence[str],
    keep_environment: bool,
    output_format: str,
    store_path: str,
    memory_limit_bytes: int,
) -> None:
    """Ingest, say what happened on stderr, print the traces on stdout."""
    from traceql.engine.ingest_many import find_files

    options = _chosen_options(settings, importer, keep_environment=keep_environment)
    found = find_files(files, importer)
    if name is not None and len(found) > 1:
        raise click.UsageError(f"--name can name one trace, and {len(found)} files are meant")
    chosen = {"importer": importer, "name": name, "group": group, "options": options}
    outcomes = _run(found, Path(store_path), jobs, memory_limit_bytes, chosen)
    _print(outcomes, output_format)
    _judge(outcomes)


def _chosen_options(
    words: Sequence[str], importer: str | None, *, keep_environment: bool
) -> dict[str, Any]:
    """Read `--set` and `--keep-environment`, before any file is touched."""
    from traceql.engine import plugins, settings

    try:
        given: dict[str, Any] = dict(settings.parse(words))
    except BadParameter as error:
        raise click.UsageError(f"--set {error.parameter}: write it as NAME=VALUE") from error
    if not given and not keep_environment:
        return {}
    asked = [name for name in plugins.names("importers") if importer in {None, name}]
    known = {name: plugins.load("importers", name) for name in asked}
    settings.check_importers(known, given)
    if keep_environment:
        takers = [name for name, plugin in known.items() if _KEEP in settings.fields(plugin)]
        given |= {f"{name}.{_KEEP}": True for name in takers}
    return given


def _run(
    files: Sequence[Any], path: Path, jobs: int, memory_limit_bytes: int, chosen: dict[str, Any]
) -> list[Outcome]:
    from traceql.cli import _progress
    from traceql.engine.ingest_many import ingest_many
    from traceql.store.catalog import Store

    store = Store.open(path, create=True)
    try:
        what = f"{len(files)} files" if len(files) > 1 else Path(files[0].path).name
        with _progress.display(what) as advance:
            return ingest_many(
                files,
                store=store,
                jobs=jobs,
                memory_limit_bytes=memory_limit_bytes,
                done=_tell,
                progress=advance,
                options=chosen,
            )
    finally:
        store.discard_if_empty()


def _tell(outcome: Outcome) -> None:
    """Say on stderr what became of a file."""
    if outcome.ingested is not None:
        for line in _lines(outcome.ingested):
            click.echo(line, err=True)
    elif outcome.error is None:
        click.echo(f"{outcome.file.path}: not a trace, skipped", err=True)


def _lines(done: Ingested) -> list[str]:
    trace = done.trace
    what = {
        "new": f"ingested as {done.importer} in {done.seconds:.1f} s",
        "replaced": f"read again as {done.importer} in {done.seconds:.1f} s, replaces the old one",
        "unchanged": "already in the store",
    }[done.status]
    lines = [f"{trace.name}: {_rows(done, 'slice'):,} slices, {what}"]
    if done.status == "unchanged":
        return lines
    odd = [row for row in done.diagnostics.to_pylist() if row["severity"] != "info"]
    for row in odd[:_SHOWN_DIAGNOSTICS]:
        message = f": {row['message']}" if row["message"] else ""
        lines.append(f"  {row['severity']}: {row['code']} x {row['count']:,}{message}")
    if len(odd) > _SHOWN_DIAGNOSTICS:
        lines.append(f"  and {len(odd) - _SHOWN_DIAGNOSTICS} more; see the table diagnostic")
    return lines


def _rows(done: Ingested, table: str) -> int:
    file = done.trace.manifest.tables.get(table)
    return file.rows if file is not None else 0


def _print(outcomes: Sequence[Outcome], output_format: str) -> None:
    from traceql.cli import _output

    rows = []
    for outcome in outcomes:
        done = outcome.ingested
        if done is None:
            continue
        trace = done.trace
        files = trace.manifest.tables.values()
        shown = trace.id[:12] if output_format == "table" else trace.id
        rows.append((trace.name, shown, done.status, done.importer, _rows(done, "slice"),
                     sum(file.rows for file in files), trace.manifest.bytes,
                     outcome.file.path))  # fmt: skip
    if rows:
        _output.write(_listing.Listing(_COLUMNS, rows), output_format)


def _judge(outcomes: Sequence[Outcome]) -> None:
    """Choose the exit code: the error's own for one file, 6 where some of many failed."""
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    if not failed and all(outcome.ingested is None for outcome in outcomes):
        from traceql.errors import InputError

        raise InputError(f"no traces among {len(outcomes)} files.")
    if len(outcomes) == 1 and failed:
        assert failed[0].error is not None
        raise failed[0].error
    if failed:
        listed = [(outcome.file.path, outcome.error) for outcome in failed if outcome.error]
        _options.tell_failures(listed, len(outcomes), "files", most=len(listed))
