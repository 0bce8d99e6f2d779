"""The exchange's trading rules: read at the start, hourly, and when a refusal names them."""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from bot.clock import Clock
from bot.errors import ExchangeRefused, MlriskError
from bot.exchange.protocol import Exchange, Instrument
from bot.execution.orders.parents import release
from models.amounts import ZERO
from models.database import Database, UnitOfWork
from models.enums import VenueReason
from models.repositories import portfolio
from models.tables import ChildOrderRow, InstrumentRow, ParentOrderRow

log = logging.getLogger(__name__)

AGAIN_SECONDS = 5.0
"""How long a process trusts the rules that it has just read, so that a storm of refusals reads them
once."""
_NOT_OF_THE_ORDER = frozenset({VenueReason.MARGIN, VenueReason.ACCOUNT})


class TradingRules:
    """Keeps the rows of the instruments in line with the exchange."""

    def __init__(
        self,
        db: Database,
        exchange: Exchange,
        clock: Clock,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db = db
        self._exchange = exchange
        self._clock = clock
        self._monotonic = monotonic
        self._read_at: float | None = None

    def refresh(self) -> int:
        """Reads the rules of every instrument; returns how many were stored."""
        rules = self._exchange.instruments()
        self._read_at = self._monotonic()
        with self._db.transaction() as session:
            return store(session, rules, self._clock.now())

    def may_explain(self, error: ExchangeRefused) -> bool:
        """Whether a refusal may come from a new tick, lot, minimum or status that this process has
        not just read."""
        lately = self._read_at is not None and self._monotonic() - self._read_at < AGAIN_SECONDS
        return error.reason not in _NOT_OF_THE_ORDER and not lately

    def read_after_refusal(self) -> None:
        """Reads the rules again for the next attempt. A failure leaves them as they are. The
        exchange may be slow, so callers hold no lock and no transaction."""
        try:
            self.refresh()
        except MlriskError as failure:
            log.warning("trading rules can't be read after a refusal: %s", failure)


def store(session: Session, rules: Iterable[Instrument], now: datetime) -> int:
    """Writes rules that were read at `now`; returns how many."""
    return portfolio.store_instruments(
        session,
        (
            {
                "symbol": rule.symbol,
                "category": rule.category,
                "tick_size": rule.tick_size,
                "qty_step": rule.qty_step,
                "min_qty": rule.min_qty,
                "max_qty": rule.max_qty,
                "min_notional": rule.min_notional,
                "max_leverage": rule.max_leverage,
                "price_limit_x": rule.price_limit_x,
                "price_limit_y": rule.price_limit_y,
                "status": rule.status,
                "refreshed_at": now,
            }
            for rule in rules
        ),
    )


def fit_to_lots(
    uow: UnitOfWork, parent: ParentOrderRow, child: ChildOrderRow, rules: InstrumentRow | None
) -> bool:
    """Cuts a child that was planned under another lot size down to whole lots of the present one.

    The cut part is given back. Returns False, and changes nothing, when not one lot would be left.
    """
    if rules is None or rules.qty_step <= ZERO:
        return True
    qty = child.qty // rules.qty_step * rules.qty_step
    if qty == child.qty:
        return True
    if qty <= ZERO:
        return False
    cut, child.qty = child.qty - qty, qty
    if not parent.stepped:  # a stepped parent plans it anew
        release(uow, parent, cut)
    log.warning(
        "a child is cut to whole lots of the new trading rules",
        extra={"event": "a_child_is_cut_to_whole_lots", "child": child.order_link_id},
    )
    return True
