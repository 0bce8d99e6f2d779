"""`mlrisk halt`: stops all trading at once; needs Postgres or the home's halt journal."""

from dataclasses import asdict, replace
from typing import Annotated

import typer
from rich.markup import escape
from sqlalchemy.exc import OperationalError

from bot.clock import SystemClock
from bot.exchange.protocol import Exchange
from bot.safety.flattening import FlatReport
from bot.safety.halt import HaltReport, TradingHalt, facts_of
from bot.state import halt_journal
from bot.state.binding import WrongIdentity, settled
from bot.state.halt_journal import JournalledHalt
from bot.state.scope import EVERYTHING, Scope
from config.settings import Settings, SettingsError
from console.context import settings_of
from console.errors import CommandError, ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stderr, stdout, utc
from console.runtime.configuring import ReasonOption, actor_of
from console.runtime.halting import ScopeOption, scope_of
from console.runtime.operator import cancel_without_postgres, not_halted, revoker, too_fast_teller
from models.connecting import is_crowded
from models.database import Database
from models.enums import ScopeKind
from workers.supervision.ballast import release_when_full


def register(app: typer.Typer) -> None:
    """Adds `mlrisk halt` to the program."""
    app.command(epilog='Example: mlrisk halt --reason "model drifts" --cancel')(halt)


def halt(
    ctx: typer.Context,
    reason: ReasonOption,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Also cancel our working orders (stops stay).")
    ] = False,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help=("With --cancel: also cancel working orders that mlrisk did not send.")
        ),
    ] = False,
    flatten: Annotated[
        bool,
        typer.Option(
            "--flatten", help="Also cancel, and close every position that the exchange reports."
        ),
    ] = False,
    stop_exits: Annotated[
        bool, typer.Option("--stop-exits", help="Also end exits under way. Default: exits go on.")
    ] = False,
    scope: ScopeOption = "global",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Halt trading: set the state, end entries under way, and prove that no more risk is added.

    The command asks no question and needs neither Celery nor Redis. The halt survives a restart.
    Exit status 1 when the halt is in force but not proven (sealed), or when a step failed.
    """
    settings = settings_of(ctx, home)
    where = scope_of(scope, settings)
    if everything and where != EVERYTHING:
        raise CommandError("--all works with the global scope only: orders of others have no other")
    if flatten and where.kind is ScopeKind.STRATEGY:
        raise CommandError("--flatten works with no strategy: the exchange knows no strategies")
    release_when_full(settings.home)
    clock, actor, cancel = SystemClock(), actor_of(None), cancel or everything or flatten
    db = Database(settings.require_database_url())
    try:
        # This comes first and uses one connection: a hanging Postgres delays each one by seconds.
        try:
            already = _set_halted(
                db, TradingHalt(db, clock), reason, actor, scope=where, flatten=flatten
            )
        except OperationalError as error:
            # Before anything at the exchange: a Postgres that comes back must not let entries go.
            journalled = _write_journal(
                settings,
                JournalledHalt(
                    clock.now(), actor, reason, str(where), cancel=cancel, flatten=flatten
                ),
            )
            exchange, wrong = _exchange(settings) if cancel else (None, None)
            if exchange is None:
                raise not_halted(error, wrong or "", journalled=journalled) from error
            raise cancel_without_postgres(
                exchange,
                error,
                everything=everything,
                exits=stop_exits,
                too_fast=too_fast_teller(settings),
                journalled=journalled,
            ) from error
        _tell(where, already)
        exchange, wrong = None, None
        if cancel:
            settings, wrong = _own(db, settings)
            exchange, wrong = (None, wrong) if wrong else _exchange(settings)
        trading_halt = TradingHalt(
            db,
            clock,
            exchange=exchange,
            revoke=revoker(settings),
            too_fast=too_fast_teller(settings),
        )
        report = trading_halt.follow(
            already,
            actor=actor,
            cancel=exchange is not None,
            everything=everything,
            stop_exits=stop_exits,
            scope=where,
        )
        flat = None
        if flatten and exchange is not None:
            flat = _flatten(db, settings, exchange, where, actor)
    finally:
        db.dispose()
    if flatten and flat is None:
        report = replace(report, problems=(*report.problems, "no position was closed"))
    if wrong is not None:
        report = replace(report, problems=(*report.problems, f"no order was cancelled: {wrong}"))
    if as_json:
        print_json(facts_of(report) | ({} if flat is None else {"flat": asdict(flat)}))
    else:
        _print(report)
        _print_flat(flat)
    not_flat = flatten and (flat is None or flat.flat_at is None)
    if report.sealed_at is None or report.problems or not_flat:
        raise typer.Exit(ExitCode.FAILED)


def _flatten(
    db: Database, settings: Settings, exchange: Exchange, scope: Scope, actor: str
) -> FlatReport:
    # The import takes long, and the halt must not wait for it.
    from console.runtime.flattening import flattener

    return flattener(db, settings, exchange, SystemClock()).flatten(scope, actor=actor)


def _write_journal(settings: Settings, halt: JournalledHalt) -> bool:
    """Writes the halt to the home's journal; returns False where there is no such home."""
    try:
        halt_journal.write(settings.home, halt)
    except OSError as error:
        stderr().print(
            f"[red]problem[/]: the halt journal of {escape(str(settings.home))} can't be written "
            f"({error.strerror})"
        )
        return False
    return True


