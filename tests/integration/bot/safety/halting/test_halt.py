"""A halt: the state first, then all that can still trade; each failure is only a line."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from bot.errors import Banned, DependencyDown, OutcomeUnknown, Throttled
from bot.exchange.protocol import ExchangeOrder, OrderIntent, OrderType, TimeInForce
from bot.safety.halting.halt import HaltReach, HaltWaits, TradingHalt
from models.enums import (
    ParentState,
    TradeSide,
    TradingState,
)
from models.locks import sending_shared
from models.repositories.safety import states
from models.tables import AuditRow
from tests.support.desk import ACCOUNT, Desk
from tests.support.trading_halts import seal_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.services

RESTING = {"position_size": "3000", "algorithm": "iceberg", "horizon_seconds": 120}


def state(desk: Desk) -> TradingState:
    with desk.db.reading() as session:
        return TradingState(states.all_states(session)[0].state)


@contextmanager
def hung_sender(desk: Desk) -> Iterator[None]:
    """Somebody holds the account's sending lock and does nothing more."""
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with desk.db.autocommit_connection() as connection, sending_shared(connection, ACCOUNT):
            held.set()
            over.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(60)
    try:
        yield
    finally:
        over.set()
        thread.join(60)


def posted_unheard(desk: Desk) -> None:
    """A request that the exchange may still accept."""
    desk.approve("unheard")
    desk.exchange.faults = [(OutcomeUnknown("read timeout"), False)]
    desk.send(desk.child().child_id)


def test_with_a_hung_sender_everything_else_of_a_halt_is_done(desk: Desk) -> None:
    posted_unheard(desk)
    desk.approve_twap("r-1")
    desk.approve("r-2", signal_data=RESTING)
    desk.step("r-2")
    revoked: list[int] = []
    trading_halt = TradingHalt(
        desk.db,
        desk.clock,
        exchange=desk.exchange,
        revoke=lambda: revoked.append(1) or 1,
        waits=HaltWaits(seal_seconds=0),
    )
    with hung_sender(desk):
        report = trading_halt.halt(reason="test", actor="me", cancel=True)
    assert state(desk) is TradingState.HALTED
    assert report.sealed_at is None
    assert report.children_cancelled >= 5
    assert report.orders_cancelled == 1
    assert (report.tasks_revoked, revoked) == (1, [1])
    assert desk.exchange.open_orders() == []
    (problem,) = report.problems
    assert "not sealed" in problem
    assert "run it again" in problem


def test_a_post_that_hangs_delays_the_seal_until_its_request_is_refused_and_no_longer(
    desk: Desk,
) -> None:
    posted_unheard(desk)
    sent_at = desk.child().sent_at
    assert sent_at is not None
    desk.clock.move_to(sent_at + timedelta(seconds=2.3))
    with hung_sender(desk):
        report = desk.trading_halt.halt(reason="test", actor="me", cancel=True)
    assert report.sealed_at == sent_at + timedelta(seconds=2.4)


