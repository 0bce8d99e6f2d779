"""Use of quotas, counted in the rows of a strategy's requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from models.amounts import ZERO
from models.tables import StrategyShareRow, TradeRequestRow
from models.tables.decisions import ASKS_EXIT, IS_OPEN

# Payloads are large: they are not read here. Each count has an index.
_OWN = "account = :account AND strategy = :strategy"
_LATELY = f"{_OWN} AND received_at > :since"
_USED = text(
    f"""
    SELECT
      (SELECT count(*) FROM trade_request WHERE {_LATELY}),
      (SELECT count(*) FROM trade_request WHERE {_LATELY} AND {ASKS_EXIT}),
      (SELECT count(*) FROM trade_request WHERE {_OWN} AND {IS_OPEN}),
      (SELECT count(*) FROM trade_request WHERE {_OWN} AND {IS_OPEN} AND {ASKS_EXIT}),
      (SELECT max_requests_per_second FROM strategy WHERE name = :strategy)
    """
)


@dataclass(slots=True)
class Used:
    """A strategy's use of its quotas."""

    requests: int = 0
    """Recent requests that may add risk."""
    open_requests: int = 0
    exits: int = 0
    """Recent requests that only reduce."""
    open_exits: int = 0
    own_rate: int | None = None
    """The strategy's own bound of requests per second; None without one."""


def used(session: Session, account: str, strategy: str, since: datetime) -> Used:
    """Counts requests after `since`, and those that have not ended."""
    wanted = {"account": account, "strategy": strategy, "since": since}
    lately, exits, at_work, open_exits, own_rate = session.execute(_USED, wanted).one()
    return Used(lately - exits, at_work - open_exits, exits, open_exits, own_rate)


def is_known(session: Session, account: str, strategy: str, keys: Sequence[str]) -> bool:
    """Whether a strategy's request is known, under one of its possible keys."""
    found = session.scalar(
        select(TradeRequestRow.request_id).where(
            TradeRequestRow.request_id.in_(keys),
            TradeRequestRow.account == account,
            TradeRequestRow.strategy == strategy,
        )
    )
    return found is not None


def share_of(session: Session, account: str, strategy: str, symbol: str) -> Decimal:
    """A strategy's own part of a position, signed."""
    row = StrategyShareRow
    found = session.scalar(
        select(row.filled_qty + row.taken_qty).where(
            row.account == account, row.strategy == strategy, row.symbol == symbol
        )
    )
    return ZERO if found is None else found
