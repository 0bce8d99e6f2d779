"""At most one exchange order per child, whatever the exchange answers and whoever dies when."""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

from bot.errors import DependencyDown, ExchangeRefused, OutcomeUnknown, Throttled
from bot.exchange.protocol import ExchangeOrder
from bot.execution.sending.sender import SendResult
from models.enums import (
    ChildState,
    OperatorRole,
    OrderStatus,
    ParentState,
    TradingState,
    VenueReason,
)
from models.tables import ChildOrderRow, ParentOrderRow
from tests.support.desk import Desk
from tests.support.operators import operator

D = Decimal


def test_a_due_child_is_sent_once_and_filled_from_the_stream(desk: Desk) -> None:
    desk.approve()
    assert desk.send(desk.child().child_id) is SendResult.SENT
    assert desk.child().state == ChildState.ACKED
    assert desk.position() == 0
    desk.stream()
    assert desk.child().state == ChildState.FILLED
    assert desk.parent().state == ParentState.COMPLETED
    assert desk.position() == desk.parent().approved_qty
    assert desk.reservation().open_qty == 0
    desk.check_balance()


def test_a_second_wake_up_of_a_sent_child_posts_nothing(desk: Desk) -> None:
    desk.approve()
    desk.send(desk.child().child_id)
    assert desk.send(desk.child().child_id) is SendResult.ALREADY_TAKEN
    assert desk.exchange.posts == 1


def test_the_body_is_stored_before_the_post(desk: Desk) -> None:
    desk.approve()
    seen = []
    desk.exchange.before_post = lambda: seen.append((desk.child().state, desk.child().body))
    desk.send(desk.child().child_id)
    assert seen == [(ChildState.SENDING, desk.exchange.accepted[0])]


def test_a_lost_ack_is_adopted_and_not_sent_again(desk: Desk) -> None:
    desk.exchange.faults = [(OutcomeUnknown("read timeout"), True)]
    desk.approve()
    assert desk.send(desk.child().child_id) is SendResult.UNKNOWN
    assert desk.child().state == ChildState.UNKNOWN
    desk.reconciler.resolve_child(desk.child().child_id)
    assert desk.child().state == ChildState.FILLED
    assert len(desk.children()) == 1
    assert desk.exchange.posts == 1
    desk.check_balance()


def lost_acks(desk: Desk, number: int) -> list[str]:
    """Orders at the exchange of which we know nothing; their ids there, oldest first."""
    desk.exchange.faults = [(OutcomeUnknown("read timeout"), True)] * number
    for n in range(number):
        desk.approve(f"r-{n}", signal_data={"position_size": f"{1000 + n}"})
    desk.send_due()
    desk.pass_time(5)
    return [child.order_link_id for n in range(number) for child in desk.children(f"r-{n}")]