def _tell(scope: Scope, already: bool) -> None:
    """Reports the halt before the final report, because the next steps may take long."""
    was = " (it was already)" if already else ""
    of = "" if scope == EVERYTHING else f" {escape(str(scope))}"
    stderr().print(f"[bold]HALTED[/]{of}{was}: nothing more goes out that adds risk")


def _set_halted(
    db: Database, trading_halt: TradingHalt, reason: str, actor: str, *, scope: Scope, flatten: bool
) -> bool:
    """Halts, and returns whether it was halted already. Raises OperationalError.

    While other connections fill Postgres it waits for a place. Connections that do not log in end
    soon.
    """
    try:
        return trading_halt.set_halted(reason, actor, scope, flatten=flatten)
    except OperationalError as error:
        if not is_crowded(error):
            raise
        db.wait_for_a_place()
        return trading_halt.set_halted(reason, actor, scope, flatten=flatten)


def _own(db: Database, settings: Settings) -> tuple[Settings, str | None]:
    """The settings completed from the database, and the reason if these keys must cancel nothing.

    It reads rows alone, because nothing may keep a halt waiting.
    """
    try:
        return settled(db, settings), None
    except WrongIdentity as error:
        return settings, str(error)
    except OperationalError as error:
        return settings, (
            f"the account that the database belongs to can't be read ({type(error.orig).__name__})"
        )


def _exchange(settings: Settings) -> tuple[Exchange | None, str | None]:
    """The exchange that cancels orders, or the reason why there is none."""
    # These imports take half a second, and the halt must not wait for them.
    from bot.exchange.factory import make_exchange

    try:
        return make_exchange(settings, SystemClock()), None
    except SettingsError as error:
        return None, str(error)


def _print(report: HaltReport) -> None:
    out = stdout()
    out.print(f"latched at {utc(report.latched_at)}")
    if report.sealed_at is not None:
        out.print(
            f"sealed at {utc(report.sealed_at)}: the exchange can accept nothing more that adds "
            "risk"
        )
    else:
        out.print("[red]NOT sealed[/]: a placement may still be under way")
    times = {"cancels sent": report.cancelled_at, "no working order left": report.clean_at}
    for what, at in times.items():
        if at is not None:
            out.print(f"{what} by {utc(at)}")
    out.print(
        f"{report.parents_stopped} orders under way ended with {report.children_cancelled} "
        f"planned child orders, {report.orders_cancelled} working orders cancelled, "
        f"{report.tasks_revoked} queued tasks revoked"
    )
    if report.exits_under_way:
        out.print(f"{report.exits_under_way} exits go on (--stop-exits ends them)")
    for link_id in report.unresolved:
        out.print(f"unknown: {escape(link_id)} may still be at the exchange")
    for problem in report.problems:
        out.print(f"[red]problem[/]: {escape(problem)}")


def _print_flat(flat: FlatReport | None) -> None:
    if flat is None:
        return
    out = stdout()
    asked = f"{len(flat.requests)} exits asked for"
    if flat.flat_at is not None:
        out.print(f"flat at {utc(flat.flat_at)}: the exchange reports no position; {asked}")
    else:
        left = escape(", ".join(flat.left)) or "unknown positions"
        out.print(f"[red]NOT flat[/]: {left} remain; {asked}; run it again")
    for problem in flat.problems:
        out.print(f"[red]problem[/]: {escape(problem)}")
