"""`mlrisk resume`: lets trading go on after a halt, and names everything that still denies it."""

import typer

from bot.authority.actors import Actor
from bot.clock import SystemClock
from bot.errors import NotAuthorised
from bot.safety.halting.halt import TradingHalt
from bot.state import binding
from bot.state.scope import EVERYTHING
from config.settings import Settings
from console.context import acting, settings_to_act
from console.errors import ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json
from console.runtime.authority import LoginFileOption, OperatorOption, with_authority
from console.runtime.configuring import ReasonOption
from console.runtime.halts.halting import ScopeOption, scope_of
from console.runtime.halts.recovering import breakers_of, may_end_halt, tell
from models.database import Database


def register(app: typer.Typer) -> None:
    """Adds `mlrisk resume` to the program."""
    app.command(epilog='Example: mlrisk resume --reason "feed is back"')(resume)


def resume(
    ctx: typer.Context,
    reason: ReasonOption,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    scope: ScopeOption = "global",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Resume trading at full size after a halt. Outside development this takes a risk officer's
    login; in production `mlrisk recover` takes its place.

    Approvals from before the halt stay void: their child orders are never sent. Tripped breakers
    stay tripped: `mlrisk breaker reset` resets one. Exit status 4 when something of the account
    still denies entries.
    """
    settings = settings_to_act(ctx, home)
    where = scope_of(scope, settings)
    with acting(settings) as db:
        free = may_end_halt(db, settings)
        if not free:
            _refuse_production(db, settings)
        trading_halt, held = TradingHalt(db, SystemClock()), breakers_of(settings, db)

        def act(actor: Actor) -> None:
            trading_halt.resume(reason=reason, actor=actor, development=free, scope=where)
            if where == EVERYTHING:
                held.release_account(reason=reason, actor=actor, authorised=free)

        with_authority(db, act, operator=operator, login_file=login_file)
        denying = held.still_denying()
    if as_json:
        print_json({"trading": not denying, "still_denying": denying})
    else:
        tell(denying)
    if denying:
        raise typer.Exit(ExitCode.HALTED)


def _refuse_production(db: Database, settings: Settings) -> None:
    """In production a halt ends by codes, two persons and a ladder alone."""
    with db.reading() as session:
        if binding.needs_second_person(session, settings):
            raise NotAuthorised(
                "resuming is free in development only; in production `mlrisk recover` ends a halt, "
                "with an override code and a second risk officer",
                code="recover_instead",
            )
