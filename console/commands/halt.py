"""`mlrisk halt`: stops all trading at once; needs Postgres and nothing else."""

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.context import HomeOption, JsonOption, settings_of
from console.errors import CommandError, ExitCode
from console.output import print_json, stdout, utc

if TYPE_CHECKING:
    from bot.execution.halt import HaltReport


def register(app: typer.Typer) -> None:
    app.command(epilog='Example: mlrisk halt --reason "model drifts" --cancel')(halt)


def halt(
    ctx: typer.Context,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it is recorded.")],
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Also cancel working orders (stops stay).")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let nothing more through: the state first, then proof that nothing is on its way.

    Asks nothing, works without Celery and Redis, and survives a restart. Exit status 1 when the
    halt holds but could not be proven (sealed) or something is left to be looked at.
    """
    from sqlalchemy.exc import OperationalError

    from bot.clock import SystemClock
    from bot.errors import MlriskError
    from bot.exchange.factory import make_exchange
    from bot.execution.halt import Halter
    from console.operator import cancel_without_postgres, revoker
    from models.database import Database

    settings = settings_of(ctx, home)
    clock = SystemClock()
    db = Database(settings.require_database_url())
    exchange = make_exchange(settings, clock) if cancel else None
    try:
        halter = Halter(db, clock, exchange=exchange, revoke=revoker(settings))
        report = halter.halt(reason=reason, actor=f"cli:{getpass.getuser()}", cancel=cancel)
    except OperationalError as error:
        if exchange is not None:
            raise cancel_without_postgres(exchange, error) from error
        raise
    except MlriskError as error:
        # The state row is written before anything that can fail so.
        raise CommandError(
            f"HALTED, but not everything was done: {error.message}; run it again"
        ) from error
    finally:
        db.dispose()
    if as_json:
        print_json(_facts(report))
    else:
        _print(report)
    if report.sealed_at is None or report.problems:
        raise typer.Exit(ExitCode.FAILED)


def _facts(report: "HaltReport") -> dict[str, Any]:
    return {
        "state": report.state,
        "already_halted": report.already_halted,
        "sealed_at": report.sealed_at,
        "children_cancelled": report.children_cancelled,
        "unresolved": report.unresolved,
        "orders_cancelled": report.orders_cancelled,
        "tasks_revoked": report.tasks_revoked,
        "problems": report.problems,
    }


def _print(report: "HaltReport") -> None:
    from rich.markup import escape

    out = stdout()
    was = " (it was already)" if report.already_halted else ""
    out.print(f"[bold]{report.state.upper()}[/]{was}")
    if report.sealed_at is not None:
        out.print(
            f"sealed at {utc(report.sealed_at)}: nothing risk-adding can be accepted any more"
        )
    else:
        out.print("[red]NOT sealed[/]: a placement may still be under way")
    out.print(
        f"{report.children_cancelled} planned child orders cancelled, {report.tasks_revoked} "
        f"queued tasks revoked, {report.orders_cancelled} working orders cancelled"
    )
    for link_id in report.unresolved:
        out.print(f"unresolved: {escape(link_id)} may still be at the exchange")
    for problem in report.problems:
        out.print(f"[red]problem[/]: {escape(problem)}")
