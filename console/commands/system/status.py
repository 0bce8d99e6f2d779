"""`mlrisk status`: is the system up, may it trade, and what is it doing?"""

from dataclasses import asdict
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from bot.safety.emergency import drills
from bot.state.binding import bound_to, shown
from console.context import reading, settings_of
from console.errors import CommandError, ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout
from console.runtime.addresses import CONSOLE, addresses
from console.screen.source import process_status
from console.views.doctor.alert_lines import channel_lines
from console.views.doctor.drill_line import drill_words
from console.views.doctor.fitness_line import fitness_line
from console.views.live.lease_view import LeaseView, lease_view, words_of
from console.views.live.moment import Live
from console.views.live.queries import live
from models.amounts import shortest
from workers.home import Home
from workers.supervision.supervisor import ProcessStatus


def register(app: typer.Typer) -> None:
    """Adds `mlrisk status` to the program."""
    app.command(epilog="Example: mlrisk status --json | jq .trading_state")(status)


def status(ctx: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show processes, trading state, money and counts.

    Exit status 0 when everything runs and trading is allowed, 4 when it is halted or no lease
    to trade stands, 5 when a part is down.
    """
    settings = settings_of(ctx, home)
    if settings.database_url is None:
        raise CommandError(
            f"no system runs in {settings.home}: start one with `mlrisk up`",
            ExitCode.DEPENDENCY_DOWN,
        )
    processes = process_status(settings)
    where = addresses(settings, Home(settings.home).known_ports()) if processes else {}
    with reading(settings.require_database_url()) as session:
        moment = live(session, shown(session, settings).account, rows=0)
        bound = bound_to(session)
        lease = lease_view(session, moment.account)
        told_by = channel_lines(session)
        drilled = next(iter(drills.newest(session, moment.account, 1, drills.HALT)), None)
    fitness = fitness_line(settings)
    problem = None if fitness.ok else fitness.detail
    if as_json:
        facts = _facts(str(settings.home), moment, processes)
        identity = None if bound is None else asdict(bound)
        print_json(
            {
                **facts,
                "identity": identity,
                "account_problem": problem,
                "trading_lease": lease.to_json(),
                "addresses": where,
                "alert_channels": [asdict(line) for line in told_by],
                "last_drill": None
                if drilled is None
                else {"at": drilled.ended_at, "passed": drilled.passed},
            }
        )
    else:
        stdout().print(f"database: {bound or 'no process has started on it yet'}", markup=False)
        _print(str(settings.home), moment, processes)
        _print_lease(lease)
        for name, address in where.items():
            how = " (`mlrisk web` prints a link that logs you in)" if name == CONSOLE else ""
            stdout().print(f"{name}: {address}{how}", markup=False)
        for line in told_by:
            mark = "yellow" if line.warning or not line.ok else "green"
            stdout().print(f"[{mark}]{escape(line.name)}:[/] {escape(line.detail)}")
        stdout().print(f"drill of the emergency stop: {drill_words(drilled)}", markup=False)
        if problem is not None:
            stdout().print(f"[red]nothing that adds risk is allowed:[/] {escape(problem)}")
    if any(process.state != "RUNNING" for process in processes):
        raise typer.Exit(ExitCode.DEPENDENCY_DOWN)
    strictest = moment.strictest
    if strictest is None or not strictest.state.allows_adding or lease.problem is not None:
        raise typer.Exit(ExitCode.HALTED)


def _facts(home: str, live: Live, processes: tuple[ProcessStatus, ...]) -> dict[str, Any]:
    strictest = live.strictest
    return {
        "home": home,
        "at": live.at,
        "account": live.account,
        "trading_state": strictest.state if strictest else None,
        "states": [
            {
                "scope": line.scope,
                "state": line.state,
                "reason": line.reason,
                "actor": line.actor,
                "changed_at": line.changed_at,
                "sealed": line.sealed,
            }
            for line in live.states
        ],
        "equity": live.money.equity,
        "day_pnl": live.money.day_pnl,
        "requests": live.request_counts,
        "decisions": live.verdict_counts,
        "parents": live.parent_counts,
        "child_orders": live.child_counts,
        "fills": live.fill_count,
        "positions": {line.symbol: line.qty for line in live.positions if line.qty},
        "breakers_tripped": [line.kind for line in live.breakers if line.tripped],
        "processes": [
            {
                "name": process.name,
                "state": process.state,
                "pid": process.pid,
                "uptime_seconds": round(process.uptime_seconds, 1),
                "restarts": process.restarts,
                "memory_mb": round(process.memory_mb, 1),
            }
            for process in processes
        ],
        "alerts_open": live.alerts_open,
        "heartbeat_age_seconds": {
            beat.name: round(beat.age_seconds, 1) for beat in live.heartbeats
        },
    }


def _print(home: str, live: Live, processes: tuple[ProcessStatus, ...]) -> None:
    out = stdout()
    strictest = live.strictest
    if strictest is None:
        out.print("trading state: none yet, so nothing may trade")
    else:
        out.print(
            f"trading state: [bold]{strictest.state.upper()}[/] "
            f"({escape(strictest.scope)}, {escape(strictest.reason)})"
        )
    money = live.money
    out.print(
        f"account {escape(live.account)}: equity "
        f"{shortest(money.equity) if money.equity is not None else 'not read yet'}, "
        f"today {shortest(money.day_pnl) if money.day_pnl is not None else '–'}"
    )
    out.print(f"requests {live.request_counts}, decisions {live.verdict_counts}")
    out.print(f"child orders {live.child_counts}, fills {live.fill_count}")
    if live.alerts_open:
        counts = ", ".join(f"{count} {level}" for level, count in live.alerts_open.items())
        out.print(f"[yellow]alerts that wait for an operator:[/] {counts} (`mlrisk alert list`)")
    else:
        out.print("no alert waits for an operator")
    table = Table("process", "state", "pid", "restarts", "MB", "uptime s", box=None)
    for process in processes:
        table.add_row(
            process.name,
            process.state.lower(),
            str(process.pid or ""),
            str(process.restarts),
            f"{process.memory_mb:.0f}",
            f"{process.uptime_seconds:.0f}",
        )
    out.print(table if processes else f"no supervisor runs in {escape(home)}")


def _print_lease(lease: LeaseView) -> None:
    """The lease in one line, and its sensors."""
    out = stdout()
    style = "green" if lease.problem is None else "bold red"
    out.print(f"lease to trade: [{style}]{escape(lease.sentence)}[/]")
    table = Table("sensor", "is", "reading", box=None)
    for each in lease.sensors:
        mark = "[green]fresh[/]" if each.problem is None else "[red]withholds[/]"
        table.add_row(escape(each.name), mark, escape(words_of(each)))
    if lease.sensors:
        out.print(table)
