"""Protective stops of a scope that is flat are cancelled, and nothing else is."""

from decimal import Decimal

import pytest

from bot.clock import FixedClock
from bot.errors import DependencyDown, OutcomeUnknown
from bot.exchange.protocol import OrderIntent, OrderType, StopIntent, TimeInForce
from bot.execution.orders.identity import stop_link_id
from bot.safety.halting.last_stops import cancel_stops
from bot.state.scope import EVERYTHING, Scope
from models.enums import OrderStatus, ScopeKind, TradeSide
from tests.support.fakes import T0, FakeExchange


@pytest.fixture
def exchange() -> FakeExchange:
    return FakeExchange(FixedClock(T0))


def rest(exchange: FakeExchange, symbol: str, link: str | None = None) -> str:
    link = link or stop_link_id("paper", symbol, T0, 1)
    entry = OrderIntent(
        order_link_id=f"mr-entry-{len(exchange.orders)}",
        symbol=symbol,
        side=TradeSide.BUY,
        qty=Decimal(1),
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC,
        price=None,
        reduce_only=False,
    )
    exchange.place(exchange.order_body(entry))
    intent = StopIntent(link, symbol, TradeSide.SELL, Decimal(1), Decimal(100))
    exchange.place(exchange.stop_body(intent))
    return link


def open_links(exchange: FakeExchange) -> list[str]:
    return [k for k, order in exchange.orders.items() if order.status is OrderStatus.OPEN]


def test_stops_of_ours_go_and_those_of_others_stay(exchange: FakeExchange) -> None:
    rest(exchange, "BTCUSDT")
    theirs = rest(exchange, "BTCUSDT", "by-hand")
    assert cancel_stops(exchange, EVERYTHING, problem=pytest.fail) == 1
    assert open_links(exchange) == [theirs]


def test_a_symbols_scope_touches_no_other(exchange: FakeExchange) -> None:
    rest(exchange, "BTCUSDT")
    other = rest(exchange, "ETHUSDT")
    scope = Scope(ScopeKind.SYMBOL, "BTCUSDT")
    assert cancel_stops(exchange, scope, problem=pytest.fail) == 1
    assert open_links(exchange) == [other]


def test_a_failure_is_told_and_stops_no_other(
    exchange: FakeExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest(exchange, "BTCUSDT")
    rest(exchange, "ETHUSDT")
    exchange.cancel_faults = [(OutcomeUnknown("no answer"), False)]
    told: list[str] = []
    assert cancel_stops(exchange, EVERYTHING, problem=told.append) == 1
    assert "could not be cancelled: no answer" in told[0]

    def hangs() -> list[object]:
        raise DependencyDown("no route")

    monkeypatch.setattr(exchange, "conditional_orders", hangs)
    assert cancel_stops(exchange, EVERYTHING, problem=told.append) == 0
    assert "can't be read: no route" in told[1]


def test_a_stop_that_had_ended_before_is_not_counted(
    exchange: FakeExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = rest(exchange, "BTCUSDT")
    rest(exchange, "ETHUSDT")
    listed = exchange.conditional_orders()
    exchange.end(ended)
    monkeypatch.setattr(exchange, "conditional_orders", lambda: listed)
    assert cancel_stops(exchange, EVERYTHING, problem=pytest.fail) == 1
