"""The alerting process: `python -m workers.alerting.main`.

It reads alerts from their rows, tells people, repeats what nobody answers, and moves the account to
REDUCING in the end. It stands in the way of no trade and holds no key of the exchange.
"""

import logging
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.exc import DBAPIError

from bot.clock import Clock, SystemClock
from bot.execution.ports import UNREADABLE
from bot.limits.source import ConfiguredLimits
from bot.safety.alerts import channels, messages, telling
from bot.safety.alerts.escalating import Escalation
from bot.state import binding
from config.errors import MlriskError
from config.keys.alerting import AlertingRules
from config.settings import Settings, load_settings
from models.database import Database
from models.repositories.safety import heartbeats
from workers.alerting.delivering import Courier
from workers.alerting.sending import LOOK_SECONDS, Sender
from workers.alerting.settings import Addressed, load_channels
from workers.logs import configure_logging
from workers.stop_event import stop_by_signal
from workers.supervision import readiness

log = logging.getLogger(__name__)

HEARTBEAT = "alerting"
_HEARTBEAT_SECONDS = 5.0
_ESCALATE_SECONDS = 2.0
OUTAGE_SECONDS = 15.0
"""Postgres' silence after which people are told without it. A restart takes seconds."""
STOPPING_SECONDS = 5.0
"""A stop waits so long for a message that is under way. Without an answer it is repeated later."""
READY_SECONDS = 20.0
"""A start waits so long for the account's binding."""


class AlertingStopped(MlriskError):
    """A part of the alerting process has ended without being told to."""


@dataclass
class Alerting:
    """Plans deliveries, escalates, and tells of an outage of Postgres."""

    db: Database
    account: str
    clock: Clock
    limits: ConfiguredLimits
    senders: Sequence[Sender] = ()
    _rules: AlertingRules = field(default_factory=AlertingRules, init=False)
    _beaten: float = field(default=0.0, init=False)
    _escalated: float = field(default=0.0, init=False)
    _answered: float = field(default_factory=time.monotonic, init=False)
    _outage: bool = field(default=False, init=False)

    def rules(self) -> AlertingRules:
        """The rules of the last look."""
        return self._rules

    def declare(self, addressed: Sequence[Addressed]) -> None:
        """Stores the channels in use and makes their senders."""
        services = {each.channel.name: each.service for each in addressed}
        with self.db.transaction() as session:
            channels.declare(
                session, [each.channel for each in addressed], services, self.clock.now()
            )
        self.senders = [
            Sender(self.db, self.account, self.clock, Courier(each), self.rules)
            for each in addressed
        ]

    def look(self) -> None:
        """One look: plans what is new and, every few seconds, escalates. An outage of Postgres is
        told once it has lasted."""
        now = time.monotonic()
        try:
            self._look(now)
        except DBAPIError as error:
            log.warning(
                "alerts can't be read: %s",
                type(error).__name__,
                extra={"event": "alerts_cant_be_read"},
            )
            if not self._outage and now - self._answered >= OUTAGE_SECONDS:
                self._outage = True
                self._tell_outage(now - self._answered, over=False)
            return
        if self._outage:
            self._outage = False
            self._tell_outage(now - self._answered, over=True)
        self._answered = time.monotonic()

    def _look(self, now: float) -> None:
        if now - self._escalated >= _ESCALATE_SECONDS:
            self._escalated = now
            try:
                self._rules = self.limits.limits().alerting
            except UNREADABLE:
                self._rules = self.limits.last_known().alerting
            Escalation(self.db, self.account).look(self._rules, self.clock.now())
        with self.db.transaction() as session:
            told = [sender.courier.addressed.channel for sender in self.senders]
            telling.plan(session, told, self.clock.now())
        if now - self._beaten >= _HEARTBEAT_SECONDS:
            self._beaten = now
            self._beat()

    def _beat(self) -> None:
        details = {"channels": len(self.senders)}
        with self.db.transaction() as session:
            heartbeats.store(session, HEARTBEAT, os.getpid(), details, self.clock.now())

    def _tell_outage(self, seconds: float, *, over: bool) -> None:
        message = messages.outage("Postgres", seconds, self.account, over=over)
        for sender in self.senders:
            sender.urgent.put(message)


def run(stop: threading.Event) -> None:
    """Tells people until `stop` is set."""
    addressed = load_channels()
    db = Database(load_settings().require_database_url(), pool_size=2 + len(addressed))
    threads: list[threading.Thread] = []
    alerting: Alerting | None = None
    try:
        settings = _bound(db, stop)
        if settings is None:
            return
        # It decides no trade, so that it proves no limits.
        limits = ConfiguredLimits(settings, db, prove=lambda _: ())
        alerting = Alerting(db, settings.account, SystemClock(), limits)
        alerting.declare(addressed)
        if not addressed:
            log.warning(
                "no alert channel is set (MLRISK_ALERT_CHANNELS_FILE): nobody is told of alerts",
                extra={"event": "nobody_is_told_of_alerts"},
            )
        threads = [
            threading.Thread(
                target=sender.run, args=(stop,), name=f"alerts-{sender.name}", daemon=True
            )
            for sender in alerting.senders
        ]
        for thread in threads:
            thread.start()
        alerting.look()
        readiness.announce()
        while not stop.wait(LOOK_SECONDS):
            alerting.look()
            _require_alive(threads)
    finally:
        if stop.is_set():
            for thread in threads:
                thread.join(timeout=STOPPING_SECONDS)
        for sender in alerting.senders if alerting else ():
            sender.courier.close()
        db.dispose()


def _bound(db: Database, stop: threading.Event) -> Settings | None:
    """The settings, with those of the database's account; None when the stop comes first.

    Before a process has bound the account there is nothing to tell, and a start waits for it no
    longer than for the lease.
    """
    began = time.monotonic()
    while not stop.is_set():
        try:
            with db.reading() as session:
                bound = binding.bound_to(session)
            if bound is not None:
                return binding.settled(db, load_settings())
        except DBAPIError as error:
            log.warning(
                "the account of the database can't be read: %s",
                type(error).__name__,
                extra={"event": "binding_cant_be_read"},
            )
        if time.monotonic() - began > READY_SECONDS:
            readiness.announce()
        stop.wait(LOOK_SECONDS)
    return None


def _require_alive(threads: Sequence[threading.Thread]) -> None:
    """Raises AlertingStopped when a sender has died, so that the process is started anew."""
    for thread in threads:
        if not thread.is_alive():
            raise AlertingStopped(f"the thread {thread.name} has ended")


def main() -> int:
    """Tells people until a signal ends it; returns the process's exit code."""
    configure_logging(load_settings().log_format)
    stop = stop_by_signal()
    try:
        run(stop)
    except MlriskError as error:
        log.critical("the alerting process stops: %s", error, extra={"event": "alerting_stops"})
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
