"""`mlrisk metrics`: how trades are validated, executed and protected, in figures."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from console.configuring import duration_of
from console.context import HomeOption, JsonOption, reading, settings_of
from console.output import print_json, stdout


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: mlrisk metrics --since 24h --json")(metrics)


def metrics(
    ctx: typer.Context,
    since: Annotated[str, typer.Option("--since", help="30s, 15m, 1h, 7d.")] = "1h",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approval and block rates, execution quality, breakers, stops and models since a moment."""
    from console.key_metrics import key_metrics, print_metrics

    start = datetime.now(UTC) - duration_of(since)
    with reading(settings_of(ctx, home).require_database_url()) as session:
        facts = key_metrics(session, start)
    if as_json:
        print_json(facts)
    else:
        print_metrics(stdout(), facts)
