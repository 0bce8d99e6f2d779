"""What an account holds and may still fill, read by another statement than the gate's own.

A second opinion for tests of `models.repositories.trading.snapshot_query`.
"""

from typing import Any

from sqlalchemy import cast, func, literal, null, select, union_all
from sqlalchemy.orm import Session

from models.enums import ReservationState
from models.repositories.portfolio import HeldPosition, HeldReservation
from models.tables import Money, PositionRow, ReservationRow


def exposure(session: Session, account: str) -> tuple[list[HeldPosition], list[HeldReservation]]:
    """Positions and what approved trades may still fill, as of one moment.

    One statement on purpose: a fill moves quantity from a reservation to a position, and two
    statements could see it in neither.
    """
    positions = select(
        literal("position").label("what"),
        PositionRow.symbol,
        literal("").label("side"),
        literal(False).label("reduce_only"),
        PositionRow.qty,
        PositionRow.entry_price.label("price"),
        PositionRow.liquidation_price,
    ).where(PositionRow.account == account, PositionRow.qty != 0)
    working = (
        select(
            literal("working"),
            ReservationRow.symbol,
            ReservationRow.side,
            ReservationRow.reduce_only,
            func.sum(ReservationRow.open_qty),
            func.sum(ReservationRow.open_qty * ReservationRow.reference_price),
            cast(null(), Money),
        )
        .where(
            ReservationRow.account == account,
            ReservationRow.state == ReservationState.HELD,
            ReservationRow.open_qty > 0,
        )
        .group_by(ReservationRow.symbol, ReservationRow.side, ReservationRow.reduce_only)
    )
    held: list[HeldPosition] = []
    reserved: list[HeldReservation] = []
    rows: Any = session.execute(union_all(positions, working))
    for row in rows:
        if row.what == "position":
            held.append(HeldPosition(row.symbol, row.qty, row.price, row.liquidation_price))
        else:
            reserved.append(
                HeldReservation(row.symbol, row.side, row.reduce_only, row.qty, row.price)
            )
    held.sort(key=lambda p: p.symbol)
    reserved.sort(key=lambda r: (r.symbol, r.side, r.reduce_only))
    return held, reserved
