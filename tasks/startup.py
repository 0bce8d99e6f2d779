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
            "this process must not start: MLRISK_MESSAGE_KEY is not set, and production accepts "
            "signed requests only",
            extra={
                "event": "this_process_must_not_start_mlrisk_message_key_is_not_set_and_in_"
                "production_a_re"
            },
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
        log.critical(
            "the limits can't be used: entries are denied and exits go on: %s",
            error,
            extra={"event": "nothing_that_adds_risk_is_let_through_exits_go_on"},
        )
    except OperationalError as error:
        log.warning(
            "the limits can't be tested now; the first decision tests them: %s",
            error.orig,
            extra={"event": "limits_will_be_proven_at_the_first_decision"},
        )
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
        log.warning(
            "the rights of this process's Postgres role can't be read: %s",
            error.orig,
            extra={"event": "what_our_role_of_postgres_may_do_cant_be_asked"},
        )
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
        log.warning(
            "the exchange can't be reached; the process proves its keys before their first use: %s",
            error.orig,
            extra={"event": "whose_keys_these_are_will_be_proven_before_their_first_use"},
        )
    except MlriskError as error:
        log.warning(
            "the exchange can't be reached; the account and the rights of the keys are "
            "asked for again: %s",
            error,
            extra={"event": "whose_keys_these_are_and_what_they_may_will_be_asked_again"},
        )
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
