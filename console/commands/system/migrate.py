"""`mlrisk migrate`: brings the database to this version's tables."""

import typer

from config.settings import load_settings
from console.context import chosen_home
from console.options import HomeOption
from console.output import stderr
from console.runtime.databases import database_logins
from models import migrate as migrations
from models.provisioning import provision


def register(app: typer.Typer) -> None:
    """Adds `mlrisk migrate` to the program."""
    app.command(epilog="Example: MLRISK_DATABASE_URL=postgresql+psycopg://… mlrisk migrate")(
        migrate
    )


def migrate(ctx: typer.Context, home: HomeOption = None) -> None:
    """Create or update the tables. Running it twice changes nothing.

    `mlrisk up` does this by itself; use it for a database of your own. The role of
    $MLRISK_OWNER_DATABASE_URL makes the tables and grants the rights of the other roles. With
    $MLRISK_BOOTSTRAP_DATABASE_URL, a superuser's address, the command creates those roles as well.
    """
    settings = load_settings(chosen_home(ctx, home))
    settings.require_database_url()
    logins = database_logins(settings)
    assert logins is not None
    before = migrations.current(logins.bootstrap or logins.owner)
    provision(logins)
    after = migrations.current(logins.owner)
    change = "already there" if before == after else f"from {before or 'an empty database'}"
    stderr().print(f"schema {after} ({change})")
