"""`mlrisk blocks`: how many requests are blocked, by what, and what the blocks were worth."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from bot.gate_value.figures import GroupBy
from console.errors import CommandError, ExitCode
from console.options import HomeOption, JsonOption
from console.since import show_since
from console.views.block_rate import print_rate, rate_facts
from console.views.gate_value import print_value, value_facts

ValueOption = Annotated[
    bool,
    typer.Option("--value", help="What the blocked trades would have been worth, after costs."),
]
ByOption = Annotated[
    GroupBy | None,
    typer.Option("--by", help="With --value: put blocks together by this (default: check)."),
]
SinceBlocksOption = Annotated[
    str | None,
    typer.Option(
        "--since",
        help="30s, 15m, 1h, 7d (default: 1h, with --value 30d).",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Adds `mlrisk blocks` to the program."""
    app.command(epilog="Example: mlrisk blocks --value --since 7d")(blocks)


def blocks(
    ctx: typer.Context,
    since: SinceBlocksOption = None,
    value: ValueOption = False,
    by: ByOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count blocked requests by reason and by check, and hint at a check that blocks nearly all.

    The command reads all decisions since then. A million decisions take seconds. With --value it
    tells what each check's blocks saved or cost; docs/gate_value.md has the method.
    """
    if not value:
        if by is not None:
            raise CommandError("--by belongs to --value", ExitCode.USAGE)
        show_since(ctx, home, since or "1h", rate_facts, print_rate, as_json=as_json)
        return
    show_since(
        ctx,
        home,
        since or "30d",
        lambda session, start: value_facts(session, start, datetime.now(UTC), by or GroupBy.CHECK),
        print_value,
        as_json=as_json,
    )
