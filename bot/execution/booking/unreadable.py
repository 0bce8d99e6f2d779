"""Facts of the exchange that can't be read or stored: each is parked, named and alerted once. The
others are used."""

import logging
from collections.abc import Sequence
from datetime import datetime

from bot.exchange.protocol import ExchangeOrder, Execution, UnreadableFact
from models.database import Database
from models.repositories.safety import disagreements

log = logging.getLogger(__name__)


def of_execution(execution: Execution, why: Exception) -> UnreadableFact:
    """An execution that was read and that no row can keep, such as one with too many digits."""
    return UnreadableFact(
        "execution", execution.exec_id, execution.symbol, str(why)[:500], repr(execution)[:2000]
    )


def of_order(order: ExchangeOrder, why: Exception) -> UnreadableFact:
    """An order that was read and that no row can keep; its text is cut to 2000 characters."""
    return UnreadableFact("order", order.order_id, order.symbol, str(why)[:500], repr(order)[:2000])


def park(db: Database, account: str, facts: Sequence[UnreadableFact], now: datetime) -> int:
    """Parks facts; returns how many were new."""
    if not facts:
        return 0
    by_key = {(fact.kind, fact.key): fact for fact in facts}
    with db.unit_of_work() as uow:
        news = disagreements.park(
            uow.session, [_values(account, fact, now) for fact in by_key.values()]
        )
        for place in news:
            fact = by_key[place]
            details = {"kind": fact.kind, "symbol": fact.symbol, "why": fact.why, "row": fact.row}
            uow.audit(account, "fact_parked", fact.key, "exchange", details, now)
            log.critical(
                "the %s %s of %s can't be used and is parked: %s",
                fact.kind,
                fact.key,
                fact.symbol,
                fact.why,
                extra={"event": "of_cant_be_used_and_is_parked"},
            )
        uow.commit()
    return len(news)


def _values(account: str, fact: UnreadableFact, now: datetime) -> dict[str, object]:
    names = {"kind": fact.kind, "key": fact.key, "symbol": fact.symbol, "why": fact.why}
    plain = {name: text.replace("\0", "\\0") for name, text in names.items()}
    row = fact.row.replace("\0", "\\0")
    return {"account": account, **plain, "row": row, "first_seen_at": now}
