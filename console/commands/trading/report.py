"""`mlrisk report`: reports about a day."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from bot.errors import MlriskError
from bot.limits.source import ConfiguredLimits
from bot.reports.day import Day, day_facts, summary
from bot.risk.limits import RiskLimits
from config.settings import Settings
from console.context import acting, reading, settings_to_look
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout
from console.reports.daily import daily_document
from console.reports.frames import daily_frame
from console.reports.writing import check_files, write_document
from console.views.live.queries import database_now

app = typer.Typer(no_args_is_help=True, help="Report about a day.")
app.callback()(lambda: None)


@app.command(epilog="Example: mlrisk report daily --date 2026-11-30 --html day.html")
def daily(
    ctx: typer.Context,
    day: Annotated[
        str | None,
        typer.Option("--date", metavar="YYYY-MM-DD", help="A UTC day. Default: today, so far."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one HTML page here.")
    ] = None,
    pdf: Annotated[
        Path | None,
        typer.Option("--pdf", metavar="FILE", help="Write a PDF here (extra `pictures`)."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Report a day: decisions, trades and costs, profit and drawdown against their limits,
    breakers, state changes, operators' acts, alerts and models.

    Page and PDF have plots with their tables. The page needs no other file and runs no script. The
    alerting process tells the summary of the day before to channels that want information.
    """
    check_files({"--html": html, "--pdf": pdf}, pictures=pdf is not None)
    settings = settings_to_look(ctx, home)
    of = Day(settings.account, _day(day), _limits(settings))
    with reading(settings.require_database_url()) as session:
        facts = day_facts(session, of)
        frame = daily_frame(facts, settings, database_now(session))
    write_document(daily_document(facts, frame), html, pdf)
    if as_json:
        print_json(facts)
    else:
        _print(stdout(), facts)


def _day(text: str | None) -> date:
    today = datetime.now(UTC).date()
    if text is None:
        return today
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a day is YYYY-MM-DD", param_hint="--date") from None
    if found > today:
        raise typer.BadParameter("this day has not come yet", param_hint="--date")
    return found


def _limits(settings: Settings) -> RiskLimits:
    """The limits in force now. A past day's own limits are in the audit."""
    with acting(settings) as db:
        limits = ConfiguredLimits(settings, db, prove=lambda _: ())
        try:
            return limits.limits()
        except MlriskError:
            return limits.last_known()


def _print(out: Console, facts: Mapping[str, Any]) -> None:
    out.print(escape(summary(dict(facts))))
    decisions, trades, money = facts["decisions"], facts["trades"], facts["money"]
    for reason, count in decisions["by_reason"].items():
        out.print(f"   denied {count} × {escape(reason)}")
    out.print(escape(facts["value_of_blocks"]))
    out.print(
        f"trades ended {trades['ended']}, filled whole {trades['succeeded']}; "
        f"fills {facts['fills']['count']} of {facts['fills']['notional']:.2f}, "
        f"fees {facts['fills']['fees']:.4f}"
    )
    for one in facts["costs"]["by_algorithm"]:
        out.print(
            f"   {escape(one['algorithm'])}: {one['trades']} trades, cost {one['cost']:.4f}, "
            f"{one['weighted_bps']:.2f} bps"
        )
    late = facts["lateness_ms"]
    if late["p50"] is not None:
        out.print(f"slices sent late by p50 {late['p50']} ms, p99 {late['p99']} ms")
    for name, share, limit in (
        ("loss of the day", money["loss_share"], money["loss_limit"]),
        ("drawdown", money["drawdown_share"], money["drawdown_limit"]),
    ):
        out.print(f"{name}: {'unknown' if share is None else f'{share:.2%}'} of {limit:.2%}")
    for trip in facts["breakers"]["trips"]:
        out.print(f"breaker {escape(trip['kind'])} of {escape(trip['scope'])}: "
                  f"{escape(trip['reason'])}")  # fmt: skip
    for part in ("states", "operators"):
        for entry in facts[part]["entries"]:
            out.print(
                f"{escape(entry['kind'])} {escape(entry['subject'])} by {escape(entry['actor'])}: "
                f"{escape(str(entry['reason'] or ''))}"
            )
    for alert in facts["alerts"]["list"]:
        out.print(f"alert {alert['id']} {alert['level']} {alert['state']}: {escape(alert['text'])}")
    for model in facts["models"]:
        out.print(
            f"model {escape(model['strategy'])} {escape(model['model_version'])}: "
            f"{model['predictions']} predictions, {model['judged']} judged, right "
            f"{model['right']}, stated {model['stated']}"
        )
