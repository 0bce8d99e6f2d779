"""Use of quotas, counted in the rows of a strategy's requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from models.amounts import ZERO
from models.tables import StrategyShareRow, TradeRequestRow

# In two parts, because each has an index of its own.
_USED = text(
    """
    SELECT CASE WHEN reduces THEN 'exits' ELSE 'requests' END, count(*)
      FROM (
        SELECT coalesce((payload -> 'signal_data' ->> 'reduce_only')::boolean, false) AS reduces
          FROM trade_request
          WHERE account = :account AND strategy = :strategy AND received_at > :since
      ) AS lately GROUP BY reduces
    UNION ALL
    SELECT CASE WHEN reduces THEN 'open_exits' ELSE 'open_requests' END, count(*)
      FROM (
        SELECT coalesce((payload -> 'signal_data' ->> 'reduce_only')::boolean, false) AS reduces
          FROM trade_request
          WHERE account = :account AND strategy = :strategy AND status IN (
            'pending_validation', 'validation_passed', 'pending_execution', 'executing')
      ) AS open GROUP BY reduces
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


def used(session: Session, account: str, strategy: str, since: datetime) -> Used:
    """Counts requests after `since`, and those that have not ended."""
    wanted = {"account": account, "strategy": strategy, "since": since}
    found = Used()
    for name, count in session.execute(_USED, wanted):
        setattr(found, name, count)
    return found


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
