"""`traceql query`: one SQL text, a file, stdin, or an object of the standard library."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from traceql.cli import _options, _output

if TYPE_CHECKING:
    from traceql.engine.each import Dialect, Failure

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


@click.command(
    help="""Ask the store in SQL.

    QUERY is SQL, or the name of a view, macro or module of the standard library, or - to read SQL
    from stdin. Without --trace it sees every trace of the store.
    """
)
@click.argument("query", required=False)
@click.option("-f", "--file", "file", type=click.Path(dir_okay=False, allow_dash=True),
              help="Read the SQL from a file.")  # fmt: skip
@click.option("-t", "--trace", "names", multiple=True, metavar="TRACE",
              help="Name, id prefix or path of a trace; may be given again.")  # fmt: skip
@click.option("--last", is_flag=True, help="Only the trace ingested last.")
@click.option("--each", is_flag=True, help="Run the query per trace and stack the rows.")
@_options.jobs_option("Processes that --each uses; default: one a core, where that pays.")
@click.option("--set", "settings", multiple=True, metavar="K=V",
              help="Value of $K in the SQL, or of argument K of a macro.")  # fmt: skip
@click.option("--dialect", type=click.Choice(["duckdb", "perfetto"]), default="duckdb",
              show_default=True, help="Whose SQL the query is.")  # fmt: skip
@click.option("--sql-package", "packages", multiple=True, metavar="DIR",
              type=click.Path(file_okay=False, exists=True, path_type=Path),
              help="Folder of your modules for INCLUDE PERFETTO MODULE.")  # fmt: skip
@click.option("--max-rows", "--limit", "max_rows", type=click.IntRange(min=1), default=None,
              help="Print at most so many rows; a table on a terminal prints 40.")  # fmt: skip
@_options.format_option(*_output.FORMATS)
@_options.store_option
@_options.memory_limit_option
@_options.timeout_option
def command(  # noqa: PLR0913  (one parameter per option)
    *,
    query: str | None,
    file: str | None,
    names: Sequence[str],
    last: bool,
    each: bool,
    jobs: int | None,
    settings: Sequence[str],
    dialect: Dialect,
    packages: Sequence[Path],
    max_rows: int | None,
    output_format: str,
    store_path: str,
    memory_limit_bytes: int,
    timeout_s: float | None,
) -> None:
    """Find the text and the traces, ask, print."""
    from traceql.engine.scope import traces_in_scope

    text = _text(query, file)
    given = dict(_setting(item) for item in settings)
    if packages and dialect != "perfetto":
        raise click.UsageError("--sql-package goes with --dialect perfetto")
    text, parameters = _statement(text, given) if dialect == "duckdb" else (text, given or None)
    store, traces = traces_in_scope(
        store_path,
        names,
        last=last,
        memory_limit_bytes=memory_limit_bytes,
        tell=lambda line: click.echo(line, err=True),
    )
    limits: dict[str, Any] = {"memory_limit_bytes": memory_limit_bytes, "timeout_s": timeout_s}
    if each and traces:
        from traceql.engine.each import Each

        stacked = Each(
            traces, store, text, parameters,
            jobs=jobs, dialect=dialect, packages=packages, **limits,
        )  # fmt: skip
        _output.write(stacked, output_format, max_rows=max_rows)
        _judge(stacked.failures, len(traces))
        return
    if dialect == "perfetto":
        from traceql.query.perfetto.session import PerfettoSession

        with PerfettoSession(traces, store=store, packages=packages, **limits) as spoken:
            _output.write(spoken.sql(text, parameters), output_format, max_rows=max_rows)
        return
    from traceql.query.session import Session

    with Session(traces, store=store, **limits) as session:
        _output.write(session.sql(text, parameters), output_format, max_rows=max_rows)


def _judge(failures: Sequence[Failure], traces: int) -> None:
    """Tell at the end which traces failed, and exit with 6; the one trace of one as itself."""
    if not failures:
        return
    if traces == 1:
        raise failures[0].error
    _options.tell_failures([(f.trace, f.error) for f in failures], traces, "traces")


def _text(query: str | None, file: str | None) -> str:
    if (query is None) == (file is None):
        raise click.UsageError("give one of QUERY, -f FILE, or - for stdin")
    if query == "-" or file == "-":
        return sys.stdin.read()
    if query is not None:
        return query
    try:
        return Path(str(file)).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file}: {error}") from error


def _setting(item: str) -> tuple[str, Any]:
    name, equals, value = item.partition("=")
    if not equals or not name.isidentifier():
        raise click.UsageError(f"--set {item}: write it as NAME=VALUE")
    return name, _value(value)


def _value(text: str) -> Any:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _statement(text: str, given: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """Turn the name of an object or module into the SQL that reads it."""
    name = text.strip()
    if not _NAME.fullmatch(name):
        return text, given or None
    from traceql.query import library

    found = library.find(name)
    if found.kind == "view":
        return f"SELECT * FROM {found.name}", given or None  # noqa: S608
    unknown = set(given) - set(found.arguments)
    if unknown:
        raise click.UsageError(
            f"{found.name} has no argument {', '.join(sorted(unknown))}; "
            f"it takes {', '.join(found.arguments) or 'none'}"
        )
    missing = [argument for argument in found.arguments if argument not in given]
    if missing:
        raise click.UsageError(f"{found.name} needs --set {missing[0]}=…")
    # A table is named, not bound: its name goes into the text where the guard sees it.
    parts = [str(given[a]) if library.takes_table(found, a) else f"${a}" for a in found.arguments]
    bound = {a: given[a] for a in found.arguments if not library.takes_table(found, a)}
    call = f"{found.name}({', '.join(parts)})"
    verb = "SELECT * FROM" if found.kind == "table macro" else "SELECT"
    return f"{verb} {call}", bound or None
