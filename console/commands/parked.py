"""`mlrisk parked`: requests whose validation failed too often, and what becomes of them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.configuring import ActorOption, ReasonOption, actor_of
from console.context import HomeOption, JsonOption, acting, reading, settings_of
from console.output import print_json, stdout, utc

if TYPE_CHECKING:
    from bot.execution.parking import ParkedRequests
    from models.tables import TradeRequestRow

app = typer.Typer(
    no_args_is_help=True, help="See, release or end requests whose validation failed too often."
)

RequestArgument = Annotated[str, typer.Argument(help="As the strategy named it.")]


@app.command("list", epilog="Example: mlrisk parked list --json")
def list_parked(ctx: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List what is parked, with the failure that parked it."""
    from rich.markup import escape

    from bot.execution.parking import parked

    with reading(settings_of(ctx, home).require_database_url()) as session:
        found = [_facts(row) for row in parked(session)]
    if as_json:
        print_json({"parked": found})
        return
    for facts in found:
        stdout().print(
            f"{escape(facts['request_id'])} {facts['side']} {escape(facts['symbol'])} since "
            f"{utc(facts['since'])}, {facts['attempts']} attempts: "
            f"{escape(facts['failure'] or '')}"
        )
    if not found:
        stdout().print("nothing is parked")


@app.command(epilog='Example: mlrisk parked release r-1 --reason "fixed in 1.2.1"')
def release(
    ctx: typer.Context,
    request_id: RequestArgument,
    reason: ReasonOption,
    actor: ActorOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let one be validated again; the gate judges its age as of then."""
    _act(
        ctx,
        home,
        lambda acts: acts.release(request_id, reason=reason, actor=actor_of(actor)),
        as_json=as_json,
    )


@app.command(epilog='Example: mlrisk parked end r-1 --reason "sent again as r-2"')
def end(
    ctx: typer.Context,
    request_id: RequestArgument,
    reason: ReasonOption,
    actor: ActorOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """End one: it will never be validated."""
    _act(
        ctx,
        home,
        lambda acts: acts.end(request_id, reason=reason, actor=actor_of(actor)),
        as_json=as_json,
    )


def _act(
    ctx: typer.Context,
    home: Any,
    act: "Callable[[ParkedRequests], TradeRequestRow]",
    *,
    as_json: bool,
) -> None:
    from rich.markup import escape

    from bot.clock import SystemClock
    from bot.execution.parking import ParkedRequests
    from bot.execution.ports import DispatcherOnly
    from console.operator import wakeups

    settings = settings_of(ctx, home)
    with acting(settings) as db:
        row = act(ParkedRequests(db, SystemClock(), wakeups(settings) or DispatcherOnly()))
    if as_json:
        print_json({"request_id": row.request_id, "status": str(row.status)})
    else:
        stdout().print(f"{escape(row.request_id)}: {row.status}")


def _facts(row: "TradeRequestRow") -> dict[str, Any]:
    return {
        "request_id": row.request_id,
        "symbol": row.symbol,
        "side": row.side,
        "strategy": row.strategy,
        "attempts": row.attempts,
        "failure": row.failure,
        "since": row.updated_at,
    }
