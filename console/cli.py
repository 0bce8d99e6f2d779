"""The `mlrisk` command: one verb per module under `console/commands/`."""

import logging
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from console.commands import (
    blocks,
    breaker,
    config,
    demo,
    doctor,
    down,
    halt,
    metrics,
    migrate,
    operator,
    order,
    paper_exchange,
    parked,
    position,
    replay,
    requests,
    resume,
    schema,
    screen,
    show,
    status,
    strategy,
    submit,
    tca,
    up,
    volume,
    whatif,
)
from console.commands import explain as explain_request
from console.context import HomeOption
from console.errors import ExitCode, explain

EXIT_CODES = (
    "Exit status: 0 ok, 1 failed, 2 usage or configuration, 3 blocked by risk, 4 halted, "
    "5 a dependency is down, 130 Ctrl-C."
)

app = typer.Typer(
    name="mlrisk",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    epilog=EXIT_CODES,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from console.version import version_line

        typer.echo(version_line())
        raise typer.Exit(ExitCode.OK)


@app.callback()
def _root(
    ctx: typer.Context,
    home: HomeOption = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """The risk gate and execution system between your models and the exchange.

    Start everything on this machine with [bold]mlrisk up[/bold], see a finite run with
    [bold]mlrisk demo --seconds 120[/bold].
    """
    # typer hands both to the verbs through the context.
    del home, version
    if ctx.invoked_subcommand != "paper-exchange":
        # The console says what matters itself; a library's line would tear the screen apart.
        logging.getLogger().addHandler(logging.NullHandler())


for verb in (
    up,
    demo,
    down,
    status,
    screen,
    halt,
    resume,
    submit,
    requests,
    show,
    tca,
    explain_request,
    whatif,
    replay,
    blocks,
    metrics,
    doctor,
    migrate,
    paper_exchange,
):
    verb.register(app)
app.add_typer(schema.app, name="schema")
app.add_typer(volume.app, name="volume")
app.add_typer(config.app, name="config")
app.add_typer(order.app, name="order")
app.add_typer(breaker.app, name="breaker")
app.add_typer(operator.app, name="operator")
app.add_typer(parked.app, name="parked")
app.add_typer(position.app, name="position")
app.add_typer(strategy.app, name="strategy")


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and gives its exit status; known errors become one line."""
    try:
        app(list(arguments), prog_name="mlrisk")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.FAILED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
        from console.foreign import visible

        sys.stderr.write(f"mlrisk: {visible(known.message)}\n")
        return known.code
    return ExitCode.OK


def main() -> None:
    """Entry point of the `mlrisk` script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