def test_an_exchange_that_hangs_in_the_cancels_delays_no_seal(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen: the seal came after the cancels, which waited for the timeouts of a frozen exchange."""
    posted_unheard(desk)
    sent_at = desk.child().sent_at
    assert sent_at is not None
    desk.clock.move_to(sent_at + timedelta(seconds=1.4))
    asked, answered = [], list[datetime]()

    def hangs() -> list[object]:
        asked.append("the first call must not end before the seal")
        answered.append(eventually(lambda: seal_of(desk.db), "the seal"))
        return []

    monkeypatch.setattr(desk.exchange, "open_orders", hangs)
    waits = HaltWaits(seal_seconds=0.01)
    halting = TradingHalt(desk.db, desk.clock, exchange=desk.exchange, waits=waits)
    with hung_sender(desk):
        report = halting.halt(reason="test", actor="me", cancel=True)
    assert len(answered) == len(asked) > 0
    assert answered[0] == report.sealed_at == sent_at + timedelta(seconds=2.4)


def test_no_halt_is_clean_while_the_exchange_may_still_accept_a_request(desk: Desk) -> None:
    posted_unheard(desk)
    report = desk.trading_halt.halt(reason="test", actor="me", cancel=True)
    assert report.sealed_at is not None and report.sealed_at > desk.clock.now()
    assert report.clean_at is None
    desk.clock.move_to(report.sealed_at)
    again = desk.trading_halt.halt(reason="test", actor="me", cancel=True)
    assert again.clean_at == report.sealed_at


def test_many_orders_of_a_symbol_go_by_one_call_unless_something_is_to_stay(desk: Desk) -> None:
    links = [rest(desk, f"mr-{number}", "BTCUSDT") for number in range(8)]
    others = [rest(desk, f"mr-eth-{number}", "ETHUSDT") for number in range(8)]
    by_hand = rest(desk, "by-hand", "ETHUSDT")
    report = desk.trading_halt.halt(reason="test", actor="me", cancel=True)
    assert report.orders_cancelled == 16
    assert [order.order_link_id for order in desk.exchange.open_orders()] == [by_hand]
    assert sorted(desk.exchange.cancel_requests) == sorted(others)
    assert set(links) <= set(desk.exchange.cancelled)


def test_orders_whose_cancels_failed_are_cancelled_again(desk: Desk) -> None:
    rest(desk, "mr-1", "BTCUSDT")
    desk.exchange.cancel_faults = [(OutcomeUnknown("read timeout"), False)] * 2
    report = desk.trading_halt.halt(reason="test", actor="me", cancel=True)
    assert (report.orders_cancelled, report.problems) == (1, ())
    assert report.clean_at is not None


def rest(desk: Desk, link: str, symbol: str) -> str:
    """An order that rests under an id of somebody's choice."""
    body = desk.exchange.order_body(
        OrderIntent(
            order_link_id=link,
            symbol=symbol,
            side=TradeSide.BUY,
            qty=Decimal("0.01"),
            order_type=OrderType.LIMIT,
            time_in_force=TimeInForce.GTC,
            price=Decimal(1000),
            reduce_only=False,
        )
    )
    desk.exchange.place(body)
    return link


def test_the_state_alone_can_be_set_before_the_steps(desk: Desk) -> None:
    desk.approve_twap()
    latched = desk.trading_halt.set_halted("test", "me")
    assert not latched.already
    assert (state(desk), desk.parent().state) == (TradingState.HALTED, ParentState.WORKING)
    desk.trading_halt.follow(latched, HaltReach(), actor="me")
    assert desk.parent().state != ParentState.WORKING


def test_the_report_has_the_time_of_the_commit_though_the_steps_begin_later(desk: Desk) -> None:
    """Seen: the command's imports took half a second, and a seal by others was told as earlier."""
    latched = desk.trading_halt.set_halted("test", "me")
    assert latched.at == desk.clock.now()
    desk.clock.move_to(latched.at + timedelta(seconds=3))
    report = desk.trading_halt.carry_out(latched, HaltReach(), actor="me")
    assert report.latched_at == latched.at
    assert report.sealed_at == desk.clock.now()


def test_it_is_clean_when_no_order_is_left_and_not_when_tasks_are_revoked(desk: Desk) -> None:
    """Seen: two of five seconds until the proof went to questions about queued tasks."""

    def slow() -> int:
        desk.clock.move_to(desk.clock.now() + timedelta(seconds=3))
        return 0

    trading_halt = TradingHalt(desk.db, desk.clock, exchange=desk.exchange, revoke=slow)
    begun = desk.clock.now()
    assert trading_halt.halt(reason="drill", actor="me", cancel=True).clean_at == begun


@pytest.mark.parametrize("flatten", [False, True])
def test_a_halt_of_a_scope_that_is_being_flattened_is_an_entry_at_once(
    desk: Desk, flatten: bool
) -> None:
    """Seen: the second person's act was in the audit with its report, seconds later."""
    desk.trading_halt.set_halted("first", "ann", flatten=True)
    assert desk.trading_halt.set_halted("second", "bob", flatten=flatten).already
    with desk.db.reading() as session:
        asked = select(AuditRow).where(AuditRow.kind.in_(("halted", "halted_again")))
        first, second = session.scalars(asked.order_by(AuditRow.seq)).all()
    assert (first.kind, first.actor) == ("halted", "ann")
    assert (second.kind, second.actor, second.payload["reason"]) == (
        "halted_again",
        "bob",
        "second",
    )
    assert second.payload["state"] == TradingState.FLATTENING
    assert second.payload["asked"] == ("flattening" if flatten else "halted")
    assert state(desk) is TradingState.FLATTENING


def test_each_step_of_a_halt_goes_on_when_another_fails(desk: Desk) -> None:
    desk.approve_twap()

    def broken() -> int:
        raise ValueError("novel")

    def unreachable() -> list[object]:
        raise DependencyDown("no route")

    desk.exchange.open_orders = unreachable  # type: ignore[method-assign, assignment]
    trading_halt = TradingHalt(desk.db, desk.clock, exchange=desk.exchange, revoke=broken)
    report = trading_halt.halt(reason="test", actor="me", cancel=True)
    assert report.children_cancelled == 6
    assert report.sealed_at is not None
    assert len(report.problems) == 2
    assert "working orders" in report.problems[0]
    assert "queued tasks" in report.problems[1]


@pytest.mark.parametrize("everything", [False, True])
def test_a_halt_cancels_what_is_ours_and_the_rest_only_if_it_is_asked_to(
    desk: Desk, everything: bool
) -> None:
    desk.approve(signal_data=RESTING)
    desk.step()
    by_hand = rest(desk, "by-hand", "BTCUSDT")
    report = desk.trading_halt.halt(reason="test", actor="me", cancel=True, everything=everything)
    left = [order.order_link_id for order in desk.exchange.open_orders()]
    assert left == ([] if everything else [by_hand])
    assert report.orders_cancelled == (2 if everything else 1)
    assert report.problems == ()


def test_an_order_that_is_accepted_after_the_first_look_is_called_back_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.approve(signal_data=RESTING)
    seal = desk.trading_halt._seal

    def accepted_meanwhile(*arguments: object, **options: object) -> object:
        desk.exchange.place(
            {
                "timeInForce": "GTC", "symbol": "BTCUSDT", "side": "buy", "qty": "0.01",
                "price": "1000", "orderLinkId": "mr-late", "reduceOnly": False,
                "closeOnTrigger": False,
            }
        )  # fmt: skip
        return seal(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.trading_halt, "_seal", accepted_meanwhile)
    report = desk.trading_halt.halt(reason="test", actor="me", cancel=True)
    assert report.orders_cancelled == 1
    assert desk.exchange.open_orders() == []


def test_orders_that_can_not_be_cancelled_are_named(desk: Desk) -> None:
    desk.approve(signal_data=RESTING)
    desk.step()
    desk.exchange.cancel_faults = [(OutcomeUnknown("read timeout"), False)] * 9
    report = desk.trading_halt.halt(reason="test", actor="me", cancel=True)
    link = desk.child().order_link_id
    assert report.orders_cancelled == 0
    assert f"{link} is still open" in report.problems
    assert report.unresolved == (link,)


def test_a_halt_s_cancels_wait_out_a_rate_limit_and_tell_the_others(desk: Desk) -> None:
    """Three refusals in a row ended the calling back, whatever they were for."""
    for number in range(4):
        outcome = desk.approve(f"r-{number}", signal_data={**RESTING, "position_size": "1000"})
        assert outcome["verdict"] == "allow", outcome
        desk.step(f"r-{number}")
    slept: list[float] = []
    trading_halt = TradingHalt(
        desk.db,
        desk.clock,
        exchange=desk.exchange,
        too_fast=lambda seconds: desk.rate_limiter.throttled("paper", seconds, cancels=True),
        waits=HaltWaits(sleep=slept.append),
    )
    too_fast = Throttled("10006", code="ret_10006", after_seconds=0.4)
    desk.exchange.cancel_faults = [(too_fast, False)] * 4
    report = trading_halt.halt(reason="test", actor="me", cancel=True)
    assert desk.exchange.open_orders() == []
    assert (report.orders_cancelled, report.problems) == (4, ())
    assert slept == [0.4] * 4
    assert desk.rate_limiter.cancel_throttles == [0.4] * 4
    assert desk.rate_limiter.throttles == []


def never(_: float) -> None:
    pytest.fail("it waited")


def test_a_halt_does_not_wait_out_a_ban(desk: Desk) -> None:
    desk.approve(signal_data=RESTING)
    desk.step()
    trading_halt = TradingHalt(
        desk.db, desk.clock, exchange=desk.exchange, waits=HaltWaits(sleep=never)
    )
    banned = Banned("banned", after_seconds=600)
    desk.exchange.cancel_faults = [(banned, False)] * 4
    report = trading_halt.halt(reason="test", actor="me", cancel=True)
    assert report.sealed_at is not None
    assert any("could not be cancelled: banned" in problem for problem in report.problems)
    assert f"{desk.child().order_link_id} is still open" in report.problems


def test_a_halt_that_is_repeated_stops_nothing_twice(desk: Desk) -> None:
    desk.approve_twap()
    desk.trading_halt.halt(reason="test", actor="me")
    again = desk.trading_halt.halt(reason="test", actor="me")
    assert (again.parents_stopped, again.children_cancelled) == (0, 0)
    assert desk.audit_kinds().count("parent_stopped") == 1


def test_an_order_that_ends_before_its_cancel_is_not_counted_as_cancelled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert desk.approve(signal_data=RESTING)["verdict"] != "deny"
    desk.step()
    open_orders = desk.exchange.open_orders

    def then_ends() -> Sequence[ExchangeOrder]:
        found = open_orders()
        for order in found:
            desk.exchange.end(order.order_link_id)
        return found

    monkeypatch.setattr(desk.exchange, "open_orders", then_ends)
    report = desk.trading_halt.halt(reason="drill", actor="me", cancel=True)
    assert (report.orders_cancelled, report.orders_gone) == (0, 1)
    assert report.clean_at is not None
