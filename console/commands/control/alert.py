"""`mlrisk alert`: lists and shows alerts, and acknowledges one."""

from typing import Annotated, Any

import typer
from rich.markup import escape

from bot.clock import SystemClock
from bot.safety.alerts.acknowledging import Acknowledgement
from console.context import acting, reading, settings_of, settings_to_act
from console.errors import CommandError, ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout, utc
from console.runtime.authority import LoginFileOption, OperatorOption, with_authority
from console.runtime.configuring import ReasonOption
from console.views.live import alert_facts
from models.enums import AlertState
from models.tables import AlertRow

app = typer.Typer(no_args_is_help=True, help="List, show and acknowledge alerts.")

IdArgument = Annotated[int, typer.Argument(help="The number that `mlrisk alert list` shows.")]


@app.command("list", epilog="Example: mlrisk alert list --all --json")
def list_alerts(
    ctx: typer.Context,
    also_cleared: Annotated[
        bool, typer.Option("--all", help="Cleared alerts as well.", show_default=False)
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 100,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List alerts that are not cleared. Those that wait for an operator come first."""
    with reading(settings_of(ctx, home).require_database_url()) as session:
        wanted = () if also_cleared else (AlertRow.state != AlertState.CLEARED,)
        rows = alert_facts.alerts(session, *wanted, limit=limit)
        told = alert_facts.deliveries(session, [row.alert_id for row in rows])
    if as_json:
        facts = [alert_facts.facts_of(row, told.get(row.alert_id, [])) for row in rows]
        print_json({"alerts": facts})
        return
    out = stdout()
    for row in rows:
        out.print(alert_facts.line_of(row))
    if not rows:
        out.print("no alerts" if also_cleared else "no alerts that are not cleared")


@app.command(epilog="Example: mlrisk alert show 17")
def show(
    ctx: typer.Context, alert_id: IdArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Show one alert with its times, its acknowledgement and its deliveries."""
    with reading(settings_of(ctx, home).require_database_url()) as session:
        row = session.get(AlertRow, alert_id)
        told = alert_facts.deliveries(session, [alert_id]).get(alert_id, [])
    if row is None:
        raise CommandError(f"no alert {alert_id} is known", ExitCode.FAILED)
    if as_json:
        print_json(alert_facts.facts_of(row, told))
        return
    _print(row, told)


@app.command(epilog='Example: mlrisk alert ack 17 --reason "the hedge is booked"')
def ack(
    ctx: typer.Context,
    alert_id: IdArgument,
    reason: ReasonOption,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Acknowledge an alert. It is repeated no more and does not move trading to REDUCING.

    Outside development it takes an operator's login. An event that happens again waits for an
    operator again.
    """
    settings = settings_to_act(ctx, home)
    with acting(settings) as db:
        row = with_authority(
            db,
            lambda by: Acknowledgement(db, SystemClock()).acknowledge(
                alert_id, reason=reason, actor=by
            ),
            operator=operator,
            login_file=login_file,
        )
    if as_json:
        print_json({"id": alert_id, "state": row.state, "acknowledged_by": row.acknowledged_by})
    else:
        by = escape(row.acknowledged_by or "")
        stdout().print(f"alert {alert_id} is acknowledged by {by}: {escape(row.text)}")


def _print(row: AlertRow, told: list[dict[str, Any]]) -> None:
    out = stdout()
    out.print(alert_facts.line_of(row))
    out.print(f"      key {escape(row.key)}, last seen {utc(row.last_seen)}")
    if row.acknowledged_at is not None:
        by, why = escape(row.acknowledged_by or ""), escape(row.acknowledge_reason or "")
        out.print(f"      acknowledged {utc(row.acknowledged_at)} by {by}: {why}")
    if row.state is AlertState.CLEARED and row.cleared_at is not None:
        out.print(f"      cleared {utc(row.cleared_at)}: {escape(row.clear_reason or '')}")
    if row.escalations:
        out.print(f"      repeated {row.escalations} times because no operator answered")
    if row.reduced_at is not None:
        out.print(f"      moved trading to REDUCING {utc(row.reduced_at)}")
    for each in told:
        out.print(f"      {_delivery(each)}")
    if not told:
        out.print("      no channel has told anybody of it")


def _delivery(each: dict[str, Any]) -> str:
    """One delivery in words."""
    tries = f"{each['attempts']} attempts"
    if each["delivered_at"] is not None:
        ended = f"delivered {utc(each['delivered_at'])}"
    elif each["given_up_at"] is not None:
        ended = f"given up {utc(each['given_up_at'])}"
    else:
        ended = "not delivered yet"
    why = "" if each["error"] is None else f"; {escape(each['error'])}"
    return f"{escape(each['channel'])} ({each['news']}): {ended}, {tries}{why}"
