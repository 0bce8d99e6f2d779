"""A halt stops parents in few statements, as they would be stopped one by one."""

import pytest
from sqlalchemy import select

from bot.safety.halting.halt import HaltWaits, TradingHalt
from models.enums import (
    ChildState,
    ExecutionStatus,
    ParentState,
    ReservationState,
)
from models.locks import lock_parent
from models.tables import AuditRow, ParentOrderRow, TradeRequestRow
from tests.support.desk import Desk

pytestmark = pytest.mark.services


RESTING = {"position_size": "3000", "algorithm": "iceberg", "horizon_seconds": 120}


def test_a_parent_that_somebody_holds_keeps_no_other_from_being_stopped(desk: Desk) -> None:
    for number in range(3):
        desk.approve_twap(f"r-{number}", size="1000")
    with desk.db.unit_of_work() as holder:
        assert lock_parent(holder.session, "r-1") is not None
        trading_halt = TradingHalt(
            desk.db, desk.clock, exchange=desk.exchange, waits=HaltWaits(lock_ms=50)
        )
        report = trading_halt.halt(reason="test", actor="me")
    assert {r: desk.parent(r).state for r in ("r-0", "r-1", "r-2")} == {
        "r-0": ParentState.UNFILLED,
        "r-1": ParentState.WORKING,
        "r-2": ParentState.UNFILLED,
    }
    assert any("r-1" in problem for problem in report.problems)
    again = desk.trading_halt.halt(reason="test", actor="me")
    assert desk.parent("r-1").state == ParentState.UNFILLED
    assert again.problems == ()


def test_what_a_halt_stops_ends_as_it_does_one_by_one(desk: Desk) -> None:
    """Planned, filled in part, resting and in flight: each parent's books hold."""
    desk.approve("resting", signal_data=RESTING)
    desk.step("resting")
    desk.approve_twap("planned", size="1000")
    desk.approve_twap("begun", size="1000")
    desk.send(desk.children("begun")[0].child_id)
    desk.stream()
    desk.approve("acked", signal_data={"position_size": "1500"})
    desk.send(desk.children("acked")[0].child_id)
    before = {child.child_id: child.fencing_token for child in desk.children()}
    report = desk.trading_halt.halt(reason="test", actor="me")
    assert report.children_cancelled == 11
    assert report.parents_stopped == 4
    assert (desk.parent("planned").state, desk.parent("begun").state) == (
        ParentState.UNFILLED,
        ParentState.PARTIAL,
    )
    assert desk.reservation("begun").state == ReservationState.RELEASED
    for child in desk.children():
        if child.state == ChildState.CANCELLED:
            assert child.fencing_token == before[child.child_id] + 1
            assert (child.note, child.final_at) == ("halted", desk.clock.now())
    resting = desk.parent("resting")
    assert (resting.stop_reason, resting.step_at) == ("halted", desk.clock.now())
    assert desk.children("resting")[0].cancel_requested_at == desk.clock.now()
    assert desk.children("acked")[0].cancel_requested_at is None, "an IOC ends by itself"
    desk.check_balance()
    desk.step("resting")
    desk.stream()
    desk.check_balance()
    assert desk.exchange.open_orders() == []
    with desk.db.reading() as session:
        statuses = dict(
            session.execute(select(TradeRequestRow.request_id, TradeRequestRow.status)).all()
        )
        entry = session.scalars(
            select(AuditRow).where(AuditRow.kind == "parent_stopped", AuditRow.subject == "planned")
        ).one()
    assert {statuses[r] for r in ("planned", "begun", "resting")} == {
        ExecutionStatus.EMERGENCY_STOPPED
    }
    links = [child.order_link_id for child in desk.children("planned")]
    assert entry.payload["children"] == links


def test_ended_parents_stay_as_they_are(desk: Desk) -> None:
    desk.approve()
    desk.send_due()
    desk.stream()
    ended = desk.parent()
    desk.trading_halt.halt(reason="test", actor="me")
    with desk.db.reading() as session:
        now = session.get_one(ParentOrderRow, "r-1")
    assert (now.state, now.end_reason, now.stop_reason) == (
        ended.state,
        ended.end_reason,
        ended.stop_reason,
    )
