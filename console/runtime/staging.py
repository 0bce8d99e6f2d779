"""`mlrisk strategy show|set|promote|demote`: the rows of strategies, and their ladder."""

import re
import sys
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer
from rich.markup import escape

from bot.authority.actors import Actor
from bot.clock import SystemClock
from bot.errors import Refused
from bot.limits.source import ConfiguredLimits
from bot.safety.strategies.evidence import gather, last_drill
from bot.safety.strategies.ladder import StrategyAuthority, StrategyLadder, unknown
from bot.safety.strategies.profile import KEEP, Keep, Profile
from bot.state import binding
from config.settings import Settings
from console.context import acting, settings_to_act, settings_to_look
from console.errors import CommandError, ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout
from console.runtime.authority import LoginFileOption, OperatorOption, with_authority
from console.runtime.configuring import ReasonOption
from console.views import strategies as views
from models.database import Database
from models.enums import StrategyStage
from models.repositories import strategies
from models.tables import StrategyRow

NameArgument = Annotated[str, typer.Argument(help="The strategy's name in its messages.")]
StageOption = Annotated[StrategyStage, typer.Option("--to", help="The new stage.")]
_NONE = "none"


def register(app: typer.Typer) -> None:
    """Adds the commands to `mlrisk strategy`."""
    app.command(epilog="Example: mlrisk strategy show momentum --json")(show)
    app.command(name="set", epilog='Example: mlrisk strategy set momentum --owner ann -r "new"')(
        set_strategy
    )
    app.command(
        epilog='Example: mlrisk strategy promote momentum --to small -r "a good month" '
        "--operator ann"
    )(promote)
    app.command(epilog='Example: mlrisk strategy demote momentum --to shadow -r "wrong features"')(
        demote
    )


def rows_of(settings: Settings) -> dict[str, dict[str, Any]]:
    """Every strategy with a row, as plain JSON, by name; empty where the settings name no
    database."""
    if settings.database_url is None:
        return {}
    with acting(settings) as db, db.reading() as session:
        return {
            row.name: views.facts(
                row, strategies.stage_of(session, row.name), last_drill(session, row.name)
            )
            for row in strategies.all_rows(session)
        }


