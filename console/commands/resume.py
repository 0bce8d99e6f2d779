"""`mlrisk resume`: lets trading go on after a halt, and says what still denies it."""

import typer

from console.configuring import ReasonOption, actor_of
from console.context import HomeOption, JsonOption, acting, settings_of
from console.errors import ExitCode
from console.output import print_json


def register(app: typer.Typer) -> None:
    app.command(epilog='Example: mlrisk resume --reason "feed is back"')(resume)


def resume(
    ctx: typer.Context,
    reason: ReasonOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Back to ACTIVE, in the development environment.

    Approvals from before the halt stay void: their child orders are not sent any more. Tripped
    breakers stay tripped: `mlrisk breaker reset` takes one back. Exit status 4 when something of
    the account still denies what adds risk.
    """
    from bot.clock import SystemClock
    from bot.execution.halt import Halter
    from console.recovering import latches, may_recover, tell

    settings = settings_of(ctx, home)
    actor, free = actor_of(None), may_recover(settings)
    with acting(settings) as db:
        Halter(db, SystemClock()).resume(reason=reason, actor=actor, development=free)
        held = latches(settings, db)
        held.release_account(reason=reason, actor=actor, authorised=free)
        denying = held.still_denying()
    if as_json:
        print_json({"trading": not denying, "still_denying": denying})
    else:
        tell(denying)
    if denying:
        raise typer.Exit(ExitCode.HALTED)
