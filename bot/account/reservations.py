"""Rebuilding reservations from parents, children and the exchange's open orders.

The quantity that a trade may still fill is counted from rows and compared with its reservation. A
reservation that is too small or missing is repaired at once. One that is too large is lowered only
after the exchange was asked, because an order that rests there unseen needs its part.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from sqlalchemy import func, select, union
from sqlalchemy.orm import Session

from bot.clock import Clock
from bot.exchange.protocol import Exchange, ExchangeOrder
from bot.execution.orders import transitions
from bot.execution.orders.identity import PREFIX
from bot.execution.orders.one_by_one import each
from bot.execution.orders.parents import left_qty
from models.amounts import ZERO
from models.database import Database, UnitOfWork
from models.enums import ReservationState
from models.locks import lock_account, lock_parent, lock_reservation
from models.open_rows import CHILD_IS_OPEN, PARENT_IS_OPEN, RESERVATION_IS_OPEN
from models.tables import ChildOrderRow, ParentOrderRow, ReservationRow

log = logging.getLogger(__name__)

Row = TypeVar("Row", ParentOrderRow, ReservationRow)


@dataclass(frozen=True, slots=True)
class ReservationDifference:
    """One reservation that did not hold the quantity that its trade may still fill."""

    request_id: str
    held: Decimal | None
    """None when there was no reservation at all."""
    needed: Decimal
    repaired: bool
    """False when more is held than needed and the exchange was not asked."""
    why: str


@dataclass(frozen=True, slots=True)
class ReservationReport:
    """The findings of a rebuild. Without differences every reservation is right. Orders that belong
    to no child have no reservation; the monitor reports them."""

    account: str
    checked: int
    differences: tuple[ReservationDifference, ...]
    exchange_asked: bool


def rebuild(
    db: Database, account: str, clock: Clock, exchange: Exchange | None = None
) -> ReservationReport:
    """Counts every open trade's reservation anew and repairs it, never to less than may still fill.

    It may run beside everything else: a reservation that looks wrong is counted again under the
    gate's own lock. Without an exchange nothing is lowered. Raises the exchange's errors before any
    change.
    """
    resting = {} if exchange is None else _resting(exchange)
    # An unreadable order may rest too.
    may_lower = exchange is not None and not exchange.take_unreadable()
    with db.reading() as session:
        owners = _owners(session, account, resting)
        requests = sorted({*_candidates(session, account), *owners.values()})
        by_request: dict[str, list[ExchangeOrder]] = {request_id: [] for request_id in requests}
        for link in sorted(owners):
            by_request[owners[link]].append(resting[link])
        suspects = _suspects(session, by_request)
    found = []
    for difference in each(
        suspects,
        lambda key: _repair(db, account, key, by_request[key], clock.now(), may_lower),
        "a reservation can't be repaired",
    ):
        if difference is not None:
            found.append(difference)
            subject = {"request": difference.request_id}
            log.warning(
                "a reservation is repaired: %s",
                difference.why,
                extra={"event": "reservation_repaired", **subject},
            )
    return ReservationReport(account, len(requests), tuple(found), exchange is not None)


def _resting(exchange: Exchange) -> dict[str, ExchangeOrder]:
    return {
        order.order_link_id: order
        for order in exchange.open_orders()
        if order.order_link_id.startswith(PREFIX)
    }


def _owners(session: Session, account: str, resting: Mapping[str, ExchangeOrder]) -> dict[str, str]:
    """The request of each of our resting orders, by order_link_id."""
    rows = session.execute(
        select(ChildOrderRow.order_link_id, ChildOrderRow.request_id).where(
            ChildOrderRow.account == account, ChildOrderRow.order_link_id.in_(list(resting))
        )
    )
    return {row.order_link_id: row.request_id for row in rows}


def _candidates(session: Session, account: str) -> Sequence[str]:
    """Requests that hold something, or whose parent is not over."""
    parents = select(ParentOrderRow.request_id).where(
        ParentOrderRow.account == account, PARENT_IS_OPEN
    )
    holding = select(ReservationRow.request_id).where(
        ReservationRow.account == account, RESERVATION_IS_OPEN
    )
    return session.scalars(union(parents, holding)).all()


def _suspects(session: Session, resting: Mapping[str, Sequence[ExchangeOrder]]) -> Sequence[str]:
    """Requests that look wrong without a lock; rows may change while they are read."""
    parents = _rows_of(session, ParentOrderRow, resting)
    held = {row.request_id: row for row in _rows_of(session, ReservationRow, resting)}
    live = _open_quantities(session, list(resting))
    ended = _ended_children(session, [o for orders_of in resting.values() for o in orders_of])
    return [
        parent.request_id
        for parent in parents
        if not _fits(
            held.get(parent.request_id),
            parent,
            needs(parent, live.get(parent.request_id, ZERO), ended, resting[parent.request_id])[0],
        )
    ]


def _open_quantities(session: Session, requests: Sequence[str]) -> dict[str, Decimal]:
    """The quantity that each request's live children may still fill. Postgres sums it, because a
    schedule may have a thousand children."""
    still_open = func.sum(func.greatest(0, ChildOrderRow.qty - ChildOrderRow.filled_qty))
    rows = session.execute(
        select(ChildOrderRow.request_id, still_open)
        .where(ChildOrderRow.request_id.in_(requests), CHILD_IS_OPEN)
        .group_by(ChildOrderRow.request_id)
    )
    return dict(rows.all())


def _ended_children(
    session: Session, resting: Sequence[ExchangeOrder]
) -> Mapping[str, ChildOrderRow]:
    """The children that are final here although their orders rest at the exchange, by
    order_link_id."""
    links = [order.order_link_id for order in resting]
    children = session.scalars(select(ChildOrderRow).where(ChildOrderRow.order_link_id.in_(links)))
    return {child.order_link_id: child for child in children if _ended_here(child)}


def _rows_of(session: Session, table: type[Row], requests: Iterable[str]) -> Sequence[Row]:
    return session.scalars(
        select(table).where(table.request_id.in_(list(requests))).order_by(table.request_id)
    ).all()


def _repair(
    db: Database,
    account: str,
    request_id: str,
    resting: Sequence[ExchangeOrder],
    now: datetime,
    may_lower: bool,
) -> ReservationDifference | None:
    with db.unit_of_work() as uow:
        lock_account(uow.session, account)
        parent = lock_parent(uow.session, request_id)
        if parent is None:
            return None
        reservation = lock_reservation(uow.session, request_id)
        live = _open_quantities(uow.session, [request_id]).get(request_id, ZERO)
        ended = _ended_children(uow.session, resting)
        needed, why = needs(parent, live, ended, resting)
        held = _held(reservation)
        if _fits(reservation, parent, needed):
            return None
        repaired = held is None or needed >= held or may_lower
        difference = ReservationDifference(request_id, held, needed, repaired, why)
        if repaired:
            _write(uow, parent, reservation, needed, now)
            _audit(uow, account, difference, now)
            uow.commit()
        return difference


def needs(
    parent: ParentOrderRow,
    live: Decimal,
    ended: Mapping[str, ChildOrderRow],
    resting: Sequence[ExchangeOrder],
) -> tuple[Decimal, str]:
    """The quantity that the trade may still fill, and how it was counted.

    It is the larger of two quantities: the open quantity of live children (`live`), and the
    parent's quantity that is neither filled nor released. The resting quantity of children that
    were given up here (`ended`) is added.
    """
    rest = ZERO
    if not parent.state.is_final:
        rest = max(ZERO, left_qty(parent))
    unseen = sum(
        (_unseen(o, ended[o.order_link_id]) for o in resting if o.order_link_id in ended), ZERO
    )
    why = (
        f"the children have {live:f} open, the parent has {rest:f}, and the ended children "
        f"leave {unseen:f}"
    )
    return max(live, rest) + unseen, why


def _unseen(order: ExchangeOrder, child: ChildOrderRow) -> Decimal:
    """The quantity of an order that rests unseen. Fills after the exchange was asked are
    subtracted."""
    return max(ZERO, min(order.qty - order.filled_qty, child.qty - child.filled_qty))


def _ended_here(child: ChildOrderRow) -> bool:
    """Whether the child is final by our own conclusion, without the exchange's word."""
    if not child.state.is_final:
        return False
    return child.exchange_status is None or not child.exchange_status.is_final


