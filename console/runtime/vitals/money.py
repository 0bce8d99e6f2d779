"""Questions about a system's money: its equity, its cash flows, its fees and its limits."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import func, select

from console.runtime.vitals.patient import SHOWN, STUCK, Patient, Vital
from models.amounts import shortest
from models.repositories.safety import bases
from models.tables import CashFlowRow, OtherFeeRow

MONEY_AGE = timedelta(seconds=30)


def limits(patient: Patient) -> Iterator[Vital]:
    """Whether the limits in force can be used, and each stops its own synthetic breach."""
    if patient.unusable is not None:
        told = f"{patient.unusable}; until then nothing may add risk"
        yield Vital("limits", told)
        return
    problem = "; ".join(patient.ineffective[:SHOWN]) or None
    yield Vital("limits", problem and f"without effect: {problem}")


def money(patient: Patient) -> Iterator[Vital]:
    """Whether equity and cash flows were read lately."""
    newest = bases.newest_reading_at(patient.session, patient.account)
    problem = None
    if newest is None or patient.now - newest > MONEY_AGE:
        problem = "never read" if newest is None else f"last read {patient.age(newest)} ago"
    yield Vital("equity", problem, down=True)
    day = bases.newest_day(patient.session, patient.account)
    read = None if day is None else day.flows_read_at
    late = read is not None and patient.now - read > bases.FLOWS_AWAY
    yield Vital(
        "cash flows",
        f"not read for {patient.age(read)}" if read is not None and late else None,
        down=True,
    )


def unvalued_flows(patient: Patient) -> Iterator[Vital]:
    """Cash flows without a price. Each makes the bases of losses less certain for 24 h."""
    rows = patient.session.scalars(
        select(CashFlowRow)
        .where(CashFlowRow.account == patient.account, CashFlowRow.value.is_(None))
        .where(CashFlowRow.at > patient.now - timedelta(hours=24))
        .order_by(CashFlowRow.at)
    ).all()
    shown = "; ".join(f"{shortest(row.amount)} {row.currency}" for row in rows[:SHOWN])
    text = (
        f"{len(rows)} without a price (a deposit counts as the whole rise, a withdrawal as a loss)"
    )
    yield Vital("worth of cash flows", f"{text}: {shown}" if rows else None)


def unpriced_fees(patient: Patient) -> Iterator[Vital]:
    """Fees of the last 24 h that count in no profit and no loss. `mlrisk metrics` has older
    ones."""
    rows = patient.session.execute(
        select(OtherFeeRow.coin, func.sum(OtherFeeRow.amount))
        .where(OtherFeeRow.account == patient.account, OtherFeeRow.cost.is_(None))
        .where(OtherFeeRow.executed_at > patient.now - timedelta(hours=24))
        .where(OtherFeeRow.executed_at < patient.now - STUCK)
        .group_by(OtherFeeRow.coin)
        .order_by(OtherFeeRow.coin)
    ).all()
    shown = ", ".join(f"{shortest(total)} {coin}" for coin, total in rows[:SHOWN])
    yield Vital("fees in other coins", f"without a price: {shown}" if rows else None)
