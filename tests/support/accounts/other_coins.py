"""Trades whose fees are in a third coin."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import select

from console.runtime.vitals.check import check_vitals
from console.runtime.vitals.patient import Patient
from models.tables import OtherFeeRow, PositionRow
from tests.support.desk import ACCOUNT, Desk


def trade(desk: Desk, request_id: str, side: str, *, fee: str = "0.5", coin: str = "MNT") -> None:
    """One order of 2000 that fills at once, with its fee in a coin."""
    desk.approve(request_id, side=side)
    desk.send_due()
    desk.exchange.fills[-1] = replace(desk.exchange.fills[-1], fee=Decimal(fee), fee_currency=coin)
    desk.stream()


def position(desk: Desk) -> PositionRow:
    with desk.db.reading() as session:
        return session.get_one(PositionRow, (ACCOUNT, "BTCUSDT"))


def stored(desk: Desk) -> list[OtherFeeRow]:
    with desk.db.reading() as session:
        return list(session.scalars(select(OtherFeeRow).order_by(OtherFeeRow.executed_at)))


def problem(desk: Desk) -> str | None:
    desk.clock.move_to(desk.clock.now() + timedelta(seconds=61))
    with desk.db.reading() as session:
        patient = Patient(session, ACCOUNT, (), desk.clock.now(), {})
        return next(v.problem for v in check_vitals(patient) if v.name == "fees in other coins")
