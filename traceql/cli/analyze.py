"""`traceql analyze`: run analyses over traces, print what they found."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from traceql.cli import _options
from traceql.model.result import Severity

if TYPE_CHECKING:
    from traceql.errors import TraceQLError
    from traceql.model.result import Result

_REPORTS = {"table": "terminal", "json": "json", "md": "markdown"}
_SEVERITIES = [severity.name for severity in Severity]


class _WithFamilies(click.Command):
    """A command with one flag per family of analyses.

    The flags are made when they are needed: `traceql --help` loads no analysis.
    """

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Give the options, those of the families first."""
        from traceql.engine.analyze import members

        flags: list[click.Parameter] = [
            click.Option(
                [f"--{family}", f"family_{family}"],
                is_flag=True,
                help=f"Run {', '.join(names)}.",
            )
            for family, names in members().items()
        ]
        return [*flags, *super().get_params(ctx)]


@click.command(
    cls=_WithFamilies,
    help="""Look for what matters in traces: findings with their evidence.

    TRACE is a name, an id prefix of six characters or more, or a path; a path that is not yet in
    the store is ingested first. Without TRACE every trace of the store is analyzed. Without a
    family or --only all analyses run. Exits 1 when --fail-on is met.
    """,
)
@click.argument("names", nargs=-1, metavar="[TRACE]...")
@click.option("--only", multiple=True, metavar="NAME", help="Run this analysis; may be repeated.")
@click.option("--set", "settings", multiple=True, metavar="K=V",
              help="Parameter K of the analyses that have it, or ANALYSIS.K=V.")  # fmt: skip
@click.option("--window", metavar="A..B", default=None,
              help="Only events that start in it: 10ms..20ms, or ts..ts.")  # fmt: skip
@click.option("--baseline", metavar="NAME|FILE", default=None,
              help="Compare with this trace, or with what `traceql baseline` saved.")  # fmt: skip
@click.option("--fail-on", type=click.Choice(_SEVERITIES), default=None,
              help="Exit 1 when a finding is as severe as this.")  # fmt: skip
@click.option("--last", is_flag=True, help="Only the trace ingested last.")
@_options.jobs_option("Processes that share the traces; default: one a core, where that pays.")
@_options.format_option("table", "json", "csv", "md")
@_options.store_option
@_options.query_memory_limit_option
@_options.timeout_option
@click.pass_context
def command(  # noqa: PLR0913  (one parameter per option)
    ctx: click.Context,
    /,
    *,
    names: Sequence[str],
    only: Sequence[str],
    settings: Sequence[str],
    window: str | None,
    baseline: str | None,
    fail_on: str | None,
    last: bool,
    jobs: int | None,
    output_format: str,
    store_path: str,
    memory_limit_bytes: int | None,
    timeout_s: float | None,
    **flags: bool,
) -> None:
    """Find the traces, run, print, and judge by --fail-on."""
    from traceql.engine import analyze, scope
    from traceql.engine import settings as given
    from traceql.engine import window as windows
    from traceql.engine.baseline import is_saved

    families = [flag.removeprefix("family_") for flag, on in flags.items() if on]
    if any(scope.looks_like_a_path(name) for name in names):
        analyze.choose(only, families)  # said before the long work, not after it
    limit = windows.parse(window) if window else None
    store, traces = scope.traces_in_scope(
        store_path, names, last=last, memory_limit_bytes=memory_limit_bytes, tell=_tell
    )
    if baseline and scope.looks_like_a_path(baseline) and not is_saved(baseline):
        _, (other, *_) = scope.traces_in_scope(
            store_path, [baseline], memory_limit_bytes=memory_limit_bytes, tell=_tell
        )
        baseline = other.name
    failures: list[tuple[str, TraceQLError]] = []
    results = analyze.analyze(
        store,
        traces,
        only=only,
        families=families,
        parameters=given.parse(settings),
        window=limit,
        baseline=baseline,
        jobs=jobs,
        progress=_progress,
        failed=lambda name, error: failures.append((name, error)),
        memory_limit_bytes=memory_limit_bytes,
        timeout_s=timeout_s,
    )
    if failures and len(traces) == 1:
        raise failures[0][1]
    _print(results, output_format)
    if failures:
        _options.tell_failures(failures, len(traces), "traces")
    if fail_on and any(f.severity >= Severity[fail_on] for r in results for f in r.findings):
        ctx.exit(1)


def _print(results: Sequence[Result], output_format: str) -> None:
    if output_format == "csv":
        _csv(results)
        return
    from traceql.engine import publish

    publish.write(results, sys.stdout.buffer, _REPORTS[output_format])


def _csv(results: Sequence[Result]) -> None:
    """Print the findings, the gravest first; what could not be looked at goes to stderr."""
    import csv

    from traceql.model import tables

    writer = csv.writer(sys.stdout, lineterminator="\n")
    columns = [column.name for column in tables.table("finding").columns]
    writer.writerow(columns)
    found = [finding for result in results for finding in result.findings]
    found.sort(key=lambda f: (-int(f.severity), -(f.impact_ratio or 0.0), f.finding_id))
    for finding in found:
        row = finding.row()
        writer.writerow(["" if row[name] is None else row[name] for name in columns])
    for result in results:
        if result.status == "abstained":
            _tell(f"could not look: {result.analysis}: {result.reason}. {result.remedy}")


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _progress(line: str) -> None:
    """Show what is being done to who watches; a log keeps only what went wrong."""
    if sys.stderr.isatty() or "not kept" in line:
        _tell(line)
