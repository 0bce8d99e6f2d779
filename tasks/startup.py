"""What a worker does before its first task: it proves the limits that it is about to keep."""

import logging
import sys

from sqlalchemy.exc import OperationalError

from bot.clock import SystemClock
from bot.errors import Refused
from bot.execution.configuration import ConfigurationService
from config.settings import Settings
from config.thresholds import ConfigError
from models.database import Database

log = logging.getLogger(__name__)

BAD_CONFIGURATION = 2
"""The exit status of `mlrisk` for a wrong configuration."""


def prove_limits(settings: Settings) -> None:
    """Ends the process on a configuration that is wrong; halts on limits that don't bite.

    With connections of its own: it runs in the parent, before workers are forked.
    """
    db = Database(settings.require_database_url(), pool_size=1)
    try:
        problems = ConfigurationService(db, settings, SystemClock()).self_test()
    except (ConfigError, Refused) as error:
        # Celery logs and forgets what a signal's receiver raises, but not an exit.
        log.critical("the configuration is refused: %s", error)
        sys.exit(BAD_CONFIGURATION)
    except OperationalError as error:
        log.warning("limits will be proven at the first decision: %s", error.orig)
    else:
        for problem in problems:
            log.critical("trading is HALTED: %s", problem)
    finally:
        db.dispose()
