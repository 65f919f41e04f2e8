"""`traceql`: finds the commands by file name, loads the one that is called, prints errors.

A command is a file of this folder with an attribute `command`. Only click and the file of the
command are imported before it runs, so that `traceql --help` stays quick.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from pathlib import Path

import click

from traceql import __version__
from traceql.errors import TraceQLError
from traceql.kernels import notice

_COMPILING = "compiling kernels for this machine, once: about 20 s"
_OBJECTS_BETWEEN_COLLECTIONS = 50_000
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
_ORDER = ("ingest", "query", "analyze", "report", "list", "store", "doctor")


class _Commands(click.Group):
    """A group whose commands are the files beside this one."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Give the names: those of the main path first, then by alphabet."""
        found = {
            path.stem.replace("_", "-")
            for path in Path(__file__).parent.glob("[a-z]*.py")
            if path.stem != "main"
        }
        first = [name for name in _ORDER if name in found]
        return first + sorted(found - set(first))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the file of one command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"traceql.cli.{cmd_name.replace('-', '_')}")
        command = module.command
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="traceql")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cli(ctx: click.Context, *, debug: bool) -> None:
    """Turn any profiler's trace into tables, ask it in SQL, get findings with evidence."""
    ctx.obj = {"debug": debug}


def main() -> None:
    """Run the command line; the one place that prints errors and chooses the exit code."""
    # numpy starts a thread of algebra for each core, which wait busily for work they do not get.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Imports and rows make many objects and hardly any garbage: looking for it took a tenth.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    notice.when_compiling(lambda: click.echo(_COMPILING, err=True))
    debug = "--debug" in sys.argv
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        _leave(EXIT_INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        _reader_went_away()
    except SystemExit:
        # The commands never raise this; click does for a broken pipe, with 1: here that is a gate.
        _reader_went_away()
    except TraceQLError as error:
        if debug:
            raise
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except Exception as error:
        if debug:
            raise
        click.echo(
            f"error: {type(error).__name__}: {error}\n"
            "This is a bug of traceql; `traceql --debug …` shows where it happened.",
            err=True,
        )
        sys.exit(EXIT_BUG)
    sys.exit(code if isinstance(code, int) else 0)


def _reader_went_away() -> None:
    """End well where output went to `| head`: stdout points nowhere, so that exit is silent."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())  # type: ignore[union-attr]
    os._exit(0)


def _leave(code: int) -> None:
    sys.stdout.flush()
    sys.exit(code)


if __name__ == "__main__":
    main()
