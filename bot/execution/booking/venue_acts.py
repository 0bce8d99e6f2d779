"""Acts of the exchange on an account of its own accord: they stop entries until a person looks.

Liquidation, auto-deleveraging and the settlement of a delisted symbol move positions without any
order of ours. They are booked under their own kind, trip a breaker that sets the account to
REDUCING, and are alerted. The exchange's cancel of an order of ours in preparation of such an act
does the same.
"""

import logging
from datetime import datetime
from enum import StrEnum

from bot.exchange.protocol import Execution
from bot.state import breakers
from models.database import UnitOfWork
from models.enums import VenueReason

log = logging.getLogger(__name__)


class VenueAct(StrEnum):
    """The kinds of breaker; stored, so never renamed."""

    LIQUIDATION = "liquidation"
    DELEVERAGING = "auto_deleveraging"
    SETTLEMENT = "symbol_settlement"


_BY_REASON = {
    VenueReason.LIQUIDATION: VenueAct.LIQUIDATION,
    VenueReason.DELEVERAGING: VenueAct.DELEVERAGING,
    VenueReason.SETTLEMENT: VenueAct.SETTLEMENT,
}


def act_of(execution: Execution) -> VenueAct | None:
    """The kind of the exchange's own act behind this execution; None when there is none."""
    return None if execution.venue_act is None else _BY_REASON.get(execution.venue_act)


def note_execution(
    uow: UnitOfWork, account: str, act: VenueAct, execution: Execution, now: datetime
) -> None:
    """Records the act in the audit chain and trips the account's breaker."""
    text = (
        f"the exchange closed {execution.qty:f} {execution.symbol} by "
        f"{execution.side.value} at {execution.price:f} ({act.value.replace('_', ' ')})"
    )
    uow.audit(
        account,
        act.value,
        execution.symbol,
        "exchange",
        {
            "exec_id": execution.exec_id,
            "exec_type": execution.exec_type,
            "created_by": execution.created_by,
            "side": execution.side.value,
            "qty": format(execution.qty, "f"),
            "price": format(execution.price, "f"),
        },
        now,
    )
    _trip(uow, account, act, execution.symbol, text, now)


def note_cancel(
    uow: UnitOfWork, account: str, symbol: str, reason: VenueReason, words: str, now: datetime
) -> None:
    """Trips the account's breaker when the exchange has cancelled an order to act on it. `words`
    are the venue's own on the cancel."""
    act = _BY_REASON.get(reason)
    if act is not None:
        text = f"the exchange cancelled an order in {symbol}: {words}"
        _trip(uow, account, act, symbol, text, now)


def _trip(
    uow: UnitOfWork, account: str, act: VenueAct, symbol: str, text: str, now: datetime
) -> None:
    found = breakers.Finding(act.value, symbol, "none", text)
    breakers.trip(uow, account, found, actor="exchange", now=now)
    log.critical("%s; entries are stopped", text, extra={"breaker": act.value, "symbol": symbol})
