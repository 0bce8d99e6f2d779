"""`mlrisk down`: stops the system of a home."""

import typer

from console.context import chosen_home
from console.errors import ExitCode
from console.options import HomeOption
from console.output import stderr
from console.runtime.signals import stop_wish
from console.runtime.system import supervisor_of


def register(app: typer.Typer) -> None:
    """Adds `mlrisk down` to the program."""
    app.command(epilog="Example: mlrisk down --home ./state")(down)


def down(ctx: typer.Context, home: HomeOption = None) -> None:
    """Stop every process, strategies first and servers last. Nothing stored is lost.

    Exit status 1 when a process had to be killed, 5 when no system runs.
    """
    supervisor = supervisor_of(chosen_home(ctx, home))
    say = stderr()
    # A stop runs to its end once it has begun: half a system helps nobody.
    with stop_wish():
        clean = supervisor.shutdown(lambda step: say.print(step))
    say.print(
        "stopped cleanly" if clean else ("[red]stopped, but some processes had to be killed[/]")
    )
    if not clean:
        raise typer.Exit(ExitCode.FAILED)
