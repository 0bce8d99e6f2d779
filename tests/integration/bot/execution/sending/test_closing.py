"""A position under the venue's smallest order is closed as a whole, or not at all."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.errors import OutcomeUnknown
from bot.exchange.protocol import ExchangePosition, Execution
from bot.execution.sending.sender import SendResult
from bot.execution.working.parent_worker import StepResult
from bot.safety.halting.halt import HaltWaits, TradingHalt
from models.enums import NOTHING_TO_REDUCE, ChildState, TradeSide
from models.locks import sending_holders
from tests.support.desk import Desk
from tests.support.fakes import INSTRUMENT

D = Decimal
HELD = D("0.03")
"""1,950 USDT."""
LEAST = D("0.05")


@pytest.fixture
def small(desk: Desk) -> Desk:
    """Alpha holds what the venue has since put under its smallest order."""
    buy(desk, "alpha", "1950")
    assert desk.position() == HELD
    return with_rules(desk)


def with_rules(desk: Desk, **changes: Any) -> Desk:
    desk.exchange.instrument = replace(INSTRUMENT, **{"min_qty": LEAST, **changes})
    desk.reconciler.refresh_instruments()
    return desk


def buy(desk: Desk, strategy: str, size: str) -> None:
    desk.approve(
        f"in-{strategy}", metadata={"strategy": strategy}, signal_data={"position_size": size}
    )
    desk.send_due()
    desk.stream()


def leave(
    desk: Desk, strategy: str = "alpha", size: str = "5000", algorithm: str | None = None
) -> dict[str, Any]:
    signal = {"position_size": size, "reduce_only": True, "algorithm": algorithm}
    return desk.approve("out", side="sell", signal_data=signal, metadata={"strategy": strategy})


def by_hand(desk: Desk, side: TradeSide, qty: str, *, booked: bool = True) -> Execution:
    """A person trades at the exchange."""
    execution = replace(
        desk.exchange.fills[0],
        exec_id=f"e-{side}-{qty}",
        order_id="o-x",
        order_link_id="by-hand",
        side=side,
        qty=D(qty),
    )
    desk.exchange.fills.append(execution)
    if booked:
        desk.stream()
    return execution


def send_out(desk: Desk) -> SendResult:
    return desk.send(desk.children("out")[-1].child_id)


def check_denied(outcome: dict[str, Any], *words: str) -> None:
    assert outcome["verdict"] == "deny"
    (check,) = [c for c in outcome["checks_failed"] if c["name"] == "min_qty"]
    for word in words:
        assert word in check["sentence"]


@pytest.mark.parametrize("algorithm", [None, "twap", "passive"])
@pytest.mark.parametrize("step", ["0.001", "0.02"])
def test_it_is_closed_as_a_whole_to_the_last_digit(
    small: Desk, step: str, algorithm: str | None
) -> None:
    with_rules(small, qty_step=D(step))
    outcome = leave(small, algorithm=algorithm)
    assert D(outcome["approved_qty"]) == HELD
    assert send_out(small) is SendResult.SENT
    body = small.exchange.accepted[-1]
    assert (body["qty"], body["reduceOnly"], body["closeOnTrigger"]) == ("0", True, True)
    assert small.children("out")[0].qty == HELD
    small.stream()
    assert small.position() == 0
    parent = small.parent("out")
    assert (parent.state, parent.filled_qty, parent.released_qty) == ("completed", HELD, 0)
    small.check_balance()


def test_a_part_of_it_is_denied_with_what_closes_it(small: Desk) -> None:
    outcome = leave(small, size="1000")
    check_denied(outcome, "closes only as a whole", "reduce_only", "1949.997 USDT")


def test_a_share_of_it_is_denied_and_an_emergency_closes_it_all(desk: Desk) -> None:
    buy(desk, "alpha", "1300")
    buy(desk, "beta", "650")
    with_rules(desk)
    check_denied(leave(desk), "priority emergency", "0.03")
    signal = {"position_size": "5000", "reduce_only": True, "algorithm": None}
    desk.approve("all", side="sell", signal_data=signal, priority="emergency")
    assert desk.send(desk.children("all")[0].child_id) is SendResult.SENT
    desk.stream()
    assert desk.position() == 0


def test_another_exit_under_way_is_no_whole(small: Desk) -> None:
    leave(small)
    signal = {"position_size": "5000", "reduce_only": True, "algorithm": None}
    second = small.approve("again", side="sell", signal_data=signal, metadata={"strategy": "alpha"})
    assert second["verdict"] == "deny"


def test_it_is_not_sent_when_the_position_has_grown(small: Desk) -> None:
    leave(small)
    by_hand(small, TradeSide.BUY, "0.5")
    posts = small.exchange.posts
    assert send_out(small) is SendResult.STOPPED
    assert small.exchange.posts == posts
    note = small.children("out")[0].note
    assert note is not None
    assert "more than the approval closes" in note
    assert "exit_unfilled" in small.audit_kinds()
    small.check_balance()


def test_it_waits_until_our_fills_make_what_the_exchange_holds(small: Desk) -> None:
    leave(small)
    extra = by_hand(small, TradeSide.BUY, "0.5", booked=False)
    posts = small.exchange.posts
    assert send_out(small) is SendResult.DEFERRED
    small.exchange.fills.remove(extra)
    small.pass_time(1)
    assert send_out(small) is SendResult.SENT
    assert small.exchange.posts == posts + 1
    small.stream()
    assert small.position() == 0


def test_it_is_cut_to_what_is_left_of_the_position(small: Desk) -> None:
    leave(small)
    by_hand(small, TradeSide.SELL, "0.01")
    assert send_out(small) is SendResult.SENT
    small.stream()
    parent = small.parent("out")
    assert (parent.filled_qty, parent.released_qty) == (D("0.02"), D("0.01"))
    assert small.position() == 0
    small.check_balance()


def test_it_ends_quietly_when_the_position_has_gone(small: Desk) -> None:
    leave(small)
    by_hand(small, TradeSide.SELL, "0.03")
    assert send_out(small) is SendResult.STOPPED
    assert small.children("out")[0].note == NOTHING_TO_REDUCE
    assert "exit_unfilled" not in small.audit_kinds()
    small.check_balance()


def test_it_waits_for_other_orders_of_the_symbol(small: Desk) -> None:
    with_rules(small, min_qty=D("0.001"))
    passive = {"position_size": "650", "algorithm": "passive", "horizon_seconds": 60}
    small.approve("resting", metadata={"strategy": "beta"}, signal_data=passive)
    small.step("resting")
    (order,) = small.exchange.open_orders()
    with_rules(small)
    leave(small)
    assert send_out(small) is SendResult.DEFERRED
    small.exchange.cancel("BTCUSDT", order.order_link_id)
    small.stream()
    small.pass_time(1)
    assert send_out(small) is SendResult.SENT


def test_entries_of_the_symbol_wait_for_it(small: Desk) -> None:
    leave(small)
    small.approve("in-beta", metadata={"strategy": "beta"}, signal_data={"position_size": "6500"})
    entry = small.children("in-beta")[0]
    assert small.send(entry.child_id) is SendResult.DEFERRED
    assert send_out(small) is SendResult.SENT
    small.stream()
    small.pass_time(1)
    assert small.send(entry.child_id) is SendResult.SENT


def test_in_a_thin_book_it_is_tried_again_as_a_whole(small: Desk) -> None:
    small.exchange.fill_share = D(0)
    leave(small)
    assert send_out(small) is SendResult.SENT
    small.stream()
    small.pass_time(2)
    small.exchange.fill_share = D(1)
    assert send_out(small) is SendResult.SENT
    assert [body["qty"] for body in small.exchange.accepted[-2:]] == ["0", "0"]
    small.stream()
    assert small.position() == 0
    small.check_balance()


def test_a_halt_never_waits_for_the_position_that_is_being_read(
    small: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever only asks has nothing on its way; the exit goes out after it, halted or not."""
    leave(small)
    held = small.exchange.positions()
    trading_halt = TradingHalt(small.db, small.clock, waits=HaltWaits(seal_seconds=0))
    during: list[object] = []

    def slow() -> Sequence[ExchangePosition]:
        if during:  # the fake's own, when it takes the order
            return held
        with small.db.autocommit_connection() as connection:
            during.append(sending_holders(connection))
        report = trading_halt.halt(reason="the exchange is slow", actor="me")
        during.append(report.sealed_at is not None)
        return held

    monkeypatch.setattr(small.exchange, "positions", slow)
    assert send_out(small) is SendResult.SENT
    assert during == [{}, True]


