"""`mlrisk requests`: the newest trade requests and the decisions about them."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from console.context import reading, settings_of
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout, utc
from console.views.live.queries import recent_requests
from models.amounts import shortest


def register(app: typer.Typer) -> None:
    """Adds `mlrisk requests` to the program."""
    app.command(epilog="Example: mlrisk requests --last 50 --json")(requests)


def requests(
    ctx: typer.Context,
    last: Annotated[int, typer.Option("--last", "-n", min=1, max=10_000, help="How many.")] = 20,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the newest requests, newest first; `mlrisk show REQUEST_ID` explains one."""
    with reading(settings_of(ctx, home).require_database_url()) as session:
        lines = recent_requests(session, last)
    if as_json:
        print_json(
            {
                "requests": [
                    {
                        "request_id": line.request_id,
                        "received_at": line.received_at,
                        "strategy": line.strategy,
                        "symbol": line.symbol,
                        "side": line.side,
                        "requested_notional": line.notional,
                        "status": line.status,
                        "verdict": line.verdict or None,
                        "approved_notional": line.approved_notional,
                        "reasons": line.reasons,
                        "end_reason": line.end_reason,
                    }
                    for line in lines
                ]
            }
        )
        return

    table = Table(
        "received", "request", "symbol", "side", "asked", "answer", "granted", "reasons / status",
        box=None,
    )  # fmt: skip
    for line in lines:
        granted = shortest(line.approved_notional) if line.approved_notional is not None else ""
        table.add_row(
            utc(line.received_at),
            escape(line.request_id),
            escape(line.symbol),
            line.side,
            line.notional,
            line.verdict,
            granted,
            escape(line.standing),
        )
    stdout().print(table)
