"""`traceql baseline`: save the profile of a trace, for `traceql analyze --baseline`."""

from __future__ import annotations

from pathlib import Path

import click

from traceql.cli import _options


@click.command(
    help="""Save the profile of a trace: a small file that later traces are compared with.

    TRACE is a name, an id prefix of six characters or more, or a path; a path that is not yet in
    the store is ingested first. Then: traceql analyze OTHER --anomalies --baseline FILE.
    """
)
@click.argument("name", metavar="TRACE")
@click.option("-o", "--output", required=True, metavar="FILE",
              type=click.Path(dir_okay=False, path_type=Path),
              help="Where to write, such as main.baseline.")  # fmt: skip
@_options.store_option
@_options.query_memory_limit_option
@_options.timeout_option
def command(
    *,
    name: str,
    output: Path,
    store_path: str,
    memory_limit_bytes: int | None,
    timeout_s: float | None,
) -> None:
    """Print the path of the file."""
    from traceql.engine import baseline, scope

    store, traces = scope.traces_in_scope(
        store_path,
        [name],
        memory_limit_bytes=memory_limit_bytes,
        tell=lambda line: click.echo(line, err=True),
    )
    if len(traces) != 1:
        raise click.UsageError(f"{name} names {len(traces)} traces; a baseline is one")
    baseline.save_of(store, traces[0], output, memory_limit_bytes, timeout_s)
    click.echo(output)
