"""Counts by state are those of the rows, whatever happened and whoever folds."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from models.database import Database
from models.repositories.trading import tallies
from models.tables import (
    ChildOrderRow,
    DecisionRow,
    FillRow,
    ParentOrderRow,
    TallyChangeRow,
    TradeRequestRow,
)
from tests.support.bulk import Bulk
from tests.support.desk import Desk

pytestmark = pytest.mark.services

COUNTED = (
    TradeRequestRow.status,
    DecisionRow.verdict,
    ParentOrderRow.state,
    ChildOrderRow.state,
    FillRow.source,
)


def counted_anew(db: Database) -> dict[str, dict[str, int]]:
    with db.reading() as session:
        found = {
            column.class_.__tablename__: dict(
                session.execute(select(column, func.count()).group_by(column)).all()
            )
            for column in COUNTED
        }
    return {name: values for name, values in found.items() if values}


def kept(db: Database) -> dict[str, dict[str, int]]:
    with db.reading() as session:
        return tallies.counts(session)


def changes(db: Database) -> int:
    with db.reading() as session:
        return session.scalar(select(func.count()).select_from(TallyChangeRow)) or 0


def fold(db: Database) -> None:
    with db.transaction() as session:
        tallies.fold(session)


def a_day(desk: Desk, name: str) -> None:
    """One trade filled, one cancelled half-way, one denied."""
    desk.approve(f"{name}-now")
    desk.approve_twap(f"{name}-twap")
    desk.approve(f"{name}-denied", signal_data={"position_size": "0.01"})
    desk.send_due()
    desk.stream()
    desk.trading_halt.halt(reason="test", actor="test")


def test_counts_are_those_of_the_rows_before_and_after_folding(desk: Desk) -> None:
    a_day(desk, "first")
    assert kept(desk.db) == counted_anew(desk.db)
    assert len(kept(desk.db)["child_order"]) > 1
    fold(desk.db)
    assert changes(desk.db) == 0
    assert kept(desk.db) == counted_anew(desk.db)
    Bulk(desk.db, "first-now").children(1000)
    assert kept(desk.db) == counted_anew(desk.db)
    fold(desk.db)
    assert kept(desk.db) == counted_anew(desk.db)


def test_a_change_that_is_rolled_back_is_not_counted(desk: Desk) -> None:
    desk.approve()
    before = kept(desk.db)
    with desk.db.unit_of_work() as uow:
        uow.session.get_one(TradeRequestRow, "r-1").status = "execution_failed"
        uow.session.flush()
    assert kept(desk.db) == before == counted_anew(desk.db)


def test_those_who_fold_at_once_count_nothing_twice(desk: Desk) -> None:
    a_day(desk, "first")
    Bulk(desk.db, "first-now").children(2000, of_a_parent=4)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fold, [desk.db] * 8))
    assert changes(desk.db) == 0
    assert kept(desk.db) == counted_anew(desk.db)
