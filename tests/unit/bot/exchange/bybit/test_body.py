"""The body of a create request is explicit, exact, and refused when it could change."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clock import FixedClock
from bot.errors import Refused
from bot.exchange.bybit.body import plain
from bot.exchange.protocol import (
    OrderIntent,
    OrderType,
    StopIntent,
    TimeInForce,
)
from models.enums import TradeSide
from tests.unit.bot.exchange.bybit.bybit_samples import LIMIT, MARKET
from tests.unit.bot.exchange.bybit.bybit_transport import Transport, exchange

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
D = Decimal


def test_a_limit_body_is_explicit_and_in_plain_strings() -> None:
    assert exchange(Transport([]), FixedClock(NOW)).order_body(LIMIT) == {
        "category": "linear",
        "symbol": "BTCUSDT",
        "side": "Sell",
        "orderType": "Limit",
        "qty": "0.01",
        "price": "60000.1",
        "timeInForce": "IOC",
        "orderLinkId": "a-1",
        "positionIdx": 0,
        "reduceOnly": True,
        "closeOnTrigger": False,
        "smpType": "CancelMaker",
    }


@pytest.mark.parametrize(("side", "word", "direction"), [("sell", "Sell", 2), ("buy", "Buy", 1)])
def test_a_stop_closes_the_whole_position_when_the_mark_reaches_it(
    side: str, word: str, direction: int
) -> None:
    made = exchange(Transport([]), FixedClock(NOW))
    intent = StopIntent("ms-1", "BTCUSDT", TradeSide(side), D("0.5"), D("61750.10"))
    assert made.stop_body(intent) == {
        "category": "linear",
        "symbol": "BTCUSDT",
        "side": word,
        "orderType": "Market",
        "qty": "0",
        "triggerPrice": "61750.1",
        "triggerDirection": direction,
        "triggerBy": "MarkPrice",
        "timeInForce": "IOC",
        "orderLinkId": "ms-1",
        "positionIdx": 0,
        "reduceOnly": True,
        "closeOnTrigger": True,
        "smpType": "CancelMaker",
    }


def test_a_whole_position_is_closed_by_a_quantity_of_zero_and_both_flags() -> None:
    made = exchange(Transport([]), FixedClock(NOW))
    body = made.order_body(replace(LIMIT, closes_position=True))
    assert (body["qty"], body["reduceOnly"], body["closeOnTrigger"]) == ("0", True, True)
    assert body["price"] == "60000.1"
    with pytest.raises(Refused, match="reducing"):
        made.order_body(replace(LIMIT, closes_position=True, reduce_only=False))


@pytest.mark.parametrize(
    "change",
    [{"qty": "0"}, {"closeOnTrigger": True}, {"qty": "0", "closeOnTrigger": True, "reduceOnly": 0}],
    ids=str,
)
def test_a_quantity_of_zero_and_the_closing_flag_go_only_together(change: dict[str, Any]) -> None:
    made = exchange(Transport([]), FixedClock(NOW))
    with pytest.raises(Refused, match="closes a whole position"):
        made.place(made.order_body(LIMIT) | change)


def test_a_market_body_is_ioc_without_price_and_bounds_its_slippage() -> None:
    body = exchange(Transport([]), FixedClock(NOW)).order_body(MARKET)
    assert body["qty"] == "5000"
    assert body["timeInForce"] == "IOC"
    assert "price" not in body
    assert (body["slippageToleranceType"], body["slippageTolerance"]) == ("Percent", "1")


@pytest.mark.parametrize(
    "change",
    [
        {"qty": 1.0},
        {"qty": "1e-05"},
        {"qty": None},
        {"qty": "-1"},
        {"price": 60000},
        {"price": "NaN"},
        {"orderLinkId": ""},
        {"orderLinkId": "a" * 37},
        {"orderLinkId": "ä"},
        {"orderLinkId": None},
        {"extra": 0.1},
    ],
    ids=str,
)
def test_a_body_that_the_wire_would_change_is_refused_before_anything_is_sent(
    change: dict[str, Any],
) -> None:
    transport = Transport([])
    made = exchange(transport, FixedClock(NOW))
    with pytest.raises(Refused):
        made.place(made.order_body(LIMIT) | change)
    assert transport.sent == []


@given(st.decimals(D("1e-12"), D("1e12"), allow_nan=False))
def test_decimals_go_out_exactly_and_without_exponent(value: Decimal) -> None:
    assert "E" not in plain(value).upper()
    assert D(plain(value)) == value


@pytest.mark.parametrize("value", [D("NaN"), D("Infinity"), D(0), D(-1)])
def test_a_quantity_that_is_no_positive_number_is_refused(value: Decimal) -> None:
    with pytest.raises(Refused):
        plain(value)


def test_a_limit_order_without_price_is_refused() -> None:
    intent = OrderIntent(
        "a", "X", TradeSide.BUY, D(1), OrderType.LIMIT, TimeInForce.GTC, None, False
    )
    with pytest.raises(Refused):
        exchange(Transport([]), FixedClock(NOW)).order_body(intent)


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("0.031000000000000000", "0.031"),
        ("1E+2", "100"),
        ("100.000", "100"),
        ("1E-8", "0.00000001"),
        ("65000.10", "65000.1"),
        ("123456789012345678901234567890.1230", "123456789012345678901234567890.123"),
    ],
)
def test_a_number_goes_out_in_its_shortest_form(value: str, sent: str) -> None:
    assert plain(D(value)) == sent


def test_what_a_column_gives_is_a_body_that_goes_out() -> None:
    made = exchange(Transport([]), FixedClock(NOW))
    stored = replace(LIMIT, qty=D("0.031000000000000000"), price=D("65000.100000000000000000"))
    body = made.order_body(stored)
    assert (body["qty"], body["price"]) == ("0.031", "65000.1")


@pytest.mark.parametrize("form", ["0.0310", "00.031", "1.", ".5", "1E+2"])
def test_no_other_form_of_a_number_is_sent(form: str) -> None:
    made = exchange(Transport([]), FixedClock(NOW))
    with pytest.raises(Refused):
        made.place(made.order_body(LIMIT) | {"qty": form})
