"""Exits get out: through a halt, before slower exits, and instead of entries of their symbol."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from bot.decision import parsing
from bot.decision.replay import Replayed, replay
from bot.decision.whatif import what_if
from bot.execution.orders.control import ParentControl
from bot.execution.sending.sender import SendResult
from console.context import reading
from console.invariants import check_all
from console.invariants.evidence import Evidence
from models.enums import ChildState, ParentState
from models.messages import MLTradeRequest
from models.tables import DecisionRow, TradeRequestRow
from tests.support.desk import ACCOUNT, Desk

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
        report = desk.trading_halt.halt(reason="test", actor="me", cancel=True)
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
        desk.trading_halt.halt(reason="test", actor="me", cancel=True)
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
        report = desk.trading_halt.halt(reason="test", actor="me", cancel=True, stop_exits=True)
        assert report.exits_under_way == 0
        assert desk.exchange.open_orders() == []
        assert desk.parent("slices").stop_reason == "halted"
        desk.stream()
        assert status(desk, "slices") == "emergency_stopped"

    def test_an_emergency_exit_can_be_begun_and_no_other(self, desk: Desk) -> None:
        hold(desk)
        desk.trading_halt.halt(reason="test", actor="me")
        denied = leave(desk, "slow", TWAP)
        assert denied["verdict"] == "deny"
        assert leave(desk, "out", priority="emergency")["verdict"] in ("allow", "shrink")
        assert desk.send_due() == [SendResult.SENT]
        desk.stream()
        assert desk.position() == 0
        assert all(child.reduce_only for child in desk.children("out"))

    def test_nothing_that_adds_is_let_through_as_an_emergency(self, desk: Desk) -> None:
        desk.trading_halt.halt(reason="test", actor="me")
        assert leave(desk, "short", priority="emergency")["verdict"] == "deny"
        entry = desk.request("more")
        entry["priority"] = "emergency"
        assert desk.approval.validate_and_execute(entry)["verdict"] == "deny"


def test_a_child_in_flight_is_no_exit_of_a_halt(desk: Desk) -> None:
    """What adds is stopped although an exit of the same symbol goes on."""
    hold(desk)
    desk.approve_twap("in")
    leave(desk, "out", TWAP)
    desk.trading_halt.halt(reason="test", actor="me")
    assert {c.state for c in desk.children("in")} == {ChildState.CANCELLED}
    assert {c.state for c in desk.children("out")} == {ChildState.PLANNED}


class TestBeforeSlowerExits:
    @pytest.mark.parametrize("slow", [TWAP, {"algorithm": "pov"}])
    def test_an_emergency_exit_takes_what_a_slower_one_has_not_sent(
        self, desk: Desk, slow: dict[str, Any]
    ) -> None:
        held = hold(desk)
        leave(desk, "slow", {"horizon_seconds": 30, **slow})
        assert desk.parent("slow").approved_qty == held
        decided = leave(desk, "fast", priority="emergency")
        assert decided["verdict"] in ("allow", "shrink")
        assert desk.parent("fast").approved_qty == held
        slow_one = desk.parent("slow")
        assert (slow_one.state, slow_one.released_qty) == (ParentState.UNFILLED, held)
        assert slow_one.end_reason == "replaced by exit fast"
        assert status(desk, "slow") == "cancelled"
        desk.send_due()
        desk.stream()
        assert desk.position() == 0
        desk.check_balance()
        assert "exit_unfilled" not in desk.audit_kinds()

    def test_what_is_on_its_way_is_not_sold_twice(self, desk: Desk) -> None:
        held = hold(desk)
        leave(desk, "slow", TWAP)
        first = desk.children("slow")[0]
        desk.send(first.child_id)
        leave(desk, "fast", priority="emergency")
        assert desk.parent("fast").approved_qty == held - first.qty
        desk.send_due()
        desk.stream()
        assert desk.position() == 0
        assert desk.parent("slow").state == ParentState.PARTIAL
        desk.check_balance()

    def test_a_slower_exit_keeps_what_the_urgent_one_does_not_need(self, desk: Desk) -> None:
        held = hold(desk)
        leave(desk, "slow", TWAP)
        leave(desk, "fast", priority="emergency", size="1000")
        fast, slow = desk.parent("fast"), desk.parent("slow")
        assert 0 < fast.approved_qty < held
        assert slow.approved_qty - slow.released_qty == held - fast.approved_qty
        assert slow.state == ParentState.WORKING
        desk.check_balance()
        for _ in range(7):
            desk.send_due()
            desk.stream()
            desk.pass_time(5)
        assert desk.position() == 0
        desk.check_balance()

    def test_a_resting_exit_is_called_back_and_never_sells_more_than_is_held(
        self, desk: Desk
    ) -> None:
        held = hold(desk)
        leave(desk, "slow", ICEBERG)
        desk.step("slow")
        (resting,) = desk.exchange.open_orders()
        leave(desk, "fast", priority="emergency")
        assert desk.parent("fast").approved_qty == held
        assert desk.parent("slow").stop_reason == "replaced by exit fast"
        assert desk.children("slow")[0].cancel_requested_at is not None
        desk.step("slow")
        assert desk.exchange.cancel_requests == [resting.order_link_id]
        desk.stream()
        desk.step("slow")
        desk.stream()
        assert desk.position() == 0
        assert desk.parent("slow").state == ParentState.UNFILLED
        desk.check_balance()

    def test_a_paused_exit_gives_way_to_one_of_its_own_priority(self, desk: Desk) -> None:
        held = hold(desk)
        leave(desk, "paused", TWAP)
        assert leave(desk, "second", TWAP)["verdict"] == "deny"
        ParentControl(desk.db, desk.clock).pause("paused", reason="look", actor="me")
        assert leave(desk, "third", TWAP)["verdict"] in ("allow", "shrink")
        assert desk.parent("third").approved_qty == held
        desk.check_balance()

    @pytest.mark.parametrize("priority", ["high", "urgent"])
    def test_an_urgent_exit_takes_its_own_strategys_slower_one_and_no_others(
        self, desk: Desk, priority: str
    ) -> None:
        """A strategy's share is its own; only an emergency acts on everybody's exits."""
        held = hold(desk)
        desk.approve("theirs", signal_data={"position_size": "2000"},
                     metadata={"strategy": "other"})  # fmt: skip
        desk.send_due()
        desk.stream()
        leave(desk, "their-slow", TWAP, metadata={"strategy": "other"})
        leave(desk, "slow", TWAP)
        assert leave(desk, "fast", priority=priority)["verdict"] in ("allow", "shrink")
        assert desk.parent("fast").approved_qty == held
        assert desk.parent("slow").end_reason == "replaced by exit fast"
        assert desk.parent("their-slow").released_qty == 0
        desk.check_balance()

    def test_a_slower_exit_takes_nothing_from_a_more_urgent_one(self, desk: Desk) -> None:
        hold(desk)
        leave(desk, "first", TWAP, priority="emergency")
        answer = leave(desk, "second", TWAP, priority="high")
        assert answer["verdict"] == "deny"
        assert "nothing_to_reduce" in answer["reasons"]
        assert desk.parent("first").released_qty == 0

    def test_a_denied_exit_takes_nothing(self, desk: Desk) -> None:
        hold(desk)
        leave(desk, "slow", TWAP)
        desk.trading_halt.halt(reason="test", actor="me")
        assert leave(desk, "fast", priority="urgent")["verdict"] == "deny"
        assert desk.parent("slow").released_qty == 0

    def test_what_if_answers_as_a_live_decision_would(self, desk: Desk, migrated_url: str) -> None:
        held = hold(desk)
        leave(desk, "slow", TWAP)
        wanted = desk.request(
            "fast",
            side="sell",
            priority="emergency",
            signal_data={"position_size": "9000", "algorithm": "immediate", "reduce_only": True},
        )
        request = MLTradeRequest.model_validate(wanted)
        intent = parsing.to_intent(request, ACCOUNT, desk.clock.now())
        with reading(migrated_url) as session:
            answer = what_if(session, intent, desk.market, desk.limits.limits(), desk.clock)
        assert answer.decision.approved_qty == held
        assert desk.parent("slow").released_qty == 0

    def test_the_decision_replays_from_what_it_saw(self, desk: Desk) -> None:
        hold(desk)
        leave(desk, "slow", TWAP)
        leave(desk, "fast", priority="emergency")
        with desk.db.reading() as session:
            rows = session.scalars(select(DecisionRow)).all()
        answers = list(replay(rows))
        assert all(isinstance(answer, Replayed) and not answer.differs for answer in answers)
        with desk.db.transaction() as session:
            evidence = Evidence(session=session, record=None, now=desk.clock.now())
            assert [r for r in check_all(evidence) if r.violations] == []


class TestInsteadOfEntries:
    def test_an_exit_ends_its_strategys_entries(self, desk: Desk) -> None:
        held = hold(desk)
        desk.approve_twap("in")
        leave(desk, "out", size="20000")
        assert desk.parent("in").state == ParentState.UNFILLED
        assert desk.parent("in").end_reason == "replaced by exit out"
        desk.send_due()
        desk.stream()
        assert desk.position() == 0
        assert desk.parent("out").approved_qty == held
        desk.check_balance()

    def test_other_strategies_entries_end_for_an_emergency_only(self, desk: Desk) -> None:
        hold(desk)
        desk.approve("in", signal_data={"position_size": "900", **TWAP},
                     metadata={"strategy": "other"})  # fmt: skip
        leave(desk, "out", size="1000")
        assert desk.parent("in").state == ParentState.WORKING
        leave(desk, "all", priority="emergency")
        assert desk.parent("in").state == ParentState.UNFILLED

    def test_a_denied_exit_ends_none(self, desk: Desk) -> None:
        hold(desk)
        desk.approve("in", signal_data={"position_size": "900", **TWAP})
        assert leave(desk, "denied", size="0.5")["verdict"] == "deny"
        assert desk.parent("in").state == ParentState.WORKING