def unreadable(desk: Desk, links: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    find = desk.exchange.find_order

    def find_order(symbol: str, order_link_id: str) -> ExchangeOrder | None:
        if order_link_id in links:
            raise DependencyDown("unreadable field orderStatus: 'Novel'")
        return find(symbol, order_link_id)

    monkeypatch.setattr(desk.exchange, "find_order", find_order)


def test_an_order_that_cannot_be_read_keeps_no_other_from_being_resolved(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = lost_acks(desk, 3)
    unreadable(desk, links[:1], monkeypatch)
    assert desk.reconciler.resolve_all(older_than=timedelta(seconds=1)) == 3
    states = [desk.children(f"r-{n}")[0].state for n in range(3)]
    assert states == [ChildState.UNKNOWN, ChildState.FILLED, ChildState.FILLED]


def test_an_exchange_that_answers_nobody_is_left_alone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = lost_acks(desk, 4)
    unreadable(desk, links[:3], monkeypatch)
    with pytest.raises(DependencyDown, match="Novel"):
        desk.reconciler.resolve_all(older_than=timedelta(seconds=1))
    assert desk.children("r-3")[0].state == ChildState.UNKNOWN


def test_a_lost_request_is_sent_again_with_the_same_id_when_it_is_proven_lost(desk: Desk) -> None:
    desk.exchange.faults = [(OutcomeUnknown("connection reset"), False)]
    desk.approve()
    child_id = desk.child().child_id
    desk.send(child_id)
    desk.pass_time(9)
    desk.reconciler.resolve_child(child_id)
    assert desk.child().state == ChildState.UNKNOWN, "within recv_window and margin: wait"
    desk.pass_time(2)
    desk.reconciler.resolve_child(child_id)
    assert desk.child().state == ChildState.PLANNED
    assert desk.send(child_id) is SendResult.SENT
    assert desk.exchange.posts == 2
    assert len(desk.exchange.accepted) == 1
    assert desk.child().order_link_id == desk.exchange.accepted[0]["orderLinkId"]


def test_a_lost_request_expires_when_its_deadline_came_first(desk: Desk) -> None:
    desk.exchange.faults = [(OutcomeUnknown("connection reset"), False)]
    desk.approve()
    desk.send(desk.child().child_id)
    desk.pass_time(60)
    desk.reconciler.resolve_child(desk.child().child_id)
    assert desk.child().state == ChildState.EXPIRED
    assert desk.parent().state == ParentState.UNFILLED
    desk.check_balance()


@pytest.mark.parametrize("error", [Throttled("10006"), DependencyDown("refused")])
def test_what_was_provably_not_taken_goes_back_to_the_plan(desk: Desk, error: Throttled) -> None:
    desk.exchange.faults = [(error, False)]
    desk.approve()
    child_id = desk.child().child_id
    assert desk.send(child_id) is SendResult.DEFERRED
    assert desk.child().state == ChildState.PLANNED
    desk.pass_time(1.1)
    assert desk.send(child_id) is SendResult.SENT
    assert desk.child().attempt == 0


def test_a_price_refusal_is_tried_again_as_a_new_attempt_with_a_new_id(desk: Desk) -> None:
    desk.exchange.faults = [(ExchangeRefused(110003, "price", reason=VenueReason.PRICE), False)]
    desk.approve()
    first = desk.child()
    assert desk.send(first.child_id) is SendResult.REFUSED
    second = desk.child()
    assert (second.slot, second.attempt, second.qty) == (first.slot, 1, first.qty)
    assert second.order_link_id != first.order_link_id
    desk.pass_time(2)
    assert desk.send(second.child_id) is SendResult.SENT
    desk.check_balance()


def test_a_margin_refusal_halves_the_size_and_then_stops_with_an_alert(desk: Desk) -> None:
    refusal = (ExchangeRefused(110007, "ab not enough", reason=VenueReason.MARGIN), False)
    desk.exchange.faults = [refusal] * 9
    desk.approve()
    whole = desk.child().qty
    desk.send(desk.child().child_id)
    halves = [c.qty for c in desk.children() if c.state == ChildState.PLANNED]
    assert len(halves) == 2
    assert sum(halves) == whole
    for _ in range(5):
        desk.pass_time(3)
        desk.send_due()
        desk.check_balance()
    assert desk.parent().state == ParentState.UNFILLED
    assert desk.parent().released_qty == desk.parent().approved_qty
    assert desk.parent().stop_reason is not None
    assert desk.audit_kinds().count("backup_plan") == 3
    desk.check_balance()


def test_an_error_of_the_account_stops_the_parent_at_once(desk: Desk) -> None:
    desk.exchange.faults = [(ExchangeRefused(10003, "bad key", reason=VenueReason.ACCOUNT), False)]
    desk.approve_twap()
    desk.send_due()
    assert desk.exchange.posts == 1
    assert desk.parent().state == ParentState.UNFILLED
    desk.check_balance()


def test_a_reduction_that_finds_no_position_has_met_its_goal(desk: Desk) -> None:
    refusal = ExchangeRefused(
        110017, "current position is zero", reason=VenueReason.NOTHING_TO_REDUCE
    )
    desk.exchange.faults = [(refusal, False)]
    desk.approve()
    desk.send(desk.child().child_id)
    assert len(desk.children()) == 1
    assert desk.parent().state == ParentState.UNFILLED
    assert desk.parent().end_reason == "no position is left to reduce"
    desk.check_balance()


def test_an_exit_that_finds_no_position_raises_no_alarm(desk: Desk) -> None:
    desk.approve("open")
    desk.send_due()
    desk.stream()
    desk.exchange.faults = [
        (
            ExchangeRefused(
                110017, "current position is zero", reason=VenueReason.NOTHING_TO_REDUCE
            ),
            False,
        )
    ]
    desk.approve(side="sell", signal_data={"position_size": "1000", "reduce_only": True})
    desk.send_due()
    assert desk.parent().state == ParentState.UNFILLED
    assert "exit_unfilled" not in desk.audit_kinds()
    desk.check_balance()


def test_without_a_fresh_market_an_adding_child_waits(desk: Desk) -> None:
    desk.approve()
    desk.market.away = True
    assert desk.send(desk.child().child_id) is SendResult.DEFERRED
    assert desk.exchange.posts == 0
    desk.market.away = False
    desk.pass_time(1)
    assert desk.send(desk.child().child_id) is SendResult.SENT


def test_the_price_is_bound_by_touch_and_parent(desk: Desk) -> None:
    desk.approve()
    desk.send(desk.child().child_id)
    price = D(str(desk.exchange.accepted[0]["price"]))
    assert price == D("65325.0"), "65000 and 50 bps, rounded down to the tick"
    assert price <= desk.parent().price_limit


class TestHalting:
    def test_after_a_halt_nothing_is_sent(self, desk: Desk) -> None:
        desk.approve_twap()
        first, *rest = desk.children()
        desk.send(first.child_id)
        report = desk.trading_halt.halt(reason="test", actor="me")
        assert report.sealed_at is not None
        assert report.children_cancelled == 5
        for child in rest:
            assert desk.send(child.child_id) is SendResult.ALREADY_TAKEN
        assert desk.exchange.posts == 1
        assert desk.approve("r-2")["verdict"] == "deny"
        desk.check_balance()

    def test_a_halt_waits_for_the_sender_that_is_under_way(self, desk: Desk) -> None:
        desk.approve()
        posting, finish = threading.Event(), threading.Event()
        order = []

        def slow_post() -> None:
            posting.set()
            finish.wait(60)
            order.append("posted")

        desk.exchange.before_post = slow_post
        sender = threading.Thread(target=desk.send, args=(desk.child().child_id,))
        sender.start()
        posting.wait(60)

        def halt() -> None:
            desk.trading_halt.halt(reason="test", actor="me")
            order.append("sealed")

        halting = threading.Thread(target=halt)
        halting.start()
        deadline = time.monotonic() + 60
        while self.state(desk) is not TradingState.HALTED and time.monotonic() < deadline:
            time.sleep(0.01)
        assert order == [], "the state is written, but the halt is not sealed yet"
        finish.set()
        sender.join(60)
        halting.join(60)
        assert order == ["posted", "sealed"]

    def state(self, desk: Desk) -> TradingState:
        from models.repositories.safety.states import all_states

        with desk.db.reading() as session:
            return TradingState(all_states(session)[0].state)

    def test_a_permit_from_before_a_halt_is_void_after_the_resume(self, desk: Desk) -> None:
        desk.approve()
        parent_before = desk.parent()
        desk.trading_halt.set_halted("test", "me")
        desk.trading_halt.resume(reason="fine again", actor="me", development=True)
        assert desk.send(desk.child().child_id) is SendResult.STOPPED
        assert desk.exchange.posts == 0
        assert parent_before.permit_epoch == 0

    def test_resume_lets_new_trades_through(self, desk: Desk) -> None:
        desk.trading_halt.halt(reason="test", actor="me")
        desk.trading_halt.resume(reason="fine again", actor="me", development=True)
        assert desk.approve("r-9")["verdict"] == "allow"
        assert {"halted", "halt_sealed", "resumed"} <= set(desk.audit_kinds())

    def test_resume_needs_authority_outside_development(self, desk: Desk) -> None:
        from bot.errors import NotAuthorised

        desk.trading_halt.halt(reason="test", actor="me")
        with pytest.raises(NotAuthorised):
            desk.trading_halt.resume(reason="please", actor="operator:boss", development=False)
        with pytest.raises(NotAuthorised):
            someone = operator("cat", OperatorRole.OPERATOR)
            desk.trading_halt.resume(reason="please", actor=someone, development=False)
        assert self.state(desk) is TradingState.HALTED
        desk.trading_halt.resume(reason="looked at", actor=operator("ann"), development=False)
        assert self.state(desk) is TradingState.ACTIVE

    def test_a_cancel_goes_out_while_everything_is_halted(self, desk: Desk) -> None:
        """Scenario halted-passes-cancel: a halt stops what adds, never what takes away."""
        desk.approve()
        desk.send(desk.child().child_id)
        (order,) = desk.exchange.orders.values()
        resting = replace(order, status=OrderStatus.OPEN, filled_qty=D(0))
        desk.exchange.orders[order.order_link_id] = resting
        desk.trading_halt.halt(reason="first", actor="me")
        assert desk.exchange.cancelled == []
        report = desk.trading_halt.halt(reason="again", actor="me", cancel=True)
        assert report.already_halted
        assert report.orders_cancelled == 1
        assert desk.exchange.cancel_requests == [order.order_link_id]
        assert desk.exchange.open_orders() == []

    def test_halting_twice_is_one_halt(self, desk: Desk) -> None:
        first = desk.trading_halt.halt(reason="a", actor="me")
        second = desk.trading_halt.halt(reason="b", actor="me")
        assert (first.already_halted, second.already_halted) == (False, True)
        assert second.sealed_at == first.sealed_at
        assert desk.audit_kinds().count("halted") == 1

    def test_a_dead_senders_order_moves_the_seal_past_its_window(self, desk: Desk) -> None:
        desk.approve()
        desk.exchange.before_post = lambda: (_ for _ in ()).throw(SystemExit)
        with pytest.raises(SystemExit):
            desk.send(desk.child().child_id)
        assert desk.child().state == ChildState.SENDING
        report = desk.trading_halt.halt(reason="test", actor="me")
        sent_at = desk.child().sent_at
        assert sent_at is not None
        assert report.sealed_at is not None
        behind = timedelta(milliseconds=desk.exchange.max_clock_offset_ms)
        assert report.sealed_at - sent_at == timedelta(seconds=2) + behind, "it adds risk"
        assert report.unresolved == (desk.child().order_link_id,)

    def test_without_the_global_state_row_nothing_goes_out(self, desk: Desk) -> None:
        desk.approve()
        with desk.db.transaction() as session:
            session.connection().exec_driver_sql("DELETE FROM trading_state")
        assert desk.send(desk.child().child_id) is SendResult.STOPPED
        assert desk.approve("r-2")["verdict"] == "deny"


@pytest.mark.parametrize(
    ("code", "posts"), [(987654, 8), (10016, 36)], ids=["unknown code", "known code"]
)
def test_an_order_that_is_never_taken_is_sent_a_bounded_number_of_times(
    desk: Desk, code: int, posts: int
) -> None:
    """Ten minutes of the same answer: each order and its parent's next one give up."""
    desk.approve_twap(size="600")
    desk.exchange.unexpected = {987654}
    desk.exchange.faults = [(OutcomeUnknown("what?", ret_code=code), False)] * 1000
    with desk.db.transaction() as session:
        later = desk.clock.now() + timedelta(hours=1)
        session.execute(update(ParentOrderRow).values(deadline_at=later))
        session.execute(update(ChildOrderRow).values(deadline_at=later))
    for _ in range(60):
        desk.send_due()
        desk.pass_time(11)
        desk.reconciler.resolve_all(older_than=timedelta(seconds=1))
    assert desk.exchange.posts <= posts
    assert max(child.posts for child in desk.children()) <= 5
    assert desk.at_rest()
    desk.check_balance()
