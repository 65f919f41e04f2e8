"""`traceql list`: what there is: traces, groups, tables, formats, analyses, modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from traceql.cli import _listing, _options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from traceql.store.catalog import Trace


@click.group(name="list", help="List traces, groups, tables, formats, analyses, modules.")
def command() -> None:
    """Gather the words."""


@command.command(help="List the traces of the store, in order of ingestion.")
@_options.format_option(*_listing.FORMATS)
@_options.store_option
def traces(*, output_format: str, store_path: str) -> None:
    """Print one line a trace."""
    from traceql.store.catalog import Store

    columns = {
        "name": "VARCHAR",
        "id": "VARCHAR",
        "importer": "VARCHAR",
        "slices": "BIGINT",
        "span_dur": "BIGINT",
        "stored_bytes": "BIGINT",
        "groups": "VARCHAR",
        "ingested": "VARCHAR",
    }
    found = Store.open(store_path).traces()
    _write(columns, [_trace(trace, output_format) for trace in found], output_format)


def _trace(trace: Trace, output_format: str) -> tuple[Any, ...]:
    from traceql.errors import StoreError

    people = output_format == "table"
    shown = trace.id[:12] if people else trace.id
    when = trace.ingested_at.isoformat(sep=" " if people else "T", timespec="seconds")
    groups = ", ".join(trace.groups)
    try:
        manifest = trace.manifest
    except StoreError:
        return (trace.name, shown, "(damaged)", None, None, None, groups, when)
    files = manifest.tables
    slices = files["slice"].rows if "slice" in files else 0
    starts = [file.min_ts for file in files.values() if file.min_ts is not None]
    ends = [file.max_end for file in files.values() if file.max_end is not None]
    span = max(ends) - min(starts) if starts and ends else None
    return (trace.name, shown, manifest.importer, slices, span, manifest.bytes, groups, when)


@command.command(help="List the groups of the store.")
@_options.format_option(*_listing.FORMATS)
@_options.store_option
def groups(*, output_format: str, store_path: str) -> None:
    """Print one line a group."""
    from traceql.store.catalog import Store

    rows = [
        (name, len(members), ", ".join(trace.name for trace in members))
        for name, members in Store.open(store_path).groups().items()
    ]
    columns = {"name": "VARCHAR", "traces": "BIGINT", "members": "VARCHAR"}
    _write(columns, rows, output_format)


@command.command(help="List the tables of the data model, or the columns of TABLE.")
@click.argument("table", required=False)
@_options.format_option(*_listing.FORMATS)
def tables(*, table: str | None, output_format: str) -> None:
    """Print one line a table, or a column."""
    from traceql.model import tables as model

    known = model.canonical()
    if table is None:
        columns = {"name": "VARCHAR", "columns": "BIGINT", "doc": "VARCHAR"}
        rows = [(t.name, len(t.columns), t.doc) for t in known.values()]
        _write(columns, rows, output_format)
        return
    if table not in known:
        _refuse_table(table, list(known))
    _write(
        {
            "column": "VARCHAR",
            "type": "VARCHAR",
            "unit": "VARCHAR",
            "nullable": "BOOLEAN",
            "refers_to": "VARCHAR",
            "doc": "VARCHAR",
        },
        [(c.name, c.type, c.unit, c.nullable, c.refers_to, c.doc) for c in known[table].columns],
        output_format,
    )


def _refuse_table(name: str, known: list[str]) -> None:
    import difflib

    from traceql.errors import UnknownName

    raise UnknownName(name, difflib.get_close_matches(name, known), kind="table")


@command.command(help="List the formats that can be ingested.")
@_options.format_option(*_listing.FORMATS)
def formats(*, output_format: str) -> None:
    """Print one line an importer, with its options and what they are by default."""
    from traceql.engine import plugins, settings

    rows = []
    for name in plugins.names("importers"):
        plugin = plugins.load("importers", name)
        options = ", ".join(f"{key}={value}" for key, value in settings.fields(plugin).items())
        rows.append((name, _sentence(plugin.__doc__), options))
    _write({"name": "VARCHAR", "doc": "VARCHAR", "options": "VARCHAR"}, rows, output_format)


@command.command(help="List the analyses.")
@_options.format_option(*_listing.FORMATS)
def analyses(*, output_format: str) -> None:
    """Print one line an analysis."""
    from traceql.engine import plugins

    rows = []
    for name in plugins.names("analyses"):
        plugin = plugins.load("analyses", name)
        rows.append((name, getattr(plugin, "question", None) or _sentence(plugin.__doc__)))
    _write({"name": "VARCHAR", "doc": "VARCHAR"}, rows, output_format)


@command.command(help="List the modules of the SQL standard library and what they define.")
@_options.format_option(*_listing.FORMATS)
def modules(*, output_format: str) -> None:
    """Print one line a view or macro."""
    from traceql.query import library

    rows = [
        (item.module, item.name, item.kind, _sentence(item.doc))
        for item in library.objects().values()
        if not item.is_private
    ]
    columns = {"module": "VARCHAR", "name": "VARCHAR", "kind": "VARCHAR", "doc": "VARCHAR"}
    _write(columns, sorted(rows), output_format)


def _sentence(doc: str | None) -> str:
    """Give the first paragraph of a docstring, in one line."""
    return " ".join((doc or "").strip().partition("\n\n")[0].split())


def _write(columns: dict[str, str], rows: Sequence[Sequence[Any]], output_format: str) -> None:
    from traceql.cli import _output

    _output.write(_listing.Listing(columns, rows), output_format)
