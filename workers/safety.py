"""The process that keeps the lease to trade and the audit log: `python -m workers.safety`.

It looks every two seconds in a loop of its own. A task of beat would wait for a worker, and every
lapse of Redis would be a lapse of the lease. It holds no key of the exchange.

It also stops all trading for a database or an audit that stays away, for an audit that was changed,
and for an audit log that stays faulty.
"""

import logging
import time
from collections.abc import Callable

from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from bot.clock import SystemClock
from bot.errors import MlriskError, RetryLater
from bot.safety.audit import watch as audit_watch
from bot.safety.emergency import outages
from bot.safety.emergency.outages import Outages
from bot.safety.lease.keeper import LOOK_SECONDS, Kept, LeaseKeeper
from bot.safety.lease.sensing import Sensing
from bot.state import binding
from config.keys.emergency import EmergencyRules
from config.settings import load_settings
from tasks.bootstrap import Services, audit_directories, services
from workers.audit_log import AuditLogKeeper
from workers.logs import configure_logging
from workers.stop_event import StopEvent, stop_by_signal
from workers.supervision import readiness

log = logging.getLogger(__name__)

FIRST_LOOK_SECONDS = 0.5
"""The time between two looks before the first grant."""
READY_SECONDS = 20.0
"""A start waits so long for the first grant. A system whose exchange is away starts without one."""


def run(stop: StopEvent) -> None:
    """Keeps the lease until `stop` is set, and gives it back then."""
    audit_log: AuditLogKeeper | None = None
    keeper: LeaseKeeper | None = None
    watch = Outages(load_settings().home, SystemClock())
    granted, waits_until = False, time.monotonic() + READY_SECONDS
    begun = time.monotonic()
    # Before the first grant it looks more often, so that a start waits for no look.
    while not stop.wait(_pause(begun, LOOK_SECONDS if granted else FIRST_LOOK_SECONDS)):
        begun = time.monotonic()
        try:
            audit_log = audit_log or started_audit_log(services(), stop)
            keeper = keeper or keeper_of(services(), audit_log.fault)
            if keeper is not None:
                granted |= keeper.look() is not Kept.WITHHELD
                watch.look(outages.seen_in(keeper.readings), _rules(keeper))
        except (DBAPIError, RedisError, RetryLater) as error:
            if isinstance(error, DBAPIError):
                watch.look(outages.cause_of(error), _rules(keeper))
            log.warning(
                "the sensors can't be read: %s",
                type(error).__name__,
                extra={"event": "sensors_cant_be_read"},
            )
        if granted or time.monotonic() > waits_until:
            readiness.announce()
    if keeper is not None:
        _release(keeper)


def _pause(begun: float, seconds: float) -> float:
    """The rest of the time between two looks, so that a slow look delays the next one less."""
    return max(0.1, begun + seconds - time.monotonic())


def _rules(keeper: LeaseKeeper | None) -> EmergencyRules:
    """As last read; the defaults before anything was."""
    return EmergencyRules() if keeper is None else keeper.limits.last_known().emergency


def started_audit_log(context: Services, stop: StopEvent) -> AuditLogKeeper:
    """Starts to keep the database's audit log, in the directories that the settings name."""
    directories = audit_directories(context.settings)
    keeper = AuditLogKeeper(context.db, context.clock, directories, stop)
    keeper.start()
    return keeper


def keeper_of(context: Services, log_fault: Callable[[], str | None]) -> LeaseKeeper | None:
    """The keeper of the database's account; None while no process has bound one."""
    with context.db.reading() as session:
        bound = binding.bound_to(session)
        if bound is None:
            return None
    settings = context.settings
    binding.require_proven(context.db, settings)
    sensing = Sensing(
        context.db,
        settings.account,
        context.market,
        settings.symbol_list,
        context.clock,
        context.pending_halt,
        log_fault,
    )
    return LeaseKeeper(
        context.db,
        settings.account,
        context.owner,
        context.limits,
        sensing.read,
        also=lambda uow, readings, now: audit_watch.judge(
            uow, settings.account, readings, context.limits.last_known(), now
        ),
    )


def _release(keeper: LeaseKeeper) -> None:
    try:
        keeper.release("the safety process was stopped")
    except DBAPIError as error:
        log.warning(
            "the lease can't be given back and lapses by itself: %s",
            type(error).__name__,
            extra={"event": "trading_lease_not_released"},
        )


def main() -> int:
    """Keeps the lease until a signal ends it; returns the process's exit code."""
    configure_logging(load_settings().log_format)
    stop = stop_by_signal()
    try:
        run(stop)
    except MlriskError as error:
        log.critical("the safety process stops: %s", error, extra={"event": "safety_stops"})
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
