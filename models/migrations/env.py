"""Alembic's entry: runs migrations in one transaction on the URL that models.migrate passes."""

from alembic import context

from models.connecting import migration_engine
from models.tables import Base


def run() -> None:
    """Brings the database of the configured address to the asked revision, in one transaction."""
    engine = migration_engine(context.config.attributes["url"])
    with engine.begin() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
