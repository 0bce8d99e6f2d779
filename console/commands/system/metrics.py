"""`mlrisk metrics`: how trades are validated, executed and protected, in figures."""

import typer

from console.options import HomeOption, JsonOption
from console.since import SinceOption, show_since
from console.views.key_metrics import key_metrics, print_metrics


def register(app: typer.Typer) -> None:
    """Adds `mlrisk metrics` to the program."""
    app.command(epilog="Example: mlrisk metrics --since 24h --json")(metrics)


def metrics(
    ctx: typer.Context,
    since: SinceOption = "1h",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show approval and block rates, execution quality, breakers, stops and models since a moment.

    The command reads all decisions since then. A million decisions take seconds.
    """
    show_since(ctx, home, since, key_metrics, print_metrics, as_json=as_json)
