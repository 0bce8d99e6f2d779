"""`mlrisk limits`: reviews the limits by what they decided, and lists the reviews."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from bot.authority.actors import Actor
from bot.limits.source import ConfiguredLimits
from bot.reports.calibrating import calibrate as calibrated
from bot.safety import assurance
from console.context import acting, settings_to_act, settings_to_look
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout
from console.runtime.assurance_reports import keep, show_last
from console.runtime.authority import LoginFileOption, OperatorOption, logged_in
from console.runtime.configuring import actor_of, duration_of
from console.since import SinceOption
from console.views.calibration_report import calibration_facts, print_calibration

app = typer.Typer(
    no_args_is_help=True, help="Review the limits by what they decided, and list the reviews."
)


@app.command(epilog="Example: mlrisk limits calibrate --since 30d")
def calibrate(
    ctx: typer.Context,
    since: SinceOption = "30d",
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Review each limit: how often it was reached, its headroom, and what its blocks were worth.

    Each limit gets a proposal: keep, tighten to a stated value, or question. Nothing is changed;
    `mlrisk config propose` changes a limit. The report is stored, and an operator who logs in signs
    it.
    """
    settings = settings_to_act(ctx, home)
    now = datetime.now(UTC)
    start = now - duration_of(since)
    with acting(settings) as db:
        actor: Actor = actor_of(None)
        if operator is not None or login_file is not None:
            actor = logged_in(db, operator, login_file)
        limits = ConfiguredLimits(settings, db).in_force().limits
        with db.reading() as session:
            found = calibrated(session, settings.account, limits, start, now)
        facts = calibration_facts(found)
        row = keep(db, settings, assurance.CALIBRATION, now, facts, actor)
    if as_json:
        print_json({"report": row.report_id, "actor": row.actor, **facts})
        return
    print_calibration(stdout(), facts)
    stdout().print(f"stored as report {row.report_id} by {row.actor}", markup=False)


@app.command("list", epilog="Example: mlrisk limits list --json")
def list_calibrations(
    ctx: typer.Context,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="How many, newest first.")
    ] = 10,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the last reviews of the limits, newest first, and whether each is as it was recorded."""
    show_last(
        settings_to_look(ctx, home),
        assurance.CALIBRATION,
        limit,
        "there was none yet: `mlrisk limits calibrate` makes one",
        as_json=as_json,
    )
