"""Options that several commands share, with the same words everywhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import click

from traceql.engine import memory
from traceql.model.units import parse_bytes

F = TypeVar("F", bound=Callable[..., Any])

EXIT_SOME_FAILED = 6
DEFAULT_STORE = "traceql-store"


class Bytes(click.ParamType):  # type: ignore[type-arg]
    """A size such as `512MB` or `2GiB`."""

    name = "size"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read the size."""
        if isinstance(value, int):
            return value
        try:
            return parse_bytes(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def store_option(function: F) -> F:
    """Add `--store`."""
    return click.option(
        "--store",
        "store_path",
        type=click.Path(file_okay=False),
        default=lambda: os.environ.get("TRACEQL_STORE", DEFAULT_STORE),
        show_default="$TRACEQL_STORE, else ./traceql-store",
        help="Folder of the store.",
    )(function)


def memory_limit_option(function: F) -> F:
    """Add `--memory-limit`."""
    return click.option(
        "--memory-limit",
        "memory_limit_bytes",
        type=Bytes(),
        default=memory.limit_bytes,
        show_default=f"${memory.VARIABLE}, else half of the memory",
        help="Most memory to use, such as 512MB.",
    )(function)


def query_memory_limit_option(function: F) -> F:
    """Add `--memory-limit` of the queries of analyses; None leaves the choice to the engine."""
    return click.option(
        "--memory-limit",
        "memory_limit_bytes",
        type=Bytes(),
        default=memory.wanted_bytes,
        show_default=f"${memory.VARIABLE}, else by the size of the trace",
        help="Most memory for the queries, such as 512MB.",
    )(function)


def jobs_option(said: str) -> Callable[[F], F]:
    """Add `--jobs`; its default, None, leaves the choice to the engine."""
    return click.option("--jobs", "-j", type=click.IntRange(min=1), default=None, help=said)


def timeout_option(function: F) -> F:
    """Add `--timeout`."""
    return click.option(
        "--timeout",
        "timeout_s",
        type=click.FloatRange(min=0, min_open=True),
        default=None,
        help="Seconds after which a query is stopped.",
    )(function)


def format_option(*formats: str, default: str = "table") -> Callable[[F], F]:
    """Add `--format` with the formats that the command can write."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(formats),
        default=default,
        show_default=True,
        help="How to print the answer; every format but `table` has raw nanoseconds.",
    )


def tell_failures(
    failed: Sequence[tuple[str, Exception]], total: int, what: str, *, most: int = 20
) -> NoReturn:
    """List on stderr which of many inputs failed, and exit with 6.

    Args:
        failed: name of the input, and its error.
        total: how many inputs there were.
        what: what they are, in the plural.
        most: so many are named.
    """
    for name, error in failed[:most]:
        text = str(error).partition("\n")[0]  # without the excerpt of the SQL, the same for all
        named = text if text.startswith(f"{name}: ") else f"{name}: {text}"
        click.echo(f"error: {named}", err=True)
    if len(failed) > most:
        click.echo(f"and {len(failed) - most} more", err=True)
    click.echo(f"{len(failed)} of {total} {what} failed", err=True)
    click.get_current_context().exit(EXIT_SOME_FAILED)