def test_an_account_in_hedge_mode_is_never_closed_by_it(small: Desk) -> None:
    leave(small)
    small.exchange.hedged = True
    posts = small.exchange.posts
    assert send_out(small) is SendResult.DEFERRED
    assert small.exchange.posts == posts


@pytest.mark.parametrize("told", ["0.03", "0"])
def test_one_whose_answer_was_lost_is_found_and_not_sent_again(small: Desk, told: str) -> None:
    leave(small)
    small.exchange.faults.append((OutcomeUnknown("read timeout"), True))
    assert send_out(small) is SendResult.UNKNOWN
    child = small.children("out")[0]
    order = small.exchange.orders[child.order_link_id]
    small.exchange.orders[child.order_link_id] = replace(order, qty=D(told))
    posts = small.exchange.posts
    small.reconciler.resolve_child(child.child_id)
    small.stream()
    assert small.children("out")[0].state == ChildState.FILLED
    assert small.exchange.posts == posts
    assert small.position() == 0
    small.check_balance()


def half_filled(desk: Desk, *, held_besides: str = "0") -> None:
    """An exit of 0.06 of which a thin book took 0.03, less than the smallest order."""
    buy(desk, "alpha", "3900")
    if D(held_besides):
        by_hand(desk, TradeSide.BUY, held_besides)
    with_rules(desk)
    desk.exchange.fill_share = D("0.5")
    leave(desk, size="3900")
    assert send_out(desk) is SendResult.SENT
    desk.stream()
    desk.exchange.fill_share = D(1)
    desk.pass_time(2)


