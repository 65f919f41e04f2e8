"""`traceql doctor`: what this installation has, and whether it works."""

from __future__ import annotations

import click

from traceql.cli import _options


@click.command(help="Say what this installation has, compile its kernels, and check the store.")
@_options.store_option
def command(store_path: str) -> None:
    """Print one line a check; exit 70 when a part of the installation is broken."""
    from traceql.engine.doctor import examine

    broken = False
    for check in examine(store_path):
        broken |= check.state == "broken"
        click.echo(f"{check.state:8} {check.name:14} {check.detail}")
    if broken:
        click.get_current_context().exit(70)
