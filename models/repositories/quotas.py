"""How much a strategy asks for at once, counted in the rows of its requests."""

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
    """How much of its quotas a strategy uses."""

    requests: int = 0
    """Taken lately, of what may add risk."""
    open_requests: int = 0
    exits: int = 0
    """Taken lately, of what only reduces."""
    open_exits: int = 0


def used(session: Session, account: str, strategy: str, since: datetime) -> Used:
    """What was taken after `since`, and what is not yet at its end."""
    wanted = {"account": account, "strategy": strategy, "since": since}
    found = Used()
    for name, count in session.execute(_USED, wanted):
        setattr(found, name, count)
    return found


def is_known(session: Session, account: str, strategy: str, keys: Sequence[str]) -> bool:
    """Whether a strategy's request was taken before, under one of the keys that it may have."""
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
