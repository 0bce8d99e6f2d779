"""`mlrisk blocks`: how many requests are blocked, and by which reasons and checks."""

import typer

from console.options import HomeOption, JsonOption
from console.since import SinceOption, show_since
from console.views.block_rate import print_rate, rate_facts


def register(app: typer.Typer) -> None:
    """Adds `mlrisk blocks` to the program."""
    app.command(epilog="Example: mlrisk blocks --since 1h")(blocks)


def blocks(
    ctx: typer.Context,
    since: SinceOption = "1h",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count blocked requests by reason and by check, and hint at a check that blocks nearly all.

    The command reads all decisions since then. A million decisions take seconds.
    """
    show_since(ctx, home, since, rate_facts, print_rate, as_json=as_json)
