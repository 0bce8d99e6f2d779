"""`mlrisk resume`: lets trading go on after a halt; free in development only."""

import getpass
from typing import Annotated

import typer

from console.context import HomeOption, settings_of
from console.output import stdout


def register(app: typer.Typer) -> None:
    app.command(epilog='Example: mlrisk resume --reason "feed is back"')(resume)


def resume(
    ctx: typer.Context,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it is recorded.")],
    home: HomeOption = None,
) -> None:
    """Back to ACTIVE, in the development environment.

    Approvals from before the halt stay void: their child orders are not sent any more.
    """
    from bot.clock import SystemClock
    from bot.execution.halt import Halter
    from config.settings import Environment
    from models.database import Database

    settings = settings_of(ctx, home)
    db = Database(settings.require_database_url())
    try:
        Halter(db, SystemClock()).resume(
            reason=reason,
            actor=f"cli:{getpass.getuser()}",
            development=settings.environment is Environment.DEVELOPMENT,
        )
    finally:
        db.dispose()
    stdout().print("[bold]ACTIVE[/]: new requests may trade")
