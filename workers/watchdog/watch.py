"""What the watchdog does: it listens, and while the system is silent it cancels what adds risk."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from bot.clock import Clock
from bot.risk.portfolio.kinds import AlertLevel
from workers.watchdog.journal import Journal
from workers.watchdog.silence import Silence
from workers.watchdog.venue import RestingOrder, VenueError, adding

log = logging.getLogger(__name__)

OUR_PREFIX = "mr-"
"""Every order link id of mlrisk begins so."""
ONE_BY_ONE = 8
"""So many orders are cancelled one by one, which spares resting exits. More go by cancel-all within
the exchange's rate; then stops stay, and resting exits go as well."""
WATCHDOG_ACTED = "watchdog_acted"
_SHOWN = 50


class Venue(Protocol):
    """What the watchdog asks of the exchange."""

    def resting(self) -> list[RestingOrder]:
        """Every order that may still fill."""

    def cancel(self, order: RestingOrder) -> None:
        """Cancels one order."""

    def cancel_all(self) -> None:
        """Cancels ordinary orders, never stops."""


@dataclass
class Watchdog:
    """Listens to one system's signs of life and acts on its account."""

    venue: Venue
    journal: Journal
    clock: Clock
    record: Callable[[str, list[dict[str, Any]]], bool]
    """Writes the acts of a silence into the audit; False when the database is away."""
    silence: Silence = field(default_factory=Silence)
    _silence_id: str | None = None
    _unrecorded: bool = True
    _acted_on: frozenset[str] = frozenset()

    def look(self, sign: datetime | None, moment: float) -> bool:
        """One look, with the newest sign of life and the moment of a clock that only goes forward;
        returns whether the system is silent."""
        self.silence.hear(sign)
        silent = self.silence.look(moment)
        if silent:
            self._act()
        elif self._silence_id is not None:
            log.warning(
                "the system gives signs of life again",
                extra={"event": "the_silence_is_over", "silence": self._silence_id},
            )
            self._silence_id, self._acted_on = None, frozenset()
        return silent

    def _act(self) -> None:
        if self._silence_id is None:
            self._silence_id = secrets.token_hex(8)
            log.critical(
                "the system is silent for %.0f s: orders that add risk are cancelled",
                self.silence.seconds,
                extra={"event": "the_system_is_silent", "alert": AlertLevel.CRITICAL.value},
            )
        try:
            found = adding(self.venue.resting(), OUR_PREFIX)
        except VenueError as error:
            self._tell_failure("open orders can't be read", error)
            return
        if found:
            self._cancel(found)

    def _cancel(self, orders: list[RestingOrder]) -> None:
        links = [order.order_link_id for order in orders]
        facts: dict[str, Any] = {
            "silent_seconds": round(self.silence.seconds, 1),
            "orders": len(links),
            "order_link_ids": links[:_SHOWN],
        }
        if self._acted_on != frozenset(links):
            self._tell_act(facts)
            self._acted_on = frozenset(links)
        if len(orders) > ONE_BY_ONE:
            self._try(self.venue.cancel_all)
            return
        for order in orders:
            self._try(partial(self.venue.cancel, order))

    def _tell_act(self, facts: dict[str, Any]) -> None:
        """Before the cancels: a watchdog that dies in between has told what it was about to do."""
        log.critical(
            "%d orders that add risk are cancelled",
            facts["orders"],
            extra={"event": WATCHDOG_ACTED, "alert": AlertLevel.CRITICAL.value, **facts},
        )
        self._unrecorded = True
        try:
            self.journal.acted(str(self._silence_id), self.clock.now(), facts)
        except OSError as error:  # a full disk must not keep an order alive
            log.critical(
                "the watchdog's journal can't be written: %s",
                error,
                extra={"event": "the_watchdogs_journal_cant_be_written"},
            )

    def _try(self, call: Callable[[], None]) -> None:
        """The next look repeats what failed."""
        try:
            call()
        except VenueError as error:
            self._tell_failure("a cancel failed", error)

    def _tell_failure(self, what: str, error: VenueError) -> None:
        log.critical(
            "%s, and is tried again: %s",
            what,
            error,
            extra={"event": "the_watchdog_is_held_up", "alert": AlertLevel.CRITICAL.value},
        )

    def record_acts(self) -> None:
        """Brings acts that the audit lacks into it, once the silence is over. May run in another
        thread than `look`, because it waits for the database."""
        if not self._unrecorded or self._silence_id is not None:
            return
        self._unrecorded = False
        for silence_id, acts in self.journal.unrecorded().items():
            if not self.record(silence_id, acts):
                self._unrecorded = True
                return
            self.journal.recorded(silence_id, self.clock.now())
