"""`mlrisk halt`: stops all trading at once; needs Postgres or the home's halt journal."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from sqlalchemy.exc import OperationalError

from bot.authority.actors import Actor
from bot.clock import SystemClock
from bot.errors import MlriskError
from bot.safety.halting.flattening import FlatReport
from bot.safety.halting.report import HaltReport
from bot.state.scope import EVERYTHING, Scope
from console.context import settings_of
from console.errors import ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stderr, stdout, utc
from console.runtime.authority import LoginFileOption, OperatorOption, logged_in
from console.runtime.configuring import ReasonOption, actor_of
from console.runtime.halts.halt_steps import HaltOrder, HaltOutcome, HaltSteps
from console.runtime.halts.halting import ScopeOption, scope_of
from models.database import Database
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
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Halt trading: set the state, end entries under way, and prove that no more risk is added.

    The command asks no question and needs neither Celery nor Redis. The halt survives a restart.
    With --operator the report is signed: the login comes last, and delays nothing. Exit status 1
    when the halt is in force but not proven (sealed), or when a step failed.
    """
    settings = settings_of(ctx, home)
    order = HaltOrder(
        scope_of(scope, settings),
        reason,
        cancel=cancel,
        everything=everything,
        flatten=flatten,
        stop_exits=stop_exits,
    )
    release_when_full(settings.home)
    db = Database(settings.require_database_url())
    try:
        steps = HaltSteps(settings, db, SystemClock(), order, actor_of(None))
        latched = steps.set_halted()
        _tell(order.scope, latched.already)
        outcome = _recorded(steps, steps.carry_out(latched), db, operator, login_file)
    finally:
        db.dispose()
    if as_json:
        print_json(outcome.facts())
    else:
        _print(outcome.report)
        _print_flat(outcome.flat)
    if not outcome.is_complete:
        raise typer.Exit(ExitCode.FAILED)


def _recorded(
    steps: HaltSteps, outcome: HaltOutcome, db: Database, operator: str | None, file: Path | None
) -> HaltOutcome:
    """Records the report, signed where an operator logs in. A login that fails leaves it unsigned,
    which is a line of it."""
    if operator is None and file is None:
        return steps.record(outcome)
    signer: Actor | None = None
    try:
        signer = logged_in(db, operator, file)
    except (MlriskError, OperationalError, typer.Abort, KeyboardInterrupt) as error:
        why = getattr(error, "message", None) or type(error).__name__
        problems = (*outcome.report.problems, f"the report is not signed: {why}")
        outcome = replace(outcome, report=replace(outcome.report, problems=problems))
    return steps.record(outcome, signer)


def _tell(scope: Scope, already: bool) -> None:
    """Reports the halt before the final report, because the next steps may take long."""
    was = " (it was already)" if already else ""
    of = "" if scope == EVERYTHING else f" {escape(str(scope))}"
    stderr().print(f"[bold]HALTED[/]{of}{was}: nothing more goes out that adds risk")


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
    gone = f" ({report.orders_gone} had ended before)" if report.orders_gone else ""
    out.print(
        f"{report.parents_stopped} orders under way ended with {report.children_cancelled} "
        f"planned child orders, {report.orders_cancelled} working orders cancelled{gone}, "
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
        out.print(
            f"flat at {utc(flat.flat_at)}: the exchange reports no position; {asked}, "
            f"{flat.stops_cancelled} protective stops cancelled last"
        )
    else:
        left = escape(", ".join(flat.left)) or "unknown positions"
        out.print(f"[red]NOT flat[/]: {left} remain; {asked}; run it again")
    for problem in flat.problems:
        out.print(f"[red]problem[/]: {escape(problem)}")
