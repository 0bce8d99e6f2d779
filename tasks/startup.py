"""What a worker does before its first task: it proves whose keys it has, and the limits that it is
about to keep."""

import logging
import sys

from sqlalchemy.exc import OperationalError

from bot.clock import Clock, SystemClock
from bot.errors import MlriskError, Refused
from bot.exchange.factory import make_exchange
from bot.limits import workers_file
from bot.limits.service import ConfigurationService
from bot.limits.source import LayeredConfig
from bot.state import binding, fitness
from config.settings import Environment, Settings
from config.thresholds import ConfigError
from models import roles
from models.database import Database

log = logging.getLogger(__name__)

BAD_CONFIGURATION = 2
"""The exit status of `mlrisk` for a wrong configuration."""


def require_message_key(settings: Settings) -> None:
    """Ends the process where real money would be asked for in anybody's name."""
    if settings.environment is Environment.PRODUCTION and settings.message_key is None:
        log.critical(
            "this process must not start: MLRISK_MESSAGE_KEY is not set, and in production a "
            "request counts only if its strategy signed it"
        )
        sys.exit(BAD_CONFIGURATION)


def prove_limits(settings: Settings) -> None:
    """Ends the process on files that are wrong; halts on limits that don't bite.

    A version in the database that can't be used ends nothing: the gate denies what adds risk
    because of it, and exits need this process. It has connections of its own, because it runs in
    the parent, before workers are forked.
    """
    files, clock = LayeredConfig(settings), SystemClock()
    _require_sound(files)
    db = Database(settings.require_database_url(), pool_size=1)
    try:
        workers_file.note(db, files, clock.now())
        problems = ConfigurationService(db, settings, clock).self_test()
    except (ConfigError, Refused) as error:
        # The files are sound, so it is the version in force.
        log.critical("nothing that adds risk is let through, exits go on: %s", error)
    except OperationalError as error:
        log.warning("limits will be proven at the first decision: %s", error.orig)
    else:
        for problem in problems:
            log.critical("trading is HALTED: %s", problem)
    finally:
        db.dispose()


def _require_sound(files: LayeredConfig) -> None:
    try:
        files.build()
    except ConfigError as error:
        # Celery logs and forgets what a signal's receiver raises, but not an exit.
        log.critical("the configuration is refused: %s", error)
        sys.exit(BAD_CONFIGURATION)


def tell_powers(settings: Settings) -> None:
    """A line in the log for a role of Postgres that could undo what is recorded."""
    try:
        warning = roles.warning(settings.require_database_url())
    except OperationalError as error:
        log.warning("what our role of Postgres may do can't be asked: %s", error.orig)
    else:
        if warning is not None:
            log.warning("%s", warning, extra={"event": "role_of_postgres_is_too_strong"})


def prove_identity(settings: Settings) -> Settings:
    """The settings with what is the database's to say.

    Ends the process when the database is another account's, mode's, environment's or exchange
    account's. An exchange that can't be asked ends nothing: no service gets one before it is
    proven. Without keys the settings are compared alone, and others prove the account.
    """
    db, clock = Database(settings.require_database_url(), pool_size=1), SystemClock()
    try:
        # Without the exchange first: what the settings alone show is told at once.
        settings = binding.settled(db, settings)
        if settings.holds_keys:
            _prove_keys(db, settings, clock)
    except binding.WrongIdentity as error:
        log.critical("this process must not start: %s", error)
        sys.exit(BAD_CONFIGURATION)
    except OperationalError as error:
        log.warning("whose keys these are will be proven before their first use: %s", error.orig)
    except MlriskError as error:
        log.warning("whose keys these are and what they may will be asked again: %s", error)
    finally:
        db.dispose()
    return settings


def _prove_keys(db: Database, settings: Settings, clock: Clock) -> None:
    exchange = make_exchange(settings, clock)
    try:
        binding.prove(db, exchange, settings, clock.now())
        # A no is told and stops what adds risk; exits need this process all the same.
        account, symbols = settings.account, settings.symbol_list
        fitness.ask_if_old(db, exchange, account, symbols, clock, home=settings.home)
    finally:
        exchange.close()
