"""Write the generated pages of docs/, or check that they say what the code says.

python docs/generate.py            writes docs/schema.md, docs/reference/*.md, docs/analyses/*.md
python docs/generate.py --check    exits 1 and names the pages that differ
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from pathlib import Path

import analysis_pages
import click

DOCS = Path(__file__).resolve().parent
_MADE = "<!-- Made by docs/generate.py; edit the source, not this page. -->\n"


def schema_page() -> str:
    """Give docs/schema.md: every table and column."""
    from traceql.model import tables

    canonical = tables.canonical().values()
    parts = [
        "# Tables\n",
        _MADE,
        (
            f"\nSchema version {tables.SCHEMA_VERSION}. `ts` and every `*_ts`, `*_dur` are int64 "
            "nanoseconds. In SQL each view has the column `trace` (the name of the trace) as well, "
            "and the columns of Perfetto's table of the same name.\n"
        ),
        "\n## Stored in every trace\n",
        *(_table(t) for t in canonical if not t.dimension and not t.derived_by),
        "\n## Derived by analyses\n",
        *(_table(t) for t in canonical if t.derived_by),
        "\n## Dictionaries and sketches\n",
        *(_table(t) for t in canonical if t.dimension),
        "\n## Staging: what importers give to assembly\n",
        *(_table(t) for t in tables.staging().values()),
    ]
    return "".join(parts)


def _table(table: object) -> str:
    from traceql.model.tables import Table

    assert isinstance(table, Table)
    lines = [f"\n### `{table.name}`\n\n{table.doc}\n"]
    if table.sorted_by:
        lines.append(f"\nSorted by {', '.join(f'`{key}`' for key in table.sorted_by)}.\n")
    if table.lifted_args:
        names = ", ".join(f"`{name}`" for name in table.lifted_args)
        lines.append(f"\nInteger args stored in columns `arg_0`, `arg_1`, … : {names}.\n")
    lines.append("\n| column | type | unit | null | refers to | |\n|---|---|---|---|---|---|\n")
    for c in table.columns:
        null = "yes" if c.nullable else "no"
        refers = f"`{c.refers_to}`" if c.refers_to else ""
        doc = c.doc.replace("|", "\\|")
        lines.append(f"| `{c.name}` | {c.type} | {c.unit or ''} | {null} | {refers} | {doc} |\n")
    return "".join(lines)


def commands_page() -> str:
    """Give docs/reference/commands.md: the help of every command."""
    from traceql.cli.main import cli

    root = click.Context(cli, info_name="traceql")
    parts = ["# Commands\n", _MADE, *_help(cli, root)]
    return "".join(parts)


def _help(command: click.Command, context: click.Context) -> Iterable[str]:
    yield f"\n## `{context.command_path}`\n\n```text\n{_get_help(command, context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _help(found, click.Context(found, info_name=name, parent=context))


def _get_help(command: click.Command, context: click.Context) -> str:
    formatter = click.HelpFormatter(width=96)
    command.format_help(context, formatter)
    return formatter.getvalue().rstrip()


def errors_page() -> str:
    """Give docs/reference/errors.md: the tree of errors with exit codes."""
    from traceql import errors

    assert errors.__doc__
    body = inspect.cleandoc(errors.__doc__)
    title, _, rest = body.partition("\n")
    return f"# Errors\n{_MADE}\n{title}\n\n```text\n{rest.strip()}\n```\n"


def sql_page() -> str:
    """Give docs/reference/sql.md: every object of the standard library."""
    from traceql.query import library

    parts = ["# SQL standard library\n", _MADE]
    for module in library.modules():
        parts.append(f"\n## `{module.name}`\n")
        parts += [
            f"\n### `{item.name}` ({item.kind})\n\n```text\n{item.doc}\n```\n"
            for item in module.objects
        ]
    return "".join(parts)


def pages() -> dict[Path, str]:
    """Give every generated page by its path."""
    return {
        DOCS / "schema.md": schema_page(),
        DOCS / "reference" / "commands.md": commands_page(),
        DOCS / "reference" / "errors.md": errors_page(),
        DOCS / "reference" / "sql.md": sql_page(),
        **{DOCS / "analyses" / name: text for name, text in analysis_pages.pages(_MADE)},
    }


def main() -> int:
    """Write or check the pages."""
    check = "--check" in sys.argv[1:]
    wanted = pages()
    stale = [path for path in (DOCS / "analyses").glob("*.md") if path not in wanted]
    if not check:
        for path in stale:
            path.unlink()
    for path, text in wanted.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(path)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    for path in stale:
        verb = "differs from the code, run `make docs`" if check else "written or removed"
        print(f"{path.relative_to(DOCS.parent)}: {verb}")  # noqa: T201
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
