"""Exits get out: through a halt, before slower exits, and instead of entries of their symbol."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from bot.execution.sender import SendResult
from models.enums import ChildState, ParentState
from models.tables import TradeRequestRow
from tests.support.desk import Desk

pytestmark = pytest.mark.services

D = Decimal
TWAP = {"algorithm": "twap", "horizon_seconds": 30, "interval_seconds": 5}
ICEBERG = {"algorithm": "iceberg", "horizon_seconds": 120}


def hold(desk: Desk, size: str = "3000") -> Decimal:
    """A long position; what it is."""
    desk.approve("entry", signal_data={"position_size": size})
    desk.send_due()
    desk.stream()
    assert desk.position() > 0
    return desk.position()


def leave(
    desk: Desk,
    request_id: str,
    how: Mapping[str, Any] | None = None,
    *,
    priority: str = "normal",
    size: str = "9000",
    **more: Any,
) -> dict[str, Any]:
    """An exit of at most `size`; what was answered."""
    signal = {
        "position_size": size,
        "algorithm": "immediate",
        "reduce_only": True,
        **(how or {}),
    }
    return desk.approve(request_id, side="sell", signal_data=signal, priority=priority, **more)


def status(desk: Desk, request_id: str) -> str:
    with desk.db.reading() as session:
        return session.get_one(TradeRequestRow, request_id).status


class TestInAHalt:
    def test_an_exit_under_way_goes_on(self, desk: Desk) -> None:
        hold(desk)
        assert leave(desk, "out", TWAP)["verdict"] in ("allow", "shrink")
        report = desk.halter.halt(reason="test", actor="me", cancel=True)
        assert report.exits_under_way == 1
        assert report.sealed_at is not None
        assert report.problems == ()
        for _ in range(6):
            desk.send_due()
            desk.stream()
            desk.pass_time(5)
        assert desk.position() == 0
        assert desk.parent("out").state == ParentState.COMPLETED
        desk.check_balance()

    def test_a_resting_exit_stays_at_the_exchange(self, desk: Desk) -> None:
        hold(desk)
        leave(desk, "out", ICEBERG)
        desk.step("out")
        (resting,) = desk.exchange.open_orders()
        assert resting.reduce_only
        desk.halter.halt(reason="test", actor="me", cancel=True)
        assert [o.order_link_id for o in desk.exchange.open_orders()] == [resting.order_link_id]
        desk.exchange.fill(resting.order_link_id)
        desk.stream()
        desk.step("out")
        assert len(desk.exchange.open_orders()) == 1, "the next slice rests"

    def test_it_ends_if_the_halt_says_so(self, desk: Desk) -> None:
        hold(desk)
        leave(desk, "slices", TWAP, size="1000")
        leave(desk, "rests", ICEBERG, size="1000")
        desk.step("rests")
        report = desk.halter.halt(reason="test", actor="me", cancel=True, stop_exits=True)
        assert report.exits_under_way == 0
        assert desk.exchange.open_orders() == []
        assert desk.parent("slices").stop_reason == "halted"
        desk.stream()
        assert status(desk, "slices") == "emergency_stopped"

    def test_an_emergency_exit_can_be_begun_and_no_other(self, desk: Desk) -> None:
        hold(desk)
        desk.halter.halt(reason="test", actor="me")
        denied = leave(desk, "slow", TWAP)
        assert denied["verdict"] == "deny"
        assert leave(desk, "out", priority="emergency")["verdict"] in ("allow", "shrink")
        assert desk.send_due() == [SendResult.SENT]
        desk.stream()
        assert desk.position() == 0
        assert all(child.reduce_only for child in desk.children("out"))

    def test_nothing_that_adds_is_let_through_as_an_emergency(self, desk: Desk) -> None:
        desk.halter.halt(reason="test", actor="me")
        assert leave(desk, "short", priority="emergency")["verdict"] == "deny"
        entry = desk.request("more")
        entry["priority"] = "emergency"
        assert desk.approval.validate_and_execute(entry)["verdict"] == "deny"


def test_a_child_in_flight_is_no_exit_of_a_halt(desk: Desk) -> None:
    """What adds is stopped although an exit of the same symbol goes on."""
    hold(desk)
    desk.approve_twap("in")
    leave(desk, "out", TWAP)
    desk.halter.halt(reason="test", actor="me")
    assert {c.state for c in desk.children("in")} == {ChildState.CANCELLED}
    assert {c.state for c in desk.children("out")} == {ChildState.PLANNED}