def _held(reservation: ReservationRow | None) -> Decimal | None:
    """The quantity that counts against the limits; 0 for a released reservation."""
    if reservation is None:
        return None
    return reservation.open_qty if reservation.state == ReservationState.HELD else ZERO


def _fits(reservation: ReservationRow | None, parent: ParentOrderRow, needed: Decimal) -> bool:
    """Whether the reservation is exact and held while its trade is under way, and released after
    its end."""
    held = reservation is not None and reservation.state == ReservationState.HELD
    wanted = needed > 0 or not parent.state.is_final
    return held == wanted and (_held(reservation) or ZERO) == needed


def _write(
    uow: UnitOfWork,
    parent: ParentOrderRow,
    reservation: ReservationRow | None,
    needed: Decimal,
    now: datetime,
) -> None:
    if reservation is None:
        reservation = ReservationRow(
            request_id=parent.request_id,
            account=parent.account,
            symbol=parent.symbol,
            side=parent.side,
            reduce_only=parent.reduce_only,
            reference_price=parent.reference_price,
            approved_qty=parent.approved_qty,
            created_at=now,
        )
        uow.session.add(reservation)
    over = needed == 0 and parent.state.is_final
    # More may rest at the exchange than was ever approved; that counts too.
    reservation.approved_qty = max(reservation.approved_qty, needed)
    transitions.set_reservation(reservation, needed, now, released=over)


def _audit(uow: UnitOfWork, account: str, difference: ReservationDifference, now: datetime) -> None:
    held = None if difference.held is None else format(difference.held, "f")
    uow.audit(
        account,
        "reservation_repaired",
        difference.request_id,
        "rebuild",
        {"held": held, "needed": format(difference.needed, "f"), "why": difference.why},
        now,
    )
