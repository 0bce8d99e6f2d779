"""Calling back under faults: what is reported as gone is gone, and what is to stay stays."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.clock import FixedClock
from bot.errors import DependencyDown, MlriskError, OutcomeUnknown, Throttled
from bot.exchange.protocol import (
    CancelOutcome,
    ExchangeOrder,
    OrderIntent,
    OrderType,
    StopIntent,
    TimeInForce,
)
from bot.safety.halting.calling_back import Waiting, call_back
from models.enums import OrderStatus, TradeSide
from tests.support.fakes import T0, FakeExchange
from tests.support.properties import examples

D = Decimal
SYMBOLS = ("BTCUSDT", "ETHUSDT")
FAULTS: list[tuple[MlriskError, bool]] = [
    (OutcomeUnknown("drop_before"), False),
    (OutcomeUnknown("drop_after"), True),
    (OutcomeUnknown("code_10016_effect", ret_code=10016), True),
    (Throttled("rate_limit", after_seconds=0.5), False),
    (DependencyDown("no route"), False),
]


def rest(
    exchange: FakeExchange,
    link: str,
    symbol: str,
    *,
    reduce_only: bool = False,
    until: TimeInForce = TimeInForce.GTC,
) -> None:
    exchange.place(
        exchange.order_body(
            OrderIntent(
                order_link_id=link,
                symbol=symbol,
                side=TradeSide.BUY,
                qty=D("0.01"),
                order_type=OrderType.LIMIT,
                time_in_force=until,
                price=D(1000),
                reduce_only=reduce_only,
            )
        )
    )


@settings(max_examples=examples(150))
@given(
    ours=st.lists(st.sampled_from(SYMBOLS), max_size=16),
    stays=st.lists(st.tuples(st.sampled_from(SYMBOLS), st.sampled_from(["by-hand", "mr-exit"]))),
    faults=st.lists(st.sampled_from(FAULTS), max_size=10),
)
def test_what_is_reported_is_true_and_what_is_to_stay_stays(
    ours: list[str], stays: list[tuple[str, str]], faults: list[tuple[MlriskError, bool]]
) -> None:
    exchange = FakeExchange(FixedClock(T0))
    for number, symbol in enumerate(ours):
        rest(exchange, f"mr-{number}", symbol)
    for number, (symbol, name) in enumerate(stays):
        rest(exchange, f"{name}-{number}", symbol, reduce_only=name == "mr-exit")
    rest(exchange, "mr-entry", "BTCUSDT", until=TimeInForce.IOC)
    stop = StopIntent("ms-stop", "BTCUSDT", TradeSide.SELL, D(1), D(100))
    exchange.place(exchange.stop_body(stop))
    exchange.cancel_faults = list(faults)
    waiting = Waiting(sleep=lambda _: None)
    problems: list[str] = []
    try:
        found = call_back(
            exchange, everything=False, exits=False, problem=problems.append, waiting=waiting
        )
    except MlriskError:
        found = None  # the exchange itself is the cause, and the halt says so
    kept = {f"{name}-{number}" for number, (_, name) in enumerate(stays)} | {"ms-stop"}
    is_open = {k for k, order in exchange.orders.items() if order.status is OrderStatus.OPEN}
    assert kept <= is_open
    if found is not None:
        left = {order.order_link_id for order in found.left}
        assert is_open - kept == left
        assert (found.cancelled, found.gone) == (len(ours) - len(left), 0)
        if left:
            assert problems


def test_orders_are_named_although_the_exchange_itself_is_the_cause() -> None:
    exchange = FakeExchange(FixedClock(T0))
    for number in range(4):
        rest(exchange, f"mr-{number}", "BTCUSDT")
    exchange.cancel_faults = [(DependencyDown("no route"), False)] * 9
    problems: list[str] = []
    with pytest.raises(DependencyDown):
        call_back(exchange, everything=False, exits=False, problem=problems.append)
    assert problems == [f"mr-{number} could not be cancelled: no route" for number in range(3)]


def test_a_repeated_round_spares_what_rests_beside_ours_as_well() -> None:
    exchange = FakeExchange(FixedClock(T0))
    for number in range(9):
        rest(exchange, f"mr-{number}", "BTCUSDT")
    rest(exchange, "by-hand", "BTCUSDT")
    rest(exchange, "mr-exit", "BTCUSDT", reduce_only=True)
    lost: tuple[MlriskError | None, bool] = (OutcomeUnknown("drop_before"), False)
    exchange.cancel_faults = [lost, lost, (None, True)] * 3
    problems: list[str] = []
    found = call_back(
        exchange,
        everything=False,
        exits=False,
        problem=problems.append,
        waiting=Waiting(sleep=lambda _: None),
    )
    assert (found.cancelled, found.left) == (9, ())
    assert {order.order_link_id for order in exchange.open_orders()} == {"by-hand", "mr-exit"}


class _Races(FakeExchange):
    """Its first two orders end between the list and their cancels."""

    def open_orders(self) -> Sequence[ExchangeOrder]:
        found = super().open_orders()
        for order in found[:2] if not self.cancel_requests and not self.cancelled else ():
            self.end(order.order_link_id)
        return found


@pytest.mark.parametrize(
    ("count", "everything"), [(4, False), (9, False), (9, True)], ids=["each", "symbol", "all"]
)
def test_what_had_ended_before_is_not_counted_as_cancelled(count: int, everything: bool) -> None:
    exchange = _Races(FixedClock(T0))
    for number in range(count):
        rest(exchange, f"mr-{number}", "BTCUSDT")
    found = call_back(exchange, everything=everything, exits=False, problem=pytest.fail)
    assert (found.cancelled, found.gone, found.left) == (count - 2, 2, ())


def test_an_answer_that_was_lost_is_no_sign_that_an_order_had_ended() -> None:
    exchange = FakeExchange(FixedClock(T0))
    rest(exchange, "mr-0", "BTCUSDT")
    exchange.cancel_faults = [(OutcomeUnknown("drop_after"), False)]
    cancel = exchange.cancel

    def late(symbol: str, link: str) -> CancelOutcome:
        if exchange.cancel_requests:
            exchange.end(link)  # the first cancel has its effect now
        return cancel(symbol, link)

    exchange.cancel = late  # type: ignore[method-assign]
    told: list[str] = []
    waiting = Waiting(sleep=lambda _: None)
    found = call_back(exchange, everything=False, exits=False, problem=told.append, waiting=waiting)
    assert (found.cancelled, found.gone, found.left) == (1, 0, ())
