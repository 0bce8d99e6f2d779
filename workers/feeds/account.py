"""Stores private events in Postgres. After a gap, missed events are read by REST."""

import logging
import os
import threading
from datetime import timedelta

from sqlalchemy.exc import OperationalError

from bot.errors import DependencyDown
from bot.exchange.protocol import ExchangeOrder, ExchangePosition, Execution, Wallet
from bot.exchange.streams import StreamEvent
from tasks.bootstrap import Services

log = logging.getLogger(__name__)

WALLET_SECONDS = 1.0
"""Wallet events come with every fill; one reading a second is enough for the equity curve."""


class AccountFeed:
    """Stores the private streams' events and, after every connection, the events that they
    missed."""

    def __init__(self, context: Services) -> None:
        self._context = context
        self._wallet_at = context.clock.now() - timedelta(days=1)
        self._positions: dict[str, ExchangePosition] = {}
        self._lock = threading.Lock()

    def on_event(self, event: StreamEvent) -> None:
        """Stores one private event. Raises DependencyDown when Postgres can't be reached."""
        try:
            self._store(event)
        except OperationalError as error:
            raise DependencyDown(f"Postgres can't be reached: {error.orig}") from error

    def on_gap(self, why: str) -> None:
        """Reads missed events by REST, because no stream repeats them."""
        log.info(
            "the account stream is connected: %s", why, extra={"event": "account_stream_connected"}
        )
        try:
            report = self._context.reconciler.reconcile_account()
            self._context.reconciler.resolve_all(older_than=timedelta(0))
            self._context.rebuild_reservations()
            self._context.reconciler.record_wallet()
            self._context.monitor.heartbeat("reconciliation", os.getpid())
        except OperationalError as error:
            raise DependencyDown(f"Postgres can't be reached: {error.orig}") from error
        log.info("account reconciled", extra={"new_fills": report.new_fills})

    def _store(self, event: StreamEvent) -> None:
        now = self._context.clock.now()
        if isinstance(event, Execution):
            self._context.fills.apply_execution(event, now, source="stream")
        elif isinstance(event, ExchangeOrder):
            self._context.fills.apply_order(event, now)
        elif isinstance(event, Wallet):
            self._record_wallet(event)
        elif isinstance(event, ExchangePosition):
            with self._lock:
                self._positions[event.symbol] = event

    def store_positions(self) -> None:
        """Stores the newest position of each symbol with an event since the last call."""
        with self._lock:
            heard, self._positions = self._positions, {}
        if heard:
            self._context.reconciler.store_positions(heard.values())

    def _record_wallet(self, wallet: Wallet) -> None:
        now = self._context.clock.now()
        if (now - self._wallet_at).total_seconds() < WALLET_SECONDS:
            return
        self._wallet_at = now
        self._context.reconciler.store_wallet(wallet)
