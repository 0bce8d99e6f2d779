"""Sends one channel's deliveries in a thread of its own: a slow channel delays no other."""

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bot.clock import Clock
from bot.safety.alerts import channels, telling
from bot.safety.alerts.messages import Message, message_of
from bot.safety.alerts.telling import Told
from config.keys.alerting import AlertingRules
from models.database import Database
from models.enums import AlertLevel, AlertNews
from workers.alerting.delivering import Courier

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""The time between two looks at the rows: a tenth of the time within which people are told."""
_KINDS = {
    AlertLevel.INFO: "info",
    AlertLevel.WARNING: "warning",
    AlertLevel.CRITICAL: "failure",
    AlertLevel.EMERGENCY: "failure",
}


@dataclass
class Sender:
    """Takes the deliveries of one channel, hands them to its courier, and notes the outcome."""

    db: Database
    account: str
    clock: Clock
    courier: Courier
    rules: Callable[[], AlertingRules]
    urgent: "queue.SimpleQueue[Message]" = field(default_factory=queue.SimpleQueue)
    """Messages that no row can tell, because Postgres is away."""

    @property
    def name(self) -> str:
        """The channel's name."""
        return self.courier.addressed.channel.name

    def run(self, stop: threading.Event) -> None:
        """Sends until `stop` is set."""
        # The courier starts before the first alert needs it. A problem shows at the first message.
        self.courier.open()
        while not stop.wait(LOOK_SECONDS):
            self.tell_urgent()
            try:
                while not stop.is_set() and self.tell_next():
                    self.tell_urgent()
            except DBAPIError as error:
                log.warning(
                    "the alerts of a channel can't be read: %s",
                    type(error).__name__,
                    extra={"event": "alerts_cant_be_read", "channel": self.name},
                )
        self.courier.close()

    def tell_next(self) -> bool:
        """Sends the next message of the rows; returns whether the channel took one."""
        rules = self.rules()
        with self.db.transaction() as session:
            told = telling.take(
                session,
                self.name,
                self.clock.now(),
                per_minute=rules.messages_per_minute,
                timeout=timedelta(seconds=rules.channel_timeout_seconds),
            )
        if not told:
            return False
        error = self.courier.send(
            message_of(told, self.account), _kind(told), rules.channel_timeout_seconds
        )
        self._note(told, error)
        return error is None

    def tell_urgent(self) -> None:
        """Sends what no row can tell. It is tried once, because the next one says the same."""
        try:
            message = self.urgent.get_nowait()
        except queue.Empty:
            return
        error = self.courier.send(message, "failure", self.rules().channel_timeout_seconds)
        if error is not None:
            log.error(
                "the channel %s can't tell of an outage: %s",
                self.name,
                error,
                extra={"event": "outage_not_told", "channel": self.name},
            )

    def _note(self, told: tuple[Told, ...], error: str | None) -> None:
        if error is not None:
            log.warning(
                "the channel %s failed: %s",
                self.name,
                error,
                extra={"event": "alert_channel_failed", "channel": self.name},
            )
        # The row of the channel and the alert about it come last, each in its own transaction.
        now = self.clock.now()
        with self.db.transaction() as session:
            self._mark(session, told, error, now)
        with self.db.transaction() as session:
            channels.note(session, self.name, self.account, error, now)

    def _mark(
        self, session: Session, told: tuple[Told, ...], error: str | None, now: datetime
    ) -> None:
        if error is None:
            telling.delivered(session, self.name, told, now)
        else:
            telling.failed(session, self.name, told, now, error)


def _kind(told: tuple[Told, ...]) -> str:
    """How the service marks the message, where it has colours or icons."""
    return "success" if told[0].news is AlertNews.CLEARED else _KINDS[told[0].level]
