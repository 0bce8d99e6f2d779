"""Exit codes of `mlrisk`, and the one line that a person reads when something is wrong."""

from enum import IntEnum

from config.errors import MlriskError


class ExitCode(IntEnum):
    """The exit statuses of `mlrisk`. They are documented, so their numbers never change."""

    OK = 0
    FAILED = 1
    USAGE = 2
    """Wrong usage or configuration."""
    BLOCKED = 3
    """The risk gate denied the trade."""
    HALTED = 4
    """Trading is halted."""
    DEPENDENCY_DOWN = 5
    """Postgres, Redis, the exchange or a process of ours can't be reached."""
    INTERRUPTED = 130


class CommandError(MlriskError):
    """Ends a command with one line and an exit code."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = code


def explain(error: Exception) -> CommandError | None:
    """The line and code for an error that has a known cause; None for a defect of ours.

    Imports nothing heavy unless an error has already happened.
    """
    if isinstance(error, CommandError):
        return error
    from config.settings import SettingsError

    if isinstance(error, SettingsError):
        return CommandError(str(error), ExitCode.USAGE)
    from models.roles import RoleError

    if isinstance(error, RoleError):
        return CommandError(str(error), ExitCode.USAGE)
    from bot.errors import DependencyDown, MlriskError

    if isinstance(error, DependencyDown):
        return CommandError(error.message, ExitCode.DEPENDENCY_DOWN)
    if isinstance(error, MlriskError):
        return CommandError(error.message, ExitCode.FAILED)
    return _explain_database(error)


def _explain_database(error: Exception) -> CommandError | None:
    from sqlalchemy.exc import DBAPIError

    if not isinstance(error, DBAPIError):
        return None
    from psycopg import errors as pg

    cause = error.orig
    if isinstance(cause, pg.UndefinedTable | pg.UndefinedColumn):
        return CommandError(
            "the database has no tables of this version: run `mlrisk migrate`", ExitCode.USAGE
        )
    if isinstance(cause, pg.InsufficientPrivilege):
        line = str(cause).strip().splitlines()[0]
        return CommandError(
            f"this role of Postgres may not do that ({line}); tables are changed by their owner, "
            "$MLRISK_OWNER_DATABASE_URL, and by `mlrisk up`",
            ExitCode.USAGE,
        )
    if isinstance(cause, pg.OperationalError | pg.InterfaceError):
        # psycopg names host and port there, never the password.
        line = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
        return CommandError(
            f"Postgres can't be reached ({line}): is the system running? Try `mlrisk status`",
            ExitCode.DEPENDENCY_DOWN,
        )
    return None
