"""Shared parts of every command: the home it works on, its settings, and a read-only database."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from bot.state import binding
from config.homes import expanded
from config.settings import PREFIX, Settings, load_settings
from console.runtime.acts import require_declared
from models.connecting import connect_args
from models.database import Database

_LOCK_TIMEOUT_MS = 5_000
# Long, because a reader of a large history also works between statements. It blocks nobody.
_STATEMENT_TIMEOUT_MS = 300_000
_IDLE_IN_TRANSACTION_MS = 60_000


def chosen_home(ctx: typer.Context, home: Path | None) -> Path | None:
    """The verb's own --home, else the one before the verb, else None (environment, default)."""
    before_verb = ctx.find_root().params.get("home")
    chosen = home if home is not None else before_verb
    if chosen is None:
        return None

    return expanded(chosen)


def settings_of(ctx: typer.Context, home: Path | None) -> Settings:
    """The settings of the system that this command is about. SettingsError names the fault."""
    chosen = chosen_home(ctx, home)
    if chosen is not None:
        # The Celery app and every process that we start find the same system by this variable.
        os.environ[f"{PREFIX}HOME"] = str(chosen)
    settings = load_settings(chosen)
    if settings.operator_database_url is None:
        return settings
    return settings.model_copy(update={"database_url": settings.operator_database_url})


def settings_to_act(ctx: typer.Context, home: Path | None) -> Settings:
    """As `settings_of`, with unset values from the running system's database.

    Raises WrongIdentity if a set value contradicts the database. Raises LookupError for a command
    that `console.runtime.acts` does not name.
    """
    require_declared(ctx)
    settings = settings_of(ctx, home)
    with acting(settings) as db:
        return binding.settled(db, settings)


def settings_to_look(ctx: typer.Context, home: Path | None) -> Settings:
    """As `settings_of`, with the database's account, environment and modes in place of this
    caller's."""
    settings = settings_of(ctx, home)
    if settings.database_url is None:
        return settings
    with reading(settings.require_database_url()) as session:
        return binding.shown(session, settings)


def reading_engine(database_url: str) -> Engine:
    """An engine for read-only transactions that see one moment each.

    The console only looks. It must be unable to write by accident or to block a writer.
    """
    return create_engine(
        database_url,
        isolation_level="REPEATABLE READ",
        pool_size=1,
        max_overflow=1,
        pool_pre_ping=True,
        connect_args=connect_args(
            "mlrisk-console",
            lock_timeout_ms=_LOCK_TIMEOUT_MS,
            statement_timeout_ms=_STATEMENT_TIMEOUT_MS,
            idle_in_transaction_ms=_IDLE_IN_TRANSACTION_MS,
            default_transaction_read_only="on",
        ),
    )


@contextmanager
def acting(settings: Settings) -> Iterator[Database]:
    """The running system's database, for a command that writes."""
    db = Database(settings.require_database_url())
    try:
        yield db
    finally:
        db.dispose()


@contextmanager
def reading(database_url: str) -> Iterator[Session]:
    """A session on one read-only snapshot of the database."""
    engine = reading_engine(database_url)
    try:
        with Session(engine) as session:
            yield session
    finally:
        engine.dispose()
