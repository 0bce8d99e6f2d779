"""Alerts are written in the transaction that finds their cause, one for each condition."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from models.database import Database, UnitOfWork
from models.enums import AlertLevel, AlertNews, AlertState
from models.tables import AlertRow, AuditRow

pytestmark = pytest.mark.services

T0 = datetime(2026, 11, 30, 9, tzinfo=UTC)
SPIKE: dict[str, Any] = {"breaker": "volatility_spike", "reason": "drill", "beside": []}


def say(uow: UnitOfWork, kind: str, payload: dict[str, Any], at: datetime = T0) -> None:
    uow.audit("paper", kind, "account:paper", "test", payload, at)


def commit(db: Database, kind: str, payload: dict[str, Any], at: datetime = T0) -> None:
    with db.unit_of_work() as uow:
        say(uow, kind, payload, at)
        uow.commit()


def rows(db: Database) -> list[AlertRow]:
    with db.reading() as session:
        return list(session.scalars(select(AlertRow).order_by(AlertRow.alert_id)))


def test_an_alert_is_committed_with_its_cause_or_not_at_all(db: Database) -> None:
    with db.unit_of_work() as uow:
        say(uow, "order_lost", {"why": "gone"})
    assert rows(db) == []
    commit(db, "order_lost", {"why": "gone"})
    (row,) = rows(db)
    assert (row.level, row.state, row.count) == (AlertLevel.CRITICAL, AlertState.OPEN, 1)
    assert row.text.endswith(": gone")
    with db.reading() as session:
        assert session.scalars(select(AuditRow.kind)).all() == ["order_lost"]


def test_information_leaves_no_row(db: Database) -> None:
    commit(db, "fill", {})
    assert rows(db) == []


def test_a_condition_is_one_alert_until_it_is_over(db: Database) -> None:
    for second in range(3):
        commit(db, "breaker_tripped", SPIKE, T0 + timedelta(seconds=second))
    (row,) = rows(db)
    assert (row.count, row.round, row.first_seen) == (3, 1, T0)
    assert row.last_seen == T0 + timedelta(seconds=2)
    commit(db, "breaker_reset", SPIKE, T0 + timedelta(seconds=5))
    (row,) = rows(db)
    assert (row.state, row.news, row.round) == (AlertState.CLEARED, AlertNews.CLEARED, 2)
    commit(db, "breaker_tripped", SPIKE, T0 + timedelta(seconds=9))
    assert [row.state for row in rows(db)] == [AlertState.CLEARED, AlertState.OPEN]


def test_a_louder_alert_is_told_again(db: Database) -> None:
    commit(db, "breaker_tripped", SPIKE)
    commit(db, "breaker_tripped", {**SPIKE, "beside": ["data_quality_issue"]})
    commit(db, "breaker_tripped", SPIKE)
    (row,) = rows(db)
    assert (row.level, row.round, row.count) == (AlertLevel.EMERGENCY, 2, 3)


@pytest.mark.parametrize(
    ("kind", "state", "round_"),
    [("order_lost", AlertState.OPEN, 2), ("breaker_tripped", AlertState.ACKNOWLEDGED, 1)],
)
def test_an_acknowledged_event_waits_again_when_it_happens_again_and_a_lasting_condition_does_not(
    db: Database, kind: str, state: AlertState, round_: int
) -> None:
    commit(db, kind, SPIKE)
    with db.transaction() as session:
        session.scalars(select(AlertRow)).one().state = AlertState.ACKNOWLEDGED
    commit(db, kind, SPIKE, T0 + timedelta(seconds=1))
    (row,) = rows(db)
    assert (row.state, row.round, row.count) == (state, round_, 2)


def test_writers_at_once_make_one_alert_and_lose_no_count(db: Database) -> None:
    def write() -> None:
        for _ in range(10):
            with db.unit_of_work() as uow:
                say(uow, "order_lost", {})
                say(uow, "breaker_tripped", SPIKE)
                uow.commit()

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [row.count for row in rows(db)] == [40, 40]
