"""The checks of a worker before its first task: the account of its keys, and its limits."""

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
    """Ends the process in production without a message key: requests would need no signature."""
    if settings.environment is Environment.PRODUCTION and settings.message_key is None:
        log.critical(
            "this process must not start: MLRISK_MESSAGE_KEY is not set, and in production a "
            "request counts only if its strategy signed it"
        )
        sys.exit(BAD_CONFIGURATION)


def prove_limits(settings: Settings) -> None:
    """Ends the process if the configuration files are wrong; halts trading on ineffective limits.

    An unusable version in the database doesn't end the process. The gate then denies new risk, and
    exits need this process. The check has its own database connections, because it runs in the
    parent process before the fork.
    """
    files, clock = LayeredConfig(settings), SystemClock()
    _require_sound(files)
    db = Database(settings.require_database_url(), pool_size=1)
    try:
        workers_file.note(db, files, clock.now())
        problems = ConfigurationService(db, settings, clock).self_test()
    except (ConfigError, Refused) as error:
        # The files are sound, so the fault is in the version in force.
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
        # Celery only logs an error from a signal's receiver. SystemExit does end the process.
        log.critical("the configuration is refused: %s", error)
        sys.exit(BAD_CONFIGURATION)


def tell_powers(settings: Settings) -> None:
    """Logs a warning if our role of Postgres could undo records."""
    try:
        warning = roles.warning(settings.require_database_url())
    except OperationalError as error:
        log.warning("what our role of Postgres may do can't be asked: %s", error.orig)
    else:
        if warning is not None:
            log.warning("%s", warning, extra={"event": "role_of_postgres_is_too_strong"})


def prove_identity(settings: Settings) -> Settings:
    """Returns the settings, with unset ones from the database's binding.

    Ends the process when the database belongs to another account, mode, environment or exchange
    account. The process goes on if the exchange can't be asked, because services get the exchange
    only after the proof. Without keys only the settings are compared; a process with keys proves
    the account.
    """
    db, clock = Database(settings.require_database_url(), pool_size=1), SystemClock()
    try:
        # First without the exchange: a fault in the settings alone shows at once.
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
        # An unfit account stops new risk. The process goes on, because exits need it.
        account, symbols = settings.account, settings.symbol_list
        fitness.ask_if_old(db, exchange, account, symbols, clock, home=settings.home)
    finally:
        exchange.close()
