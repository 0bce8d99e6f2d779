"""Orders in our name that no row here explains: the database was restored, or has lost a row.

An order of ours is a row before it is sent, so that one without a row is nobody's here: it
reserves nothing, no deadline ends it, and what it fills belongs to no trade. One that adds is
called back, which takes risk away whosever it was, and stops entries until a person has looked
(`monitor`). One that only reduces is left to that person. The doctor shows both.
"""

import logging
from datetime import timedelta

from bot.clock import Clock
from bot.errors import MlriskError
from bot.exchange.protocol import ExchangeOrder
from bot.execution.sending.cancelling import Cancels
from models.database import Database

log = logging.getLogger(__name__)

LEAST_AGE = timedelta(seconds=30)
"""Old enough to be seen twice: one that ends by itself needs no cancel, and should another system
trade on the account, a person hears of it before its orders go."""


class Orphans:
    """Calls back what adds of one account's orders without a row."""

    def __init__(self, db: Database, cancels: Cancels, account: str, clock: Clock) -> None:
        self._db = db
        self._cancels = cancels
        self._account = account
        self._clock = clock

    def call_back(self, order: ExchangeOrder) -> bool:
        """True when it was cancelled. A call that fails is made again by the next look."""
        now = self._clock.now()
        link = order.order_link_id
        if order.reduce_only or now - (order.created_at or order.updated_at) < LEAST_AGE:
            return False
        facts = {
            "order_id": order.order_id,
            "symbol": order.symbol,
            "side": order.side.value,
            "qty": format(order.qty, "f"),
            "filled": format(order.filled_qty, "f"),
        }
        try:
            if self._cancels.call_back(order.symbol, link) is None:
                return False
        except MlriskError as error:
            log.critical(
                "an order in our name that no row explains can't be cancelled: %s",
                error,
                extra={**facts, "child": link},
            )
            return False
        log.critical(
            "an order in our name that no row explains is cancelled", extra={**facts, "child": link}
        )
        with self._db.unit_of_work() as uow:
            uow.audit(self._account, "orphan_called_back", link, "reconcile", dict(facts), now)
            uow.commit()
        return True
