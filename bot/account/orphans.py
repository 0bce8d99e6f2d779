"""Orders under our ids without a row here: the database was restored, or has lost a row.

Each order of ours is a row before it is sent. An order without a row reserves nothing, has no
deadline, and its fills belong to no trade. If it adds, it is called back, which takes risk away in
any case, and entries stop until a person has looked (`monitor`). If it only reduces, it is left to
that person. `mlrisk doctor` shows both.
"""

import logging
from datetime import timedelta

from bot.errors import MlriskError
from bot.exchange.protocol import ExchangeOrder
from bot.execution.ports import Deps
from bot.execution.sending.cancelling import Cancels

log = logging.getLogger(__name__)

LEAST_AGE = timedelta(seconds=30)
"""The age at which an orphan is cancelled. It is seen twice by then, so that an order that ends by
itself needs no cancel. If another system trades on the account, a person is alerted before its
orders are cancelled."""


class Orphans:
    """Calls back those of one account's orders without a row that add risk."""

    def __init__(self, deps: Deps, cancels: Cancels) -> None:
        self._db = deps.db
        self._cancels = cancels
        self._account = deps.account
        self._clock = deps.clock

    def call_back(self, order: ExchangeOrder) -> bool:
        """Returns True when the order was cancelled. The next look repeats a call that fails."""
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
                "an order has an id of ours but no row, and it can't be cancelled: %s",
                error,
                extra={
                    "event": "an_order_in_our_name_that_no_row_explains_cant_be_cancelled",
                    **facts,
                    "child": link,
                },
            )
            return False
        log.critical(
            "an order has an id of ours but no row; it is cancelled",
            extra={
                "event": "an_order_in_our_name_that_no_row_explains_is_cancelled",
                **facts,
                "child": link,
            },
        )
        with self._db.unit_of_work() as uow:
            uow.audit(self._account, "orphan_called_back", link, "reconcile", dict(facts), now)
            uow.commit()
        return True
