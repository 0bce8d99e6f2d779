"""One row that Postgres refuses to change keeps no other from its turn."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from bot.account import reservations
from bot.account.reservations import ReservationReport
from bot.errors import DependencyDown
from bot.execution.orders.one_by_one import each
from models.enums import ChildState
from tests.support.desk import ACCOUNT, Desk

pytestmark = pytest.mark.services

BAD, GOOD = "r-1", "r-2"
"""The bad one comes first wherever there is an order."""


def _refuse_changes(desk: Desk, table: str) -> None:
    """As a constraint does that this row breaks."""
    with desk.db.transaction() as session:
        session.execute(
            text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " RAISE EXCEPTION 'bad row' USING ERRCODE = '23514'; END $$"
            )
        )
        session.execute(
            text(
                f"CREATE TRIGGER refuse BEFORE UPDATE ON {table} FOR EACH ROW"
                f" WHEN (NEW.request_id = '{BAD}') EXECUTE FUNCTION refuse()"
            )
        )


def _two(desk: Desk) -> None:
    for request_id in (BAD, GOOD):
        assert desk.approve_twap(request_id)["verdict"] == "allow"


def _states(desk: Desk, request_id: str) -> set[str]:
    return {child.state for child in desk.children(request_id)}


def test_overdue_children_end_although_others_can_not(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    _two(desk)
    _refuse_changes(desk, "child_order")
    desk.pass_time(3600)
    desk.reconciler.expire_overdue()
    assert _states(desk, GOOD) == {ChildState.EXPIRED}
    assert _states(desk, BAD) == {ChildState.PLANNED}
    assert "CheckViolation: bad row" in caplog.text
    assert "CRITICAL" in {record.levelname for record in caplog.records}


def test_a_child_is_resolved_although_another_can_not_be(desk: Desk) -> None:
    desk.exchange.before_post = None
    for request_id in (BAD, GOOD):
        desk.approve(request_id)
        desk.send(desk.children(request_id)[0].child_id)
    _refuse_changes(desk, "child_order")
    desk.pass_time(10)
    desk.reconciler.resolve_all(older_than=timedelta(seconds=1))
    assert _states(desk, GOOD) == {ChildState.FILLED}
    assert _states(desk, BAD) == {ChildState.ACKED}


def test_a_reservation_is_repaired_although_another_can_not_be(desk: Desk) -> None:
    _two(desk)
    with desk.db.transaction() as session:
        session.execute(text("UPDATE reservation SET open_qty = open_qty / 2"))
    _refuse_changes(desk, "reservation")
    report = reservations.rebuild(desk.db, ACCOUNT, desk.clock, desk.exchange)
    assert isinstance(report, ReservationReport)
    assert [difference.request_id for difference in report.differences] == [GOOD]
    assert desk.reservation(GOOD).open_qty == desk.parent(GOOD).approved_qty


def test_a_parent_is_paced_although_another_can_not_be(desk: Desk) -> None:
    _two(desk)
    _refuse_changes(desk, "parent_order")
    desk.market.volatility = 0.06
    desk.throttling.tick()
    assert desk.parent(BAD).pace is None
    assert desk.parent(GOOD).pace is not None


def test_servers_that_are_away_end_the_round_after_three() -> None:
    asked: list[int] = []

    def away(item: int) -> int:
        asked.append(item)
        raise DependencyDown("no exchange")

    with pytest.raises(DependencyDown):
        list(each(range(10), away, "drill"))
    assert asked == [0, 1, 2]

    def sometimes(item: int) -> int:
        if item % 2:
            raise OperationalError("", {}, Exception("lock timeout"))
        return item

    assert list(each(range(10), sometimes, "drill")) == [0, 2, 4, 6, 8]
