"""Schema migrations: brings a database to this version's tables, or tells where it stands."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from models.connecting import migration_engine
from models.tables import Base

_SCRIPTS = Path(__file__).parent / "migrations"


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    # Not an option of the file: the URL holds a password, and '%' would be interpolated.
    config.attributes["url"] = url
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Brings the database at `url` to `revision`; a second run changes nothing."""
    command.upgrade(_config(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Takes a database back to the tables of an older revision.

    Rows that they can't hold are lost.
    """
    command.downgrade(_config(url), revision)


def make_revision(url: str, message: str) -> None:
    """Writes a migration for the differences between the tables and the database at `url`."""
    command.revision(_config(url), message=message, autogenerate=True)


def head() -> str:
    """The newest revision that this version of mlrisk knows."""
    return ScriptDirectory.from_config(_config("")).get_current_head() or ""


def current(url: str) -> str | None:
    """The revision of the database; None when it was never migrated."""
    engine = migration_engine(url)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def drift(url: str) -> list[object]:
    """Differences between the migrated database and the tables in code; empty when none."""
    engine = migration_engine(url)
    try:
        with engine.connect() as connection:
            return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))
    finally:
        engine.dispose()
