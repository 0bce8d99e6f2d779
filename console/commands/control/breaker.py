"""`mlrisk breaker`: lists tripped breakers, resets one, and reports how good they are."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from bot.limits.source import ConfiguredLimits
from bot.market.recorded_files import read_recorded
from bot.safety.breakers import replaying
from bot.safety.breakers.past_trips import trips_of
from bot.safety.breakers.quality import qualities
from bot.safety.breakers.tier_history import seconds_in_tiers
from bot.state.breakers import BreakerScope
from console.context import acting, reading, settings_of, settings_to_act, settings_to_look
from console.errors import ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout, utc
from console.runtime.authority import LoginFileOption, OperatorOption, with_authority
from console.runtime.configuring import ReasonOption, duration_of
from console.runtime.halts.recovering import breakers_of, may_recover, tell
from console.since import SinceOption
from console.views.breaker_report import facts_of, print_report
from console.views.live.queries import database_now
from console.views.live.trigger_view import line_of, triggers
from models.enums import BreakerSide, ScopeKind
from models.tables import BreakerRow

app = typer.Typer(
    no_args_is_help=True, help="List tripped breakers, reset one, and report how good they were."
)


@app.command(name="list", epilog="Example: mlrisk breaker list --json")
def list_breakers(ctx: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List every breaker with its value, limit, window, trips, cause and action; tripped ones come
    first. Then the triggers of the emergency stop, and all that denies now.

    `mlrisk breaker status` is the same.
    """
    settings = settings_to_look(ctx, home)
    with acting(settings) as db:
        held = breakers_of(settings, db)
        known, denying = held.known(), held.still_denying()
        with db.reading() as session:
            stops = triggers(session)
    rows = [
        {
            "scope": f"{row.scope_kind}:{row.scope_key}",
            "kind": row.kind,
            "tripped": row.tripped,
            "value": row.value,
            "limit": row.limit,
            "side": row.side,
            "window": row.window,
            "count": row.count,
            "action": row.action,
            "size_share": row.share,
            "until": row.until,
            "reason": row.reason,
            "changed_at": row.changed_at,
            "seen_at": row.seen_at,
        }
        for row in known
    ]
    if as_json:
        found = {"breakers": rows, "emergency_triggers": stops, "still_denying": denying}
        print_json(found)
        return
    out = stdout()
    for row in known:
        out.print(_line(row))
    for facts in stops:
        out.print(line_of(facts))
    tell(denying)


app.command(name="status", epilog="Example: mlrisk breaker status --json")(list_breakers)


def _line(row: BreakerRow) -> str:
    """One breaker in words: its state, what was measured, and since when."""
    mark = "[green]ready[/]  "
    if row.tripped:
        mark = "[red]tripped[/]"
    elif row.share is not None:
        mark = f"[yellow]{row.share:.0%} of size[/]"
    side = "" if row.side is BreakerSide.BOTH else f" {row.side}"
    parts = [f"{mark} {escape(row.kind)} of {row.scope_kind} {escape(row.scope_key)}{side}"]
    if row.value is not None:
        parts.append(f"value {escape(row.value)}, limit {escape(row.limit or 'none')}")
    if row.window is not None:
        parts.append(escape(row.window))
    if row.count:
        parts.append(f"tripped {row.count} times")
    if row.tripped or row.reason:
        parts.append(f"since {utc(row.changed_at)}: {escape(row.reason)}")
    if row.tripped:
        until = "" if row.until is None else f" until {utc(row.until)}"
        parts.append(f"{row.action}{until}")
    return "; ".join(parts)


def _scope(text: str | None) -> BreakerScope | None:
    """The scope that a person names; None is the account. Raises BadParameter for another word."""
    if text is None:
        return None
    kind, _, key = text.partition(":")
    if kind not in (ScopeKind.STRATEGY, ScopeKind.SYMBOL) or not key:
        raise typer.BadParameter("a scope is strategy:NAME or symbol:NAME", param_hint="--scope")
    return BreakerScope(ScopeKind(kind), key)


@app.command(epilog='Example: mlrisk breaker reset daily_loss_limit --reason "hedge was booked"')
def reset(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(help="As `mlrisk breaker list` names it.")],
    reason: ReasonOption,
    scope: Annotated[
        str | None,
        typer.Option(help="strategy:NAME or symbol:NAME; default: the account."),
    ] = None,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reset a tripped breaker. With the last one, the account's state REDUCING ends.

    Outside development it takes a risk officer's login, and the scope climbs back by the ladder of
    `mlrisk recover`.

    After a loss breaker the present equity is the new base: only a new loss trips it again.
    Earlier approvals stay void. Exit status 4 when something still denies entries.
    """
    settings = settings_to_act(ctx, home)
    with acting(settings) as db:
        held, free = breakers_of(settings, db), may_recover(db, settings)
        report = with_authority(
            db,
            lambda by: held.reset(
                kind, reason=reason, actor=by, authorised=free, scope=_scope(scope)
            ),
            operator=operator,
            login_file=login_file,
        )
    if as_json:
        print_json(
            {
                "kind": report.kind,
                "was_tripped": report.was_tripped,
                "state": report.state,
                "still_denying": report.still,
            }
        )
    else:
        done = "reset" if report.was_tripped else "was not tripped"
        stdout().print(f"{escape(report.kind)} {done}; the account is {report.state.upper()}")
        tell(report.still)
    if report.still:
        raise typer.Exit(ExitCode.HALTED)


@app.command(epilog="Example: mlrisk breaker report --since 30d, or --replay recordings/minutes")
def report(
    ctx: typer.Context,
    since: SinceOption = "30d",
    replay: Annotated[
        Path | None,
        typer.Option(
            "--replay",
            help="Take a folder of SYMBOL_1m.csv or SYMBOL_1m.csv.gz files through the breakers of "
            "the market instead.",
            show_default=False,
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Report how good each breaker was: trips, time, false trips, loss until flat, re-trips.

    The figures follow from the stored trips, and the time in each tier of the drawdown from the
    audit. With --replay they follow from recorded minutes, by
    the limits of the configuration file, and no running system is needed: the breakers
    volatility_spike, correlation_breakdown and data_quality_issue as if they had looked live. The
    report says what each figure means.
    """
    facts = _stored(ctx, home, since) if replay is None else _replayed(ctx, home, replay)
    if as_json:
        print_json(facts)
    else:
        print_report(stdout(), facts)


def _stored(ctx: typer.Context, home: Path | None, since: str) -> dict[str, Any]:
    settings = settings_to_look(ctx, home)
    with reading(settings.require_database_url()) as session:
        until = database_now(session)
        start = until - duration_of(since)
        trips = trips_of(session, settings.account, start, until)
        tiers = seconds_in_tiers(session, settings.account, start, until)
    return facts_of(qualities(trips, start, until), start, until, tiers=tiers)


def _replayed(ctx: typer.Context, home: Path | None, folder: Path) -> dict[str, Any]:
    recorded = read_recorded(folder)
    limits = ConfiguredLimits(settings_of(ctx, home)).limits()
    found = replaying.replay(recorded, limits)
    judged = qualities(found.trips, found.since, found.until)
    return facts_of(judged, found.since, found.until, [bars.symbol for bars in recorded])
