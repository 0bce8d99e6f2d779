"""The statements that end many parents' children at once; the parents' locks are held."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from models.enums import ChildState
from models.open_rows import CHILD_IS_OPEN, PARENT_IS_OPEN
from models.tables import ChildOrderRow, ParentOrderRow


@dataclass(frozen=True, slots=True)
class Ended:
    """A child that ended: it never went out, or its rest never will."""

    order_link_id: str
    rest: Decimal


@dataclass(frozen=True, slots=True)
class StillOpen:
    """The quantity of a parent that may still fill at the exchange."""

    children: int
    rests: bool


def not_stopped(session: Session, *, exits: bool, only: ColumnElement[bool]) -> Sequence[str]:
    """Open parents that are not ending and meet the condition; exits only if `exits`."""
    return session.scalars(
        select(ParentOrderRow.request_id)
        .where(
            PARENT_IS_OPEN,
            ParentOrderRow.stop_reason.is_(None),
            ParentOrderRow.reduce_only.in_((False, exits)),
            only,
        )
        .order_by(ParentOrderRow.request_id)
    ).all()


def end_planned(
    session: Session, request_ids: Sequence[str], changes: Mapping[str, Any]
) -> Mapping[str, Sequence[Ended]]:
    """Cancels planned children; by parent, in the order of their slots.

    The raised token keeps an outcome from being written over a final state.
    """
    table = ChildOrderRow
    rows = session.execute(
        update(table)
        .where(table.request_id.in_(request_ids), table.state == ChildState.PLANNED)
        .values(**changes)
        .returning(
            table.request_id, table.child_id, table.order_link_id, table.qty - table.filled_qty
        ),
        execution_options={"synchronize_session": False},
    )
    ended: dict[str, list[Ended]] = {}
    for request_id, _, link, rest in sorted(rows, key=lambda row: row[1]):
        ended.setdefault(request_id, []).append(Ended(link, rest))
    return ended


def request_cancels(session: Session, request_ids: Sequence[str], now: datetime) -> None:
    """Decides the cancel of every child that rests."""
    table = ChildOrderRow
    session.execute(
        update(table)
        .where(
            table.request_id.in_(request_ids),
            CHILD_IS_OPEN,
            table.style != "ioc",
            table.cancel_requested_at.is_(None),
        )
        .values(cancel_requested_at=now),
        execution_options={"synchronize_session": False},
    )


def still_open(session: Session, request_ids: Sequence[str]) -> Mapping[str, StillOpen]:
    """Parents with children that are not final."""
    table = ChildOrderRow
    rows = session.execute(
        select(table.request_id, func.count(), func.bool_or(table.style != "ioc"))
        .where(table.request_id.in_(request_ids), CHILD_IS_OPEN)
        .group_by(table.request_id)
    )
    return {request_id: StillOpen(count, rests) for request_id, count, rests in rows}
