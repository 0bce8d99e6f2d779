"""Stepped parents on real rows: each algorithm's children, cancels, failures and ends."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.errors import DependencyDown, ExchangeRefused, OutcomeUnknown, Throttled
from bot.execution.algorithms.volume_forecast import VolumeForecast
from bot.execution.sending import authorization
from bot.execution.working.parent_worker import StepResult
from console.views.live.queries import recent_requests
from models.enums import ChildState, ExecutionStatus, ParentState, VenueReason
from models.tables import ParentOrderRow, TradeRequestRow
from tests.support.desk import Desk
from tests.support.fakes import PRICE, T0
from tests.support.statements import statements

D = Decimal
TICK = D("0.1")
BID = PRICE - TICK

ICEBERG = {"algorithm": "iceberg", "display_size": "1000", "horizon_seconds": 120}
PASSIVE = {"algorithm": "passive", "horizon_seconds": 60, "cross_margin_seconds": 20}
POV = {"algorithm": "pov", "participation_rate": 0.001, "horizon_seconds": 60}


def ask(desk: Desk, signal: dict[str, object], size: str = "3000", **changes: object) -> Decimal:
    outcome = desk.approve(signal_data={"position_size": size, **signal}, **changes)
    assert outcome["verdict"] == "allow", outcome
    return desk.parent().approved_qty


def posted(desk: Desk) -> list[tuple[str, Decimal, Decimal]]:
    return [
        (str(body["timeInForce"]), D(str(body["qty"])), D(str(body["price"])))
        for body in desk.exchange.accepted
    ]


def test_an_iceberg_shows_one_child_and_the_next_when_it_is_filled(desk: Desk) -> None:
    total = ask(desk, ICEBERG)
    for _ in range(6):
        desk.step()
        desk.stream()
        assert len(desk.exchange.open_orders()) <= 1
        for order in desk.exchange.open_orders():
            desk.exchange.fill(order.order_link_id)
        desk.stream()
        desk.check_balance()
        desk.pass_time(1)
    sizes = [qty for _, qty, _ in posted(desk)]
    assert sum(sizes) == total
    assert sizes[:2] == [D("0.015"), D("0.015")]
    assert {style for style, _, _ in posted(desk)} == {"GTC"}
    assert {price for _, _, price in posted(desk)} == {BID}
    assert desk.parent().state == ParentState.COMPLETED


def test_a_fill_wakes_the_next_step_at_once(desk: Desk) -> None:
    ask(desk, ICEBERG)
    desk.step()
    desk.stream()
    desk.task_queue.parents.clear()
    (order,) = desk.exchange.open_orders()
    desk.exchange.fill(order.order_link_id)
    desk.stream()
    assert desk.task_queue.parents == [("r-1", desk.clock.now())]
    assert desk.step() is StepResult.STEPPED
    assert len(desk.exchange.open_orders()) == 1


def test_a_step_that_is_not_due_and_one_that_comes_twice_do_nothing(desk: Desk) -> None:
    ask(desk, ICEBERG)
    assert desk.worker.step("r-1") is StepResult.STEPPED
    assert desk.worker.step("r-1") is StepResult.NOT_DUE
    assert desk.worker.step("nobody") is StepResult.IDLE
    assert len(desk.children()) == 1


def test_two_workers_that_step_at_the_same_time_make_one_child(desk: Desk) -> None:
    ask(desk, ICEBERG)
    barrier = threading.Barrier(2)

    def work() -> None:
        barrier.wait(60)
        desk.worker.step("r-1")

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(desk.children()) == 1
    desk.check_balance()


def test_passive_joins_the_touch_improves_and_crosses_before_its_deadline(desk: Desk) -> None:
    total = ask(desk, PASSIVE)
    desk.step()
    desk.stream()
    assert posted(desk) == [("PostOnly", total, BID)]
    (order,) = desk.exchange.open_orders()
    desk.exchange.fill(order.order_link_id, D("0.010"))
    desk.stream()
    for _ in range(20):
        desk.pass_time(3)
        desk.step()
        desk.stream()
        desk.check_balance()
        if desk.parent().finished_at is not None:
            break
    style, qty, price = posted(desk)[-1]
    assert (style, qty) == ("IOC", total - D("0.010"))
    assert price > PRICE
    assert desk.parent().state == ParentState.COMPLETED
    sent = [child.sent_at for child in desk.children() if child.sent_at is not None]
    assert max(sent) < desk.parent().deadline_at


def test_passive_follows_the_touch_only_after_its_cancel_is_confirmed(desk: Desk) -> None:
    ask(desk, PASSIVE)
    desk.step()
    desk.stream()
    desk.market.touch = PRICE + 10 * TICK
    desk.pass_time(3)
    desk.step()
    assert len(desk.exchange.cancel_requests) == 1
    assert len(desk.children()) == 1, "the cancel is not confirmed yet"
    desk.pass_time(1)
    desk.step()
    assert len(desk.children()) == 1
    desk.stream()
    desk.step()
    assert len(desk.children()) == 2
    assert posted(desk)[-1][2] == PRICE + 9 * TICK
    desk.check_balance()


def test_a_fill_that_meets_the_cancel_is_not_bought_twice(desk: Desk) -> None:
    total = ask(desk, PASSIVE)
    desk.step()
    desk.stream()
    (order,) = desk.exchange.open_orders()
    desk.exchange.fill(order.order_link_id, D("0.020"))
    desk.market.touch = PRICE + 10 * TICK
    desk.pass_time(3)
    desk.step()
    desk.stream()
    desk.step()
    assert posted(desk)[-1][1] == total - D("0.020")
    desk.check_balance()


@pytest.mark.parametrize(
    "fault",
    [(OutcomeUnknown("read timeout"), True), (DependencyDown("refused"), False)],
    ids=["lost", "not-taken"],
)
def test_a_cancel_that_fails_is_asked_for_again_until_it_is_confirmed(
    desk: Desk, fault: tuple[OutcomeUnknown | DependencyDown, bool]
) -> None:
    ask(desk, PASSIVE)
    desk.step()
    desk.stream()
    desk.exchange.cancel_faults = [fault]
    desk.market.touch = PRICE + 10 * TICK
    for _ in range(4):
        desk.pass_time(3)
        desk.step()
        desk.stream()
    assert len({body["orderLinkId"] for body in desk.exchange.accepted}) == 2
    assert len(desk.exchange.open_orders()) == 1
    desk.check_balance()


def test_a_rate_limit_on_a_cancel_is_told_to_the_limiter(desk: Desk) -> None:
    ask(desk, PASSIVE)
    desk.step()
    desk.stream()
    desk.exchange.cancel_faults = [(Throttled("10006", after_seconds=0.7), False)]
    desk.market.touch = PRICE + 10 * TICK
    desk.pass_time(3)
    desk.step()
    assert (desk.rate_limiter.cancel_throttles, desk.rate_limiter.throttles) == ([0.7], [])


def test_a_cancel_that_the_budget_puts_off_is_no_attempt(desk: Desk) -> None:
    ask(desk, PASSIVE)
    desk.step()
    desk.stream()
    (resting,) = desk.exchange.open_orders()
    desk.market.touch = PRICE + 10 * TICK
    desk.rate_limiter.cancel_wait_seconds = 0.5
    desk.pass_time(3)
    for _ in range(5):
        desk.step()
        assert (desk.exchange.cancel_requests, desk.child().cancels) == ([], 0)
        desk.pass_time(1)
    desk.rate_limiter.cancel_wait_seconds = 0.0
    desk.step()
    assert (desk.exchange.cancel_requests, desk.child().cancels) == ([resting.order_link_id], 1)


def test_pov_follows_the_volume_and_never_leads_it(desk: Desk) -> None:
    total = ask(desk, POV)
    for _ in range(10):
        desk.pass_time(2)
        desk.step()
        desk.stream()
        elapsed = D(str((desk.clock.now() - T0).total_seconds()))
        traded = desk.market.traded_per_second * elapsed
        assert desk.parent().filled_qty <= traded * D("0.001")
        desk.check_balance()
        if desk.parent().finished_at is not None:
            break
    assert desk.parent().state == ParentState.COMPLETED
    assert desk.position() == total


def test_volume_is_counted_on_over_a_restart_of_the_feed(desk: Desk) -> None:
    ask(desk, POV, size="6000")
    desk.pass_time(4)
    desk.step()
    desk.stream()
    before = desk.parent().volume_mark
    assert before is not None and before.counted == 40
    desk.market.feed_restarted_at = desk.clock.now()
    desk.pass_time(4)
    desk.step()
    after = desk.parent().volume_mark
    assert after is not None and after.counted == 80


def test_steered_vwap_without_a_model_follows_the_clock_and_says_so(desk: Desk) -> None:
    total = ask(
        desk,
        {"algorithm": "vwap", "volume_model": "learned", "horizon_seconds": 40,
         "interval_seconds": 10},
    )  # fmt: skip
    for _ in range(50):
        desk.step()
        desk.stream()
        desk.check_balance()
        desk.pass_time(1)
        if desk.parent().finished_at is not None:
            break
    sizes = [qty for _, qty, _ in posted(desk)]
    assert sum(sizes) == total
    assert len(sizes) == 4
    assert max(sizes) - min(sizes) <= D("0.001")
    assert desk.parent().params["volume_source"] == "clock"
    assert "volume_source" in desk.audit_kinds()


def test_steered_vwap_trades_where_its_model_expects_the_volume(desk: Desk) -> None:
    desk.forecasts.answer = VolumeForecast(
        "learned", T0, traded=(), expected=(10.0, 30.0), caution=None
    )
    total = ask(
        desk,
        {"algorithm": "vwap", "volume_model": "learned", "horizon_seconds": 120,
         "interval_seconds": 60},
    )  # fmt: skip
    desk.step()
    desk.stream()
    desk.pass_time(60)
    desk.step()
    desk.stream()
    sizes = [qty for _, qty, _ in posted(desk)]
    assert sum(sizes) == total
    assert abs(sizes[0] - total / 4) <= D("0.001")
    assert desk.parent().params["volume_source"] == "learned"


def test_the_deadline_calls_back_what_rests_and_releases_the_rest(desk: Desk) -> None:
    total = ask(desk, ICEBERG)
    desk.step()
    desk.stream()
    desk.pass_time(121)
    desk.step()
    assert desk.exchange.open_orders() == []
    assert desk.parent().finished_at is None, "the cancel is not confirmed yet"
    desk.stream()
    desk.step()
    parent = desk.parent()
    assert (parent.state, parent.released_qty) == (ParentState.UNFILLED, total)
    assert parent.step_at is None
    desk.check_balance()


def test_a_halt_calls_back_what_rests_and_ends_what_was_never_sent(desk: Desk) -> None:
    ask(desk, ICEBERG)
    desk.step()
    desk.stream()
    posts = desk.exchange.posts
    desk.trading_halt.halt(reason="test", actor="operator")
    desk.step()
    assert desk.exchange.open_orders() == []
    desk.stream()
    parent = desk.parent()
    assert parent.state == ParentState.UNFILLED
    assert parent.end_reason == "halted"
    with desk.db.reading() as session:
        row = session.get_one(TradeRequestRow, "r-1")
    assert row.status == ExecutionStatus.EMERGENCY_STOPPED
    desk.trading_halt.resume(reason="over", actor="operator", development=True)
    desk.pass_time(2)
    desk.step()
    assert desk.exchange.posts == posts
    desk.check_balance()


def test_a_state_that_changed_since_the_approval_ends_the_parent_at_its_next_step(
    desk: Desk,
) -> None:
    ask(desk, POV)
    desk.trading_halt.set_halted("a breaker", "monitor")
    desk.pass_time(2)
    desk.step()
    assert desk.exchange.posts == 0
    assert desk.parent().state == ParentState.UNFILLED
    desk.check_balance()


def test_a_step_asks_postgres_once_what_forbids_an_entry(desk: Desk) -> None:
    desk.approve_twap()
    with desk.db.unit_of_work() as uow:
        parent = uow.session.get_one(ParentOrderRow, "r-1")
        with statements(desk.db) as said:
            assert authorization.parent_refusal(uow.session, parent) is None
    assert len(said) == 1


def test_refusals_of_a_stepped_parent_climb_its_ladder_to_the_stop(desk: Desk) -> None:
    desk.exchange.faults = [
        (ExchangeRefused(110007, "margin", reason=VenueReason.MARGIN), False)
    ] * 9
    ask(desk, ICEBERG)
    for _ in range(12):
        desk.step()
        desk.stream()
        desk.check_balance()
        desk.pass_time(2)
    parent = desk.parent()
    assert parent.state == ParentState.UNFILLED
    assert parent.stop_reason is not None and parent.stop_reason.startswith("margin")
    assert desk.exchange.posts == 3
    shown = [child.qty for child in desk.children()]
    assert shown[0] > shown[1] > shown[2], "each failure halves what is shown"


def test_a_post_only_child_that_would_have_crossed_is_tried_again(desk: Desk) -> None:
    ask(desk, PASSIVE)
    desk.step()
    (order,) = desk.exchange.open_orders()
    desk.exchange.end(order.order_link_id, reason=VenueReason.WOULD_TAKE)
    desk.stream()
    desk.pass_time(3)
    desk.step()
    desk.stream()
    assert [style for style, _, _ in posted(desk)] == ["PostOnly", "PostOnly"]
    assert len(desk.exchange.open_orders()) == 1
    desk.check_balance()


def test_post_only_children_that_would_have_crossed_use_up_no_ladder(desk: Desk) -> None:
    """A fast market may move through every one of them: the trade still crosses at its end."""
    total = ask(desk, PASSIVE)
    for _ in range(60):
        desk.step()
        for order in desk.exchange.open_orders():
            desk.exchange.end(order.order_link_id, reason=VenueReason.WOULD_TAKE)
        desk.stream()
        desk.pass_time(1)
    styles = [style for style, _, _ in posted(desk)]
    assert styles.count("PostOnly") > 10, "tried on, at its own pace"
    assert styles[-1] == "IOC"
    assert desk.parent().state == ParentState.COMPLETED
    assert desk.parent().filled_qty == total
    desk.check_balance()


def test_a_late_fill_of_a_child_that_was_given_up_is_taken_from_the_unplanned_rest(
    desk: Desk,
) -> None:
    total = ask(desk, ICEBERG)
    desk.step()
    desk.stream()
    (order,) = desk.exchange.open_orders()
    desk.exchange.end(order.order_link_id)
    desk.stream()
    assert ChildState(desk.child().state).is_final
    desk.exchange.reopen(order.order_link_id)
    desk.exchange.fill(order.order_link_id)
    desk.stream()
    parent = desk.parent()
    assert parent.filled_qty == order.qty
    assert desk.reservation().open_qty == total - order.qty
    desk.check_balance()


def test_the_dispatcher_finds_a_step_whose_wake_up_was_lost(desk: Desk) -> None:
    ask(desk, ICEBERG)
    desk.task_queue.parents.clear()
    desk.dispatcher.tick()
    assert desk.task_queue.parents == [], "it was woken a moment ago"
    desk.pass_time(4)
    desk.dispatcher.tick()
    assert [request_id for request_id, _ in desk.task_queue.parents] == ["r-1"]


def test_children_that_vanished_from_the_book_are_asked_for(desk: Desk) -> None:
    ask(desk, ICEBERG)
    desk.step()
    desk.stream()
    (order,) = desk.exchange.open_orders()
    desk.exchange.end(order.order_link_id)
    desk.pass_time(10)
    assert desk.reconciler.resolve_all(older_than=timedelta(seconds=1)) == 0
    desk.reconciler.reconcile_account()
    assert ChildState(desk.child().state).is_final
    desk.check_balance()


def test_a_stepped_exit_goes_through_the_emergency_queue(desk: Desk) -> None:
    desk.approve("open", signal_data={"position_size": "3000", "algorithm": "immediate"})
    desk.send_due()
    desk.stream()
    ask(desk, {**PASSIVE, "reduce_only": True}, size="2000", side="sell", priority="emergency")
    assert "r-1" in desk.task_queue.urgent


@pytest.mark.parametrize("signal", [ICEBERG, PASSIVE], ids=["iceberg", "passive"])
def test_an_order_that_a_person_cancels_at_the_exchange_is_not_replaced(
    desk: Desk, signal: dict[str, object]
) -> None:
    ask(desk, signal)
    desk.step()
    desk.stream()
    for order in desk.exchange.open_orders():
        desk.exchange.cancel(order.symbol, order.order_link_id)
    accepted = len(desk.exchange.accepted)
    for _ in range(5):
        desk.stream()
        desk.pass_time(2)
        desk.step()
    assert len(desk.exchange.accepted) == accepted
    assert desk.parent().end_reason == "cancelled_at_exchange"
    with desk.db.reading() as session:
        request = session.get_one(TradeRequestRow, "r-1")
        (line,) = recent_requests(session, 1)
    assert request.status == ExecutionStatus.CANCELLED
    assert line.standing == "cancelled: cancelled_at_exchange"
    assert "cancelled_at_exchange" in desk.audit_kinds()
    assert desk.reservation().open_qty == 0
    desk.check_balance()
