"""`traceql report`: analyze, and write what was found as one file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from traceql.cli import _options

if TYPE_CHECKING:
    from traceql.errors import TraceQLError


@click.command(
    help="""Analyze traces and write a report: HTML, Markdown, JSON or text.

    TRACE is a name, an id prefix of six characters or more, or a path; a path that is not yet in
    the store is ingested first. Without TRACE the report is about every trace of the store.
    """
)
@click.argument("names", nargs=-1, metavar="[TRACE]...")
@click.option("-o", "--output", "output", required=True, metavar="FILE",
              type=click.Path(dir_okay=False, allow_dash=True),
              help="Where to write: FILE.html, .md, .json or .txt; - is stdout.")  # fmt: skip
@click.option("--format", "report", metavar="NAME", default=None,
              help="html, markdown, json or terminal; default: as FILE ends.")  # fmt: skip
@click.option("--only", multiple=True, metavar="NAME", help="Only this analysis; may be repeated.")
@click.option("--kept", is_flag=True, help="Report what the store has kept; analyze nothing.")
@click.option("--last", is_flag=True, help="Only the trace ingested last.")
@_options.jobs_option("Processes that share the traces; default: one a core, where that pays.")
@_options.store_option
@_options.query_memory_limit_option
@_options.timeout_option
def command(  # noqa: PLR0913  (one parameter per option)
    *,
    names: Sequence[str],
    output: str,
    report: str | None,
    only: Sequence[str],
    kept: bool,
    last: bool,
    jobs: int | None,
    store_path: str,
    memory_limit_bytes: int | None,
    timeout_s: float | None,
) -> None:
    """Print the path of the report on stdout, and what it says in short on stderr."""
    from traceql.engine import publish
    from traceql.engine.analyze import analyze, choose
    from traceql.engine.scope import traces_in_scope

    # What cannot work is said before the long work, not after it.
    if output != "-":
        publish.writable(Path(output))
    name = report or ("markdown" if output == "-" else publish.by_suffix(Path(output)))
    if name not in publish.formats():
        raise click.BadParameter(f"{name!r} is not one of {', '.join(publish.formats())}.",
                                 param_hint="--format")  # fmt: skip
    choose(only)
    store, traces = traces_in_scope(
        store_path, names, last=last, memory_limit_bytes=memory_limit_bytes, tell=_tell
    )
    failures: list[tuple[str, TraceQLError]] = []
    if kept:
        results = publish.kept(store, traces, only)
    else:
        results = analyze(
            store,
            traces,
            only=only,
            memory_limit_bytes=memory_limit_bytes,
            timeout_s=timeout_s,
            jobs=jobs,
            progress=_progress,
            failed=lambda name, error: failures.append((name, error)),
        )
    if failures and len(failures) == len(traces):
        raise failures[0][1]
    if output == "-":
        publish.write(results, sys.stdout.buffer, name)
    else:
        path = publish.publish(results, output, report=name)
        _tell(publish.verdict(results))
        click.echo(str(path))
    if failures:
        _options.tell_failures(failures, len(traces), "traces")


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _progress(line: str) -> None:
    """Show what is being done to who watches; a log keeps only what went wrong."""
    if sys.stderr.isatty() or "not kept" in line:
        _tell(line)