def test_the_last_of_an_exit_is_closed_as_a_whole_where_a_thin_book_left_too_little(
    desk: Desk,
) -> None:
    half_filled(desk)
    assert send_out(desk) is SendResult.SENT
    assert [body["qty"] for body in desk.exchange.accepted[-2:]] == ["0.06", "0"]
    desk.stream()
    assert desk.position() == 0
    assert desk.parent("out").state == "completed"
    desk.check_balance()


def half_filled_by_steps(desk: Desk, *, held_besides: str = "0") -> None:
    """The same, worked step by step, while the venue still took what was left."""
    buy(desk, "alpha", "3900")
    if D(held_besides):
        by_hand(desk, TradeSide.BUY, held_besides)
    with_rules(desk)
    desk.exchange.fill_share = D("0.5")
    signal = {
        "position_size": "3900",
        "reduce_only": True,
        "algorithm": "passive",
        "horizon_seconds": 60,
        "cross_margin_seconds": 60,
    }
    desk.approve("out", side="sell", signal_data=signal, metadata={"strategy": "alpha"})
    assert desk.step("out") is StepResult.STEPPED
    desk.stream()
    desk.exchange.fill_share = D(1)
    for _ in range(2):
        desk.pass_time(2)
        desk.step("out")
        desk.stream()


def test_the_last_of_a_stepped_exit_is_closed_as_a_whole(desk: Desk) -> None:
    half_filled_by_steps(desk)
    assert [body["qty"] for body in desk.exchange.accepted[-2:]] == ["0.06", "0"]
    assert desk.position() == 0
    assert desk.parent("out").state == "completed"
    assert "exit_unfilled" not in desk.audit_kinds()
    desk.check_balance()


def test_the_last_of_a_stepped_exit_that_leaves_more_held_is_given_back_once(desk: Desk) -> None:
    half_filled_by_steps(desk, held_besides="0.1")
    parent = desk.parent("out")
    assert (parent.state, parent.filled_qty, parent.released_qty) == ("partial", HELD, HELD)
    assert len(desk.children("out")) == 2
    assert desk.audit_kinds().count("exit_unfilled") == 1
    desk.check_balance()


def test_the_last_of_an_exit_that_leaves_more_held_is_given_back(desk: Desk) -> None:
    half_filled(desk, held_besides="0.1")
    assert send_out(desk) is SendResult.STOPPED
    parent = desk.parent("out")
    assert (parent.filled_qty, parent.released_qty) == (HELD, HELD)
    assert desk.position() == D("0.13")
    assert "exit_unfilled" in desk.audit_kinds()
    desk.check_balance()
