"""BybitExchange over the real pybit client and a scripted transport."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from bot.clock import FixedClock
from bot.errors import DependencyDown, OutcomeUnknown, Refused
from bot.exchange.bybit.parse import UnreadableRow
from bot.exchange.protocol import Exchange
from models.enums import OrderStatus
from tests.unit.bot.exchange.bybit.bybit_samples import LIMIT, order_row
from tests.unit.bot.exchange.bybit.bybit_transport import (
    KEY_INFO,
    NOW,
    Transport,
    envelope,
    exchange,
    start_up,
)

D = Decimal


def execution_row(exec_id: str, at: datetime = NOW, **changes: Any) -> dict[str, Any]:
    row = {
        "execId": exec_id,
        "orderId": "o",
        "orderLinkId": "a-1",
        "symbol": "BTCUSDT",
        "side": "Buy",
        "execQty": "1",
        "execPrice": "60000",
        "execFee": "0.5",
        "execType": "Trade",
        "execTime": str(int(at.timestamp() * 1000)),
        "isMaker": True,
        "extraFees": "",
        "feeCurrency": "",
    }
    return row | changes


def paged(pages: dict[str, list[dict[str, Any]]]) -> Callable[[requests.PreparedRequest], Any]:
    """Pages by cursor; the cursor of the next page is its number, quoted as Bybit quotes."""

    def answer(request: requests.PreparedRequest) -> requests.Response:
        cursor = query(request).get("cursor", "")
        names = list(pages)
        following = names[names.index(cursor) + 1] if cursor != names[-1] else ""
        return envelope({"list": pages[cursor], "nextPageCursor": following})

    return answer


def query(request: requests.PreparedRequest) -> dict[str, str]:
    # Not unquoted: the cursor must go back exactly as it came.
    raw = urlsplit(request.url or "").query
    return dict(pair.split("=", 1) for pair in raw.split("&")) if raw else {}


def test_it_is_an_exchange() -> None:
    made: Exchange = exchange(Transport([]), FixedClock(NOW))
    assert (made.recv_window_ms, made.adding_window_ms) == (5000, 2000)
    assert made.adding_window_ms + made.max_clock_offset_ms < 2500, "the seal's goal"


def test_what_is_placed_is_the_stored_body_to_the_byte() -> None:
    transport = Transport([envelope({"orderId": "x", "orderLinkId": "a-1"})])
    made = exchange(transport, FixedClock(NOW))
    body = made.order_body(LIMIT)
    stored = json.loads(json.dumps(body))
    ack = made.place(stored)
    assert (ack.order_id, ack.order_link_id) == ("x", "a-1")
    assert transport.bodies == [body]
    assert stored == body
    assert (transport.sent[0].url or "").endswith("/v5/order/create")


def test_an_order_is_signed_as_of_its_claim_and_what_follows_as_of_now() -> None:
    transport = Transport(
        [envelope({"orderId": "x", "orderLinkId": "a-1"}), envelope({"list": []})]
    )
    made = exchange(transport, FixedClock(NOW))
    made.place(made.order_body(LIMIT), as_of=NOW)
    made.open_orders()
    order, read = (int(sent.headers["X-BAPI-TIMESTAMP"]) for sent in transport.sent)
    assert order == int(NOW.timestamp() * 1000)
    assert read != order
    signatures = [sent.headers["X-BAPI-SIGN"] for sent in transport.sent]
    assert len(set(signatures)) == 2


def test_what_adds_risk_has_a_shorter_window_than_what_reduces() -> None:
    accepted = envelope({"orderId": "x", "orderLinkId": "a-1"})
    transport = Transport([accepted, accepted, accepted, envelope({"list": []})])
    made = exchange(transport, FixedClock(NOW))
    adding = made.order_body(replace(LIMIT, reduce_only=False))
    unsaid = {name: value for name, value in adding.items() if name != "reduceOnly"}
    for body in (adding, unsaid, adding | {"reduceOnly": True}):
        made.place(body, as_of=NOW)
    made.open_orders()
    windows = [sent.headers["X-BAPI-RECV-WINDOW"] for sent in transport.sent]
    assert windows == ["2000", "2000", "5000", "5000"]


def test_cancel_all_spares_protective_stops_and_returns_link_ids() -> None:
    rows = [{"orderId": "1", "orderLinkId": "a-1"}, {"orderId": "2", "orderLinkId": ""}]
    transport = Transport([envelope({"list": rows, "success": "1"}) for _ in range(2)])
    made = exchange(transport, FixedClock(NOW))
    assert made.cancel_all() == ["a-1"]
    assert made.cancel_all("BTCUSDT") == ["a-1"]
    base = {"category": "linear", "orderFilter": "Order"}
    assert transport.bodies == [base | {"settleCoin": "USDT"}, base | {"symbol": "BTCUSDT"}]


def test_an_unconfirmed_cancel_all_is_an_unknown_outcome() -> None:
    transport = Transport([envelope({"list": [], "success": "0"})])
    with pytest.raises(OutcomeUnknown):
        exchange(transport, FixedClock(NOW)).cancel_all()


def test_an_order_is_looked_for_in_realtime_then_in_history() -> None:
    transport = Transport([envelope({"list": []}), envelope({"list": [order_row()]})])
    found = exchange(transport, FixedClock(NOW)).find_order("BTCUSDT", "a-1")
    assert found is not None
    assert (found.status, found.average_price) == (OrderStatus.OPEN, None)
    assert [urlsplit(r.url or "").path for r in transport.sent] == [
        "/v5/order/realtime",
        "/v5/order/history",
    ]
    assert query(transport.sent[0]) == {
        "category": "linear",
        "orderLinkId": "a-1",
        "symbol": "BTCUSDT",
    }


def test_an_order_that_neither_shows_is_none_and_another_id_is_not_it() -> None:
    transport = Transport([envelope({"list": [order_row("b")]}), envelope({"list": []})])
    assert exchange(transport, FixedClock(NOW)).find_order("BTCUSDT", "a-1") is None


def test_absence_is_not_concluded_when_history_does_not_answer() -> None:
    def answer(request: requests.PreparedRequest) -> requests.Response:
        if "realtime" in (request.url or ""):
            return envelope({"list": []})
        return envelope(code=10016, msg="Server error.")

    with pytest.raises(DependencyDown):
        exchange(Transport(answer), FixedClock(NOW)).find_order("BTCUSDT", "a-1")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("New", OrderStatus.OPEN),
        ("PartiallyFilled", OrderStatus.OPEN),
        ("Untriggered", OrderStatus.OPEN),
        ("Triggered", OrderStatus.OPEN),
        ("SomethingNew", OrderStatus.OPEN),
        ("Filled", OrderStatus.FILLED),
        ("Cancelled", OrderStatus.CANCELLED),
        ("PartiallyFilledCanceled", OrderStatus.CANCELLED),
        ("Deactivated", OrderStatus.CANCELLED),
        ("Rejected", OrderStatus.REJECTED),
    ],
)
def test_order_states_are_reduced_to_what_decides(raw: str, expected: OrderStatus) -> None:
    transport = Transport([envelope({"list": [order_row(orderStatus=raw)]})])
    found = exchange(transport, FixedClock(NOW)).find_order("BTCUSDT", "a-1")
    assert found is not None
    assert (found.status, found.raw_status) == (expected, raw)


def test_open_orders_come_from_all_pages_with_the_cursor_untouched() -> None:
    first, second = "page%3D1%2Cx%26", "page%3D2"
    transport = Transport(
        paged(
            {
                "": [order_row("a"), order_row("b", orderStatus="Filled")],
                first: [order_row("c", orderStatus="Untriggered")],
                second: [order_row("d")],
            }
        )
    )
    made = exchange(transport, FixedClock(NOW))
    assert [o.order_link_id for o in made.open_orders()] == ["a", "d"]
    assert [query(r).get("cursor") for r in transport.sent] == [None, first, second]
    assert [o.order_link_id for o in made.conditional_orders()] == ["c"]


def test_executions_come_oldest_first_once_each_over_windows_of_seven_days() -> None:
    since = NOW - timedelta(days=15)
    starts: list[dict[str, str]] = []

    def answer(request: requests.PreparedRequest) -> requests.Response:
        starts.append(query(request))
        number = len(starts)
        rows = [
            execution_row(f"late-{number}", since + timedelta(days=7 * number - 1)),
            execution_row(f"early-{number}", since + timedelta(days=7 * number - 6)),
            execution_row("twice", since, execType="Funding"),
        ]
        return envelope({"list": rows, "nextPageCursor": ""})

    found = exchange(Transport(answer), FixedClock(NOW)).executions(since=since)
    assert [e.exec_id for e in found] == [
        "twice",
        *("early-1", "late-1", "early-2", "late-2", "early-3", "late-3"),
    ]
    week = 7 * 86_400_000
    first = int(since.timestamp() * 1000)
    assert [int(s["startTime"]) for s in starts] == [first, first + week, first + 2 * week]
    assert [s.get("endTime") for s in starts] == [str(first + week), str(first + 2 * week), None]
    assert [e.moves_position for e in found[:2]] == [False, True]
    assert (found[1].fee, found[1].fee_currency) == (D("0.5"), "USDT")


def test_executions_of_one_order_are_asked_for_by_its_id_alone() -> None:
    rows = [execution_row("1"), execution_row("2", orderLinkId="other")]
    transport = Transport([envelope({"list": rows})])
    found = exchange(transport, FixedClock(NOW)).executions(order_link_id="a-1")
    assert [e.exec_id for e in found] == ["1"]
    assert query(transport.sent[0]) == {
        "category": "linear",
        "limit": "100",
        "orderLinkId": "a-1",
    }


POSITION = {
    "symbol": "BTCUSDT",
    "positionIdx": 0,
    "side": "Sell",
    "size": "0.5",
    "avgPrice": "60000",
    "markPrice": "60010",
    "unrealisedPnl": "-5",
    "liqPrice": "",
    "leverage": "10",
}


def test_positions_are_signed_and_empty_ones_left_out() -> None:
    rows = [POSITION, POSITION | {"symbol": "ETHUSDT", "side": "", "size": "0"}]
    (found,) = exchange(Transport([envelope({"list": rows})]), FixedClock(NOW)).positions()
    assert (found.qty, found.liquidation_price) == (D("-0.5"), None)


def test_hedge_mode_is_refused() -> None:
    transport = Transport([envelope({"list": [POSITION | {"positionIdx": 1}]})])
    with pytest.raises(Refused) as caught:
        exchange(transport, FixedClock(NOW)).positions()
    assert caught.value.code == "hedge_mode"


@pytest.mark.parametrize("change", [{"size": "NaN"}, {"size": None}, {"size": 1.5}, {"side": ""}])
def test_an_unreadable_position_is_named_and_hides_no_other(change: dict[str, Any]) -> None:
    """Left out is unknown, not flat: whoever compares must ask for what was left out."""
    rows = [POSITION | change, POSITION | {"symbol": "ETHUSDT"}]
    made = exchange(Transport(lambda _: envelope({"list": rows})), FixedClock(NOW))
    assert [p.symbol for p in made.positions()] == ["ETHUSDT"]
    (fact,) = made.take_unreadable()
    assert (fact.kind, fact.key, fact.symbol) == ("position", "BTCUSDT", "BTCUSDT")
    assert made.take_unreadable() == []


def test_an_unreadable_execution_or_order_hides_no_other() -> None:
    rows = [execution_row("1", execPrice="?"), execution_row("2")]
    made = exchange(Transport([envelope({"list": rows})]), FixedClock(NOW))
    assert [e.exec_id for e in made.executions()] == ["2"]
    assert [(f.kind, f.key) for f in made.take_unreadable()] == [("execution", "1")]
    orders = [order_row("a", qty=None, orderId="o-a"), order_row("b")]
    made = exchange(Transport([envelope({"list": orders})]), FixedClock(NOW))
    assert [o.order_link_id for o in made.open_orders()] == ["b"]
    assert [(f.kind, f.key) for f in made.take_unreadable()] == [("order", "o-a")]


def test_executions_are_told_of_the_coin_that_positions_are_told_of() -> None:
    """The list of a category has those of USDC contracts, the positions of USDT haven't."""
    symbols = ("BTCPERP", "BTC-26DEC25", "BTCUSDT", "BTCUSDT-26DEC25")
    rows = [execution_row(symbol, symbol=symbol) for symbol in symbols]
    made = exchange(Transport([envelope({"list": rows})]), FixedClock(NOW))
    assert [e.symbol for e in made.executions()] == ["BTCUSDT", "BTCUSDT-26DEC25"]
    assert [made.covers(symbol) for symbol in symbols] == [False, False, True, True]


def test_the_account_is_named_by_the_exchange() -> None:
    assert exchange(start_up(), FixedClock(NOW)).account_uid() == "24617703"


@pytest.mark.parametrize("uid", [None, 0, "", "1e7", -5])
def test_an_account_without_a_readable_id_is_not_guessed(uid: object) -> None:
    with pytest.raises(UnreadableRow):
        exchange(start_up(key=KEY_INFO | {"userID": uid}), FixedClock(NOW)).account_uid()
