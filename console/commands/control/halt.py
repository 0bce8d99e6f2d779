"""`mlrisk halt`: stops all trading at once; needs Postgres or the home's halt journal."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from bot.clock import SystemClock
from bot.safety.flattening import FlatReport
from bot.safety.halt_report import HaltReport, facts_of
from bot.state.scope import EVERYTHING, Scope
from console.context import settings_of
from console.errors import ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stderr, stdout, utc
from console.runtime.configuring import ReasonOption, actor_of
from console.runtime.halt_steps import HaltOrder, HaltSteps
from console.runtime.halting import ScopeOption, scope_of
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
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Halt trading: set the state, end entries under way, and prove that no more risk is added.

    The command asks no question and needs neither Celery nor Redis. The halt survives a restart.
    Exit status 1 when the halt is in force but not proven (sealed), or when a step failed.
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
        steps = HaltSteps(settings, db, SystemClock(), order, actor_of(None), complain=_complain)
        already = steps.set_halted()
        _tell(order.scope, already)
        report = steps.follow(already)
        flat = steps.flatten()
    finally:
        db.dispose()
    if as_json:
        print_json(facts_of(report) | ({} if flat is None else {"flat": asdict(flat)}))
    else:
        _print(report)
        _print_flat(flat)
    not_flat = flatten and (flat is None or flat.flat_at is None)
    if report.sealed_at is None or report.problems or not_flat:
        raise typer.Exit(ExitCode.FAILED)


def _complain(problem: str) -> None:
    stderr().print(f"[red]problem[/]: {escape(problem)}")


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
