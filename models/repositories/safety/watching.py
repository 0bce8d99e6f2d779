"""What the position monitor reads and remembers: open positions, their trades, and their exits."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.enums import TradeSide
from models.tables import (
    ParentOrderRow,
    PositionExitRow,
    PositionRow,
    PositionWatchRow,
    TradeRequestRow,
)

LONGEST_TRADE = timedelta(seconds=86_400)
"""The longest horizon of a message."""


def open_positions(session: Session, account: str) -> Sequence[PositionRow]:
    """The positions that are not flat, by symbol."""
    query = select(PositionRow).where(PositionRow.account == account, PositionRow.qty != 0)
    return session.scalars(query.order_by(PositionRow.symbol)).all()


def watches(session: Session, account: str) -> dict[str, PositionWatchRow]:
    """The monitor's memory, by symbol."""
    query = select(PositionWatchRow).where(PositionWatchRow.account == account)
    return {row.symbol: row for row in session.scalars(query)}


def lock_watch(session: Session, account: str, symbol: str) -> PositionWatchRow | None:
    """The memory of one position, locked until the transaction ends."""
    return session.get(
        PositionWatchRow, (account, symbol), with_for_update=True, populate_existing=True
    )


def new_watch(session: Session, account: str, symbol: str, opened_at: datetime) -> PositionWatchRow:
    """A new memory of a position, or the one that another look has just begun, locked."""
    values = {"account": account, "symbol": symbol, "opened_at": opened_at, "told": ()}
    session.execute(insert(PositionWatchRow).values(**values).on_conflict_do_nothing())
    return session.get_one(
        PositionWatchRow, (account, symbol), with_for_update=True, populate_existing=True
    )


def forget(session: Session, account: str, symbols: Sequence[str]) -> None:
    """Drops the memory of positions that are flat."""
    if symbols:
        session.execute(
            delete(PositionWatchRow).where(
                PositionWatchRow.account == account, PositionWatchRow.symbol.in_(symbols)
            )
        )


def newest_exit(
    session: Session, account: str, symbol: str, opened_at: datetime
) -> tuple[PositionExitRow, TradeRequestRow] | None:
    """The newest exit that was asked for this position, with its request."""
    found = session.execute(
        select(PositionExitRow, TradeRequestRow)
        .join(TradeRequestRow, TradeRequestRow.request_id == PositionExitRow.request_id)
        .where(
            PositionExitRow.account == account,
            PositionExitRow.symbol == symbol,
            PositionExitRow.opened_at == opened_at,
        )
        .order_by(PositionExitRow.attempt.desc())
        .limit(1)
    ).first()
    return None if found is None else (found[0], found[1])


def entries_of(
    session: Session, account: str, symbol: str, side: TradeSide, opened_at: datetime
) -> Sequence[TradeRequestRow]:
    """The requests whose trades made the position, the newest first."""
    query = (
        select(TradeRequestRow)
        .join(ParentOrderRow, ParentOrderRow.request_id == TradeRequestRow.request_id)
        .where(
            ParentOrderRow.account == account,
            ParentOrderRow.symbol == symbol,
            ParentOrderRow.side == side,
            ParentOrderRow.filled_qty > 0,
            ~ParentOrderRow.reduce_only,
            # The longest trade lasts a day; this bound has an index.
            ParentOrderRow.start_at >= opened_at - LONGEST_TRADE,
            or_(ParentOrderRow.finished_at.is_(None), ParentOrderRow.finished_at >= opened_at),
        )
        .order_by(TradeRequestRow.received_at.desc())
    )
    return session.scalars(query).all()


def newest_prediction(
    session: Session, entry: TradeRequestRow, *, after: datetime
) -> dict[str, Any] | None:
    """The strategy's newest prediction for the same trade since its entry: an entry that it has
    asked for, whether it was approved or not."""
    payload = TradeRequestRow.payload
    found: dict[str, Any] | None = session.scalars(
        select(payload["ml_predictions"])
        .where(
            TradeRequestRow.received_at > after,
            TradeRequestRow.account == entry.account,
            and_(
                TradeRequestRow.strategy == entry.strategy,
                TradeRequestRow.symbol == entry.symbol,
                TradeRequestRow.side == entry.side,
            ),
            func.jsonb_typeof(payload["ml_predictions"]["confidence"]) == "number",
            payload["signal_data"]["reduce_only"].as_boolean().is_not(True),
        )
        .order_by(TradeRequestRow.received_at.desc())
        .limit(1)
    ).first()
    return found
