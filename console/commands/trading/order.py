"""`mlrisk order`: pauses, resumes, cancels and lists the orders that are being worked."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from bot.account.lost_orders import LostOrders
from bot.clock import SystemClock
from bot.exchange import factory
from bot.execution.booking.fills import FillBook
from bot.execution.orders.control import ControlReport, ParentControl
from bot.execution.ports import Deps, DispatcherOnly
from console.context import acting, reading, settings_to_act, settings_to_look
from console.options import HomeOption, JsonOption
from console.output import print_json, stderr, stdout
from console.runtime.authority import LoginFileOption, OperatorOption, with_authority
from console.runtime.configuring import ActorOption, ReasonOption, actor_of
from console.runtime.halts.recovering import may_recover
from console.runtime.operator import task_queue
from console.views.live.open_orders import open_orders, print_orders
from models.database import Database

app = typer.Typer(
    no_args_is_help=True, help="Pause, resume, cancel and list the orders being worked."
)

RequestArgument = Annotated[str, typer.Argument(help="The request_id that the strategy chose.")]


@app.command(epilog='Example: mlrisk order pause demo-18c2f-1 --reason "news at noon"')
def pause(
    ctx: typer.Context,
    request_id: RequestArgument,
    reason: ReasonOption,
    actor: ActorOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pause one order: place nothing more, and cancel its resting orders. Its deadline stays.

    A second pause changes nothing.
    """
    with _control(ctx, home) as (_, control):
        report = control.pause(request_id, reason=reason, actor=actor_of(actor))
    _tell(report, as_json)


@app.command(epilog='Example: mlrisk order resume demo-18c2f-1 --reason "news is out"')
def resume(
    ctx: typer.Context,
    request_id: RequestArgument,
    reason: ReasonOption,
    actor: ActorOption = None,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Resume a paused order, with its original deadline.

    Slices that were due meanwhile catch up under the bound of the limits. Outside development it
    takes an operator's login.
    """
    with _control(ctx, home) as (db, control):
        report = with_authority(
            db,
            lambda by: control.resume(request_id, reason=reason, actor=by),
            operator=operator,
            login_file=login_file,
            note=actor,
        )
    _tell(report, as_json)


@app.command(epilog='Example: mlrisk order cancel demo-18c2f-1 --reason "wrong size"')
def cancel(
    ctx: typer.Context,
    request_id: RequestArgument,
    reason: ReasonOption,
    actor: ActorOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """End one order: release its unsent quantity, and cancel its resting orders.

    Fills before the exchange's confirmation count. This can't be undone.
    """
    with _control(ctx, home) as (_, control):
        report = control.cancel(request_id, reason=reason, actor=actor_of(actor))
    _tell(report, as_json)


@app.command(epilog='Example: mlrisk order forget mr-3F2A... --reason "gone since noon"')
def forget(
    ctx: typer.Context,
    order_link_id: Annotated[str, typer.Argument(help="The order's id at the exchange.")],
    reason: ReasonOption,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help=("End the order without proof. The command asks for the id once more.")
        ),
    ] = False,
    actor: ActorOption = None,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """End an order that the exchange took and no longer knows, and release its quantity.

    The command is refused unless the absence is proven: look-ups over minutes found nothing, there
    is no execution, and the positions agree. A later fill is still credited. Outside development,
    --force takes an operator's login.
    """
    if force:
        typed = typer.prompt("Type the order's id to end it without proof", err=True)
        if typed != order_link_id:
            raise typer.BadParameter("that is another id; nothing was done", param_hint="--force")
    with _lost_orders(ctx, home) as (db, lost):
        with_authority(
            db,
            lambda by: lost.forget(order_link_id, reason=reason, actor=by, force=force),
            operator=operator,
            login_file=login_file,
            note=actor,
        )
    if as_json:
        print_json({"order_link_id": order_link_id, "state": "lost", "forced": force})
    else:
        stdout().print(f"{escape(order_link_id)} [bold]LOST[/]: its quantity is released")


@app.command("list", epilog="Example: mlrisk order list --json")
def list_open(ctx: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the open orders: the algorithm of each, its obstacle and its next event."""
    settings = settings_to_look(ctx, home)
    with reading(settings.require_database_url()) as session:
        entries = open_orders(session, settings.account)
    if as_json:
        print_json({"orders": entries})
    else:
        print_orders(stdout(), entries)


@contextmanager
def _lost_orders(ctx: typer.Context, home: HomeOption) -> Iterator[tuple[Database, LostOrders]]:
    settings, clock, task_queue = settings_to_act(ctx, home), SystemClock(), DispatcherOnly()
    with acting(settings) as db, closing(factory.make_exchange(settings, clock)) as exchange:
        deps = Deps(db, settings.account, clock, task_queue, exchange)
        fills = FillBook(db, settings.account, task_queue)
        lost = LostOrders(deps, fills, free=may_recover(db, settings))
        yield db, lost


@contextmanager
def _control(ctx: typer.Context, home: HomeOption) -> Iterator[tuple[Database, ParentControl]]:
    """Acts on the system's rows, and wakes its workers if Redis answers."""
    settings = settings_to_act(ctx, home)
    found = task_queue(settings)
    with acting(settings) as db:
        yield db, ParentControl(db, SystemClock(), found, account=settings.account)
    if found is None:
        stderr().print(
            "Redis does not answer. The act is recorded and in force; workers follow once the "
            "dispatcher finds it"
        )


def _tell(report: ControlReport, as_json: bool) -> None:
    if as_json:
        print_json(asdict(report))
        return

    out = stdout()
    state = report.after if report.stop_reason is None or report.after.is_final else "ending"
    why = f": {escape(report.stop_reason)}" if report.stop_reason else ""
    was = "" if report.changed else " (it was already; nothing was changed)"
    out.print(f"{escape(report.request_id)} [bold]{state.upper()}[/]{why}{was}")
    if report.children_ended:
        out.print(f"{report.children_ended} planned child orders ended, their quantity is released")
    if report.children_due:
        out.print(f"{report.children_due} slices are late and catch up under their bound")
    for link_id in report.called_back:
        out.print(
            f"{escape(link_id)} rests at the exchange and is being cancelled; a fill "
            "before that counts"
        )