def show(
    ctx: typer.Context, name: NameArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Show a strategy's row, its stage, and its record at that stage."""
    settings = settings_to_look(ctx, home)
    with acting(settings) as db:
        rules = ConfiguredLimits(settings, db).in_force().limits.strategies
        with db.reading() as session:
            row = strategies.named(session, name)
            if row is None:
                raise unknown(name)
            found = gather(session, settings.account, row, SystemClock().now())
            shown = views.facts(row, strategies.stage_of(session, name), found.last_drill_at)
    if as_json:
        print_json({**shown, "evidence": views.evidence_facts(found)})
        return
    stdout().print(escape(views.line(shown)), soft_wrap=True)
    views.print_evidence(found, rules)


def set_strategy(
    ctx: typer.Context,
    name: NameArgument,
    reason: ReasonOption,
    owner: Annotated[str | None, typer.Option(help="The person who answers for it.")] = None,
    version: Annotated[str | None, typer.Option(help="The version that trades.")] = None,
    max_trade: Annotated[
        str | None,
        typer.Option(help="The most that one trade adds, in quote currency; `none` for no cap."),
    ] = None,
    max_exposure: Annotated[
        str | None,
        typer.Option(
            help="The most that it holds and may still add, in quote currency; `none` for no cap."
        ),
    ] = None,
    max_requests_per_second: Annotated[
        str | None,
        typer.Option(help="Requests that may add risk, in one second; `none` for no cap."),
    ] = None,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a strategy's row, or change its owner, its version or its own caps.

    Another version than the one that the row names begins again as a shadow, and its entries under
    way end.

    A new row has the stage of strategies without one (`strategies.unknown_stage`). A cap narrows
    the limits in force, and lifts none. Outside development it takes a login, and a wider cap a
    risk officer's.
    """
    profile = Profile(
        owner=KEEP if owner is None else owner,
        version=KEEP if version is None else version,
        max_trade_notional=_money("--max-trade", max_trade),
        max_exposure=_money("--max-exposure", max_exposure),
        max_requests_per_second=_count(max_requests_per_second),
    )
    settings = settings_to_act(ctx, home)
    with acting(settings) as db:
        ladder = _ladder(settings, db)
        row = with_authority(
            db,
            lambda by: ladder.set(
                name, profile, reason=reason, authority=_authority(settings, db, by)
            ),
            operator=operator,
            login_file=login_file,
        )
        _tell(db, row, as_json=as_json)


def promote(
    ctx: typer.Context,
    name: NameArgument,
    to: StageOption,
    reason: ReasonOption,
    yes: Annotated[bool, typer.Option("--yes", help="Ask no question before acting.")] = False,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Promote a strategy by one stage, after showing its record at the present one.

    Outside development this takes a risk officer's login. In production it waits for a second risk
    officer, who gives the same command within 24 hours. Exit status 4 while it waits.
    """
    if as_json and not yes:
        raise CommandError("--json asks no question: give --yes", ExitCode.USAGE)
    settings = settings_to_act(ctx, home)
    with acting(settings) as db:
        ladder = _ladder(settings, db)
        before, found = ladder.evidence(name)
        if not as_json:
            stdout().print(escape(f"{name} is at the stage {before.stage}"))
            views.print_evidence(found, ConfiguredLimits(settings, db).limits().strategies)
        if not yes:
            _ask(f"Promote {name} to {to}?")
        row = with_authority(
            db,
            lambda by: ladder.promote(
                name, to, reason=reason, authority=_authority(settings, db, by)
            ),
            operator=operator,
            login_file=login_file,
        )
        _tell(db, row, as_json=as_json, evidence=views.evidence_facts(found))
    if row.stage is not to:
        raise typer.Exit(ExitCode.HALTED)


def demote(
    ctx: typer.Context,
    name: NameArgument,
    to: StageOption,
    reason: ReasonOption,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Demote a strategy to any lower stage at once, and end its entries under way.

    Earlier approvals of its entries are void. Exits go on. Outside development this takes a login;
    `mlrisk halt --scope strategy:NAME` takes none.
    """
    settings = settings_to_act(ctx, home)
    with acting(settings) as db:
        ladder = _ladder(settings, db)
        row, stopped = with_authority(
            db,
            lambda by: ladder.demote(
                name, to, reason=reason, authority=_authority(settings, db, by)
            ),
            operator=operator,
            login_file=login_file,
        )
        _tell(
            db,
            row,
            as_json=as_json,
            parents_stopped=stopped.parents,
            parents_held=list(stopped.held),
        )
    if stopped.held:
        raise CommandError(
            f"{len(stopped.held)} of its parents are locked by another process; their children "
            "stop at their claim",
            ExitCode.HALTED,
        )


def _ladder(settings: Settings, db: Database) -> StrategyLadder:
    limits = ConfiguredLimits(settings, db)
    return StrategyLadder(db, settings.account, limits, SystemClock())


def _authority(settings: Settings, db: Database, by: Actor) -> StrategyAuthority:
    """What the database says that the environment asks for, and who acts."""
    with db.reading() as session:
        return StrategyAuthority(
            by,
            is_free=binding.is_free(session, settings),
            needs_second=binding.needs_second_person(session, settings),
        )


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise CommandError("without a terminal give --yes", ExitCode.USAGE)
    if not typer.confirm(question, err=True):
        raise Refused("nothing was changed")


def _tell(db: Database, row: StrategyRow, *, as_json: bool, **more: Any) -> None:
    with db.reading() as session:
        known = strategies.stage_of(session, row.name)
        shown = views.facts(row, known, last_drill(session, row.name))
    if as_json:
        print_json({**shown, **more})
        return
    stdout().print(escape(views.line(shown)), soft_wrap=True)


def _money(option: str, given: str | None) -> Decimal | Keep | None:
    if given is None:
        return KEEP
    if given == _NONE:
        return None
    try:
        value = Decimal(given)
    except InvalidOperation:
        value = Decimal(0)
    if not (value.is_finite() and value > 0 and re.fullmatch(r"[0-9.]+", given)):
        raise CommandError(f"{option}: {given!r} is no amount above 0", ExitCode.USAGE)
    return value


def _count(given: str | None) -> int | Keep | None:
    if given is None:
        return KEEP
    if given == _NONE:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,5}", given):
        raise CommandError(
            f"--max-requests-per-second: {given!r} is no whole number above 0", ExitCode.USAGE
        )
    return int(given)
