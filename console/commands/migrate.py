"""`mlrisk migrate`: brings the database to this version's tables."""

import typer

from console.context import HomeOption, settings_of
from console.output import stderr


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: MLRISK_DATABASE_URL=postgresql+psycopg://… mlrisk migrate")(
        migrate
    )


def migrate(ctx: typer.Context, home: HomeOption = None) -> None:
    """Create or update the tables. Running it twice changes nothing.

    `mlrisk up` does this by itself; use it for a database of your own.
    """
    from models import migrate as migrations

    url = settings_of(ctx, home).require_database_url()
    before = migrations.current(url)
    migrations.upgrade(url)
    after = migrations.current(url)
    change = "already there" if before == after else f"from {before or 'an empty database'}"
    stderr().print(f"schema {after} ({change})")
