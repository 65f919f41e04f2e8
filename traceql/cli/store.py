"""`traceql store`: look after a store."""

from __future__ import annotations

from collections.abc import Sequence

import click

from traceql.cli import _listing, _options

_FAULTS = {"trace": "VARCHAR", "table": "VARCHAR", "fault": "VARCHAR"}
_INFO = {"what": "VARCHAR", "value": "VARCHAR"}


@click.group(help="Look after the store: verify, remove, inform.")
def command() -> None:
    """Gather the words."""


@command.command(help="Read every file again: checksums, counts, order, ids. All traces, or TRACE.")
@click.argument("names", nargs=-1, metavar="[TRACE]...")
@_options.format_option(*_listing.FORMATS)
@_options.store_option
def verify(*, names: Sequence[str], output_format: str, store_path: str) -> None:
    """Print what is wrong; exit 3 when something is."""
    from traceql.cli import _output
    from traceql.errors import StoreError
    from traceql.store.catalog import Store
    from traceql.store.verify import verify as run

    store = Store.open(store_path)
    traces = [store.resolve(name) for name in names] or store.traces()
    faults = list(run(traces))
    if output_format != "table" or faults:
        _output.write(_listing.Listing(_FAULTS, faults), output_format)
    if faults:
        damaged = len({fault.trace for fault in faults})
        raise StoreError(
            f"{damaged} of {len(traces)} traces are damaged. Remove them with `traceql store rm` "
            "and ingest their sources again."
        )
    click.echo(f"{len(traces)} traces are whole", err=True)


@command.command(help="Remove traces and every result about them; their sources stay.")
@click.argument("names", nargs=-1, metavar="[TRACE]...")
@click.option("--group", help="Remove the traces of this group.")
@_options.store_option
def rm(*, names: Sequence[str], group: str | None, store_path: str) -> None:
    """Find all first, so that a wrong name removes nothing."""
    from traceql.engine import sql_script
    from traceql.store.catalog import Store

    if not names and group is None:
        raise click.UsageError("name a TRACE, or a --group")
    store = Store.open(store_path)
    found = [store.resolve(name) for name in names]
    found += store.group(group) if group is not None else ()
    for trace in dict.fromkeys(found):
        store.remove(trace)
        click.echo(f"removed {trace.name}", err=True)
    sql_script.refresh(store)


@command.command(help="Give a trace another name.")
@click.argument("trace")
@click.argument("name")
@_options.store_option
def rename(*, trace: str, name: str, store_path: str) -> None:
    """Rename, and say the name it got."""
    from traceql.engine import sql_script
    from traceql.store.catalog import Store

    store = Store.open(store_path)
    renamed = store.rename(store.resolve(trace), name)
    sql_script.refresh(store)
    click.echo(f"{trace} is now {renamed.name}", err=True)


@command.command(help="Print the folder of the store.")
@_options.store_option
def path(*, store_path: str) -> None:
    """Print an absolute path."""
    from traceql.store.catalog import Store

    click.echo(Store.open(store_path).path.resolve())


@command.command(help="Say what the store holds.")
@_options.format_option(*_listing.FORMATS)
@_options.store_option
def info(*, output_format: str, store_path: str) -> None:
    """Print one line a fact."""
    from traceql.cli import _output
    from traceql.model.tables import SCHEMA_VERSION
    from traceql.model.units import format_bytes
    from traceql.store.catalog import FORMAT, Store

    store = Store.open(store_path)
    traces = store.traces()
    size = store.sizes(traces)
    people = output_format == "table"
    facts = [
        ("path", str(store.path.resolve())),
        ("layout", str(FORMAT)),
        ("schema", SCHEMA_VERSION),
        ("traces", str(len(traces))),
        ("groups", ", ".join(store.groups())),
        ("stored_bytes", format_bytes(size) if people else str(size)),
        ("results", str(len(list((store.path / "results").glob("*/*/result.json"))))),
    ]
    _output.write(_listing.Listing(_INFO, facts), output_format)


@command.command(help="Bring the traces of an older major version to this one.")
@_options.store_option
def migrate(*, store_path: str) -> None:
    """Say that there is nothing to do: this is the first version of the tables."""
    from traceql.model.tables import SCHEMA_VERSION
    from traceql.store.catalog import Store

    store = Store.open(store_path)
    count = len([trace.manifest for trace in store.traces()])
    click.echo(f"nothing to migrate: {count} traces of version {SCHEMA_VERSION}", err=True)
