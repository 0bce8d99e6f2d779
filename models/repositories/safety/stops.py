"""Protective stops: what rests at the exchange for each open position, and what it was."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models.enums import StopState
from models.tables import ProtectiveStopRow

_OVER = (StopState.ENDED,)


def open_stops(session: Session, account: str) -> Sequence[ProtectiveStopRow]:
    """The stops that may rest at the exchange, the newest last."""
    query = (
        select(ProtectiveStopRow)
        .where(ProtectiveStopRow.account == account, ProtectiveStopRow.state.not_in(_OVER))
        .order_by(ProtectiveStopRow.symbol, ProtectiveStopRow.number)
    )
    return session.scalars(query).all()


def lock_stop(session: Session, account: str, link: str) -> ProtectiveStopRow:
    """One stop, locked until the transaction ends."""
    return session.get_one(
        ProtectiveStopRow, (account, link), with_for_update=True, populate_existing=True
    )


def next_number(session: Session, account: str, symbol: str) -> int:
    """The number of a symbol's next stop. The caller holds the symbol's lock."""
    newest = session.scalar(
        select(func.max(ProtectiveStopRow.number)).where(
            ProtectiveStopRow.account == account, ProtectiveStopRow.symbol == symbol
        )
    )
    return 0 if newest is None else int(newest) + 1


def newest_failure(
    session: Session, account: str, symbol: str, opened_at: datetime
) -> datetime | None:
    """When a stop of this position last failed to rest."""
    return session.scalar(
        select(func.max(ProtectiveStopRow.failed_at)).where(
            ProtectiveStopRow.account == account,
            ProtectiveStopRow.symbol == symbol,
            ProtectiveStopRow.opened_at == opened_at,
        )
    )


def unprotected_since(
    session: Session, account: str, symbol: str, opened_at: datetime
) -> datetime | None:
    """When the first stop after the newest confirmed or failed one of this position was asked
    for."""
    mine = (
        ProtectiveStopRow.account == account,
        ProtectiveStopRow.symbol == symbol,
        ProtectiveStopRow.opened_at == opened_at,
    )
    settled = (
        select(func.coalesce(func.max(ProtectiveStopRow.number), -1))
        .where(
            *mine,
            or_(
                ProtectiveStopRow.confirmed_at.is_not(None),
                ProtectiveStopRow.failed_at.is_not(None),
            ),
        )
        .scalar_subquery()
    )
    return session.scalar(
        select(func.min(ProtectiveStopRow.asked_at)).where(
            *mine, ProtectiveStopRow.number > settled
        )
    )


def protects(session: Session, account: str, symbol: str, opened_at: datetime) -> bool:
    """Whether a confirmed stop of this position rests, as far as we know."""
    found = session.scalar(
        select(ProtectiveStopRow.order_link_id)
        .where(
            ProtectiveStopRow.account == account,
            ProtectiveStopRow.symbol == symbol,
            ProtectiveStopRow.opened_at == opened_at,
            ProtectiveStopRow.state == StopState.RESTING,
        )
        .limit(1)
    )
    return found is not None
