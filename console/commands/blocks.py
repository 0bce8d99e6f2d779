"""`mlrisk blocks`: how many requests are blocked, and by what."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from console.configuring import duration_of
from console.context import HomeOption, JsonOption, reading, settings_of
from console.output import print_json, stdout


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: mlrisk blocks --since 1h")(blocks)


def blocks(
    ctx: typer.Context,
    since: Annotated[str, typer.Option("--since", help="30s, 15m, 1h, 7d.")] = "1h",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count blocked requests by reason and by check, and hint at a check that blocks nearly all."""
    from console.block_rate import print_rate, rate_facts

    start = datetime.now(UTC) - duration_of(since)
    with reading(settings_of(ctx, home).require_database_url()) as session:
        facts = rate_facts(session, start)
    if as_json:
        print_json(facts)
    else:
        print_rate(stdout(), facts)
