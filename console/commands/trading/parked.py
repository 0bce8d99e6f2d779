"""`mlrisk parked`: requests that failed too often at validation, trades that failed too often at
their steps, and an operator's ways to go on with them or end them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.markup import escape

from bot.clock import SystemClock
from bot.decision.parked_work import ParkedWork
from bot.decision.parking import is_exit, parked
from bot.execution.ports import DispatcherOnly
from bot.execution.working.setting_aside import all_set_aside
from console.context import acting, reading, settings_of, settings_to_act
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout, utc
from console.runtime.authority import LoginFileOption, OperatorOption, with_authority
from console.runtime.configuring import ActorOption, ReasonOption, actor_of
from console.runtime.operator import task_queue
from models.amounts import shortest
from models.database import Database
from models.tables import ParentOrderRow, TradeRequestRow

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "List, release or end parked requests (failed validations) and trades set aside "
        "(failed steps)."
    ),
)

RequestArgument = Annotated[str, typer.Argument(help="The request_id that the strategy chose.")]


@app.command("list", epilog="Example: mlrisk parked list --json")
def list_parked(ctx: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List parked requests and trades set aside, with their failures. A trade ends by itself ten
    minutes after it was set aside."""
    with reading(settings_of(ctx, home).require_database_url()) as session:
        found = [_facts(row) for row in parked(session)]
        trades = [_trade_facts(row) for row in all_set_aside(session)]
    if as_json:
        print_json({"parked": found, "set_aside": trades})
        return
    for facts in found:
        stdout().print(
            f"{escape(facts['request_id'])} {facts['side']} {escape(facts['symbol'])}"
            f"{' (an exit)' if facts['reduce_only'] else ''} since "
            f"{utc(facts['since'])}, {facts['attempts']} attempts: "
            f"{escape(facts['failure'] or '')}"
        )
    for facts in trades:
        stdout().print(
            f"{escape(facts['request_id'])} {facts['side']} {escape(facts['symbol'])} set aside "
            f"since {utc(facts['since'])}, {shortest(facts['open_qty'])} left, "
            f"{facts['attempts']} failed steps: {escape(facts['failure'] or '')}"
        )
    if not found and not trades:
        stdout().print("nothing is parked")


@app.command(epilog='Example: mlrisk parked release r-1 --reason "fixed in 1.2.1"')
def release(
    ctx: typer.Context,
    request_id: RequestArgument,
    reason: ReasonOption,
    actor: ActorOption = None,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Validate a parked request again; the gate judges its age as of then. A trade goes on with its
    remaining quantity, to its own deadline. Outside development it takes an operator's login."""
    with _parked_work(ctx, home) as (db, acts):
        status = with_authority(
            db,
            lambda by: acts.release(request_id, reason=reason, actor=by),
            operator=operator,
            login_file=login_file,
            note=actor,
        )
    _tell(request_id, status, as_json=as_json)


@app.command(epilog='Example: mlrisk parked end r-1 --reason "sent again as r-2"')
def end(
    ctx: typer.Context,
    request_id: RequestArgument,
    reason: ReasonOption,
    actor: ActorOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a parked request: it is never validated. A trade ends when nothing of it is open."""
    with _parked_work(ctx, home) as (_, acts):
        status = acts.end(request_id, reason=reason, actor=actor_of(actor))
    _tell(request_id, status, as_json=as_json)


@contextmanager
def _parked_work(ctx: typer.Context, home: HomeOption) -> Iterator[tuple[Database, ParkedWork]]:
    settings = settings_to_act(ctx, home)
    with acting(settings) as db:
        yield db, ParkedWork(db, SystemClock(), task_queue(settings) or DispatcherOnly())


def _tell(request_id: str, status: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"request_id": request_id, "status": status})
    else:
        stdout().print(f"{escape(request_id)}: {status}")


def _facts(row: TradeRequestRow) -> dict[str, Any]:
    return {
        "request_id": row.request_id,
        "symbol": row.symbol,
        "side": row.side,
        "strategy": row.strategy,
        "reduce_only": is_exit(row),
        "attempts": row.attempts,
        "failure": row.failure,
        "since": row.updated_at,
    }


def _trade_facts(row: ParentOrderRow) -> dict[str, Any]:
    return {
        "request_id": row.request_id,
        "symbol": row.symbol,
        "side": row.side,
        "strategy": row.strategy,
        "attempts": row.step_failures,
        "failure": row.failure,
        "since": row.set_aside_at,
        "open_qty": row.approved_qty - row.filled_qty - row.released_qty,
    }
