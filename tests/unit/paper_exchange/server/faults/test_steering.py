"""A test's hand on the market: prices, prints, the clock, fills and hidden orders."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from paper_exchange.engine.settings import AccountConfig
from paper_exchange.server.accounts import Account
from paper_exchange.server.auth import ApiKey
from paper_exchange.server.exchange import Exchange, ServerSettings
from paper_exchange.server.faults.actions import Actions
from paper_exchange.server.faults.catalogue import FaultBoard
from paper_exchange.server.faults.hiding import shown_orders
from paper_exchange.types import MarketEvent, Reject
from tests.unit.paper_exchange.server.market_script import (
    KEY,
    SPEC,
    UID,
    Script,
    book,
    make_venue,
    mark,
    trade,
)

SYMBOL = {"symbol": SPEC.symbol}
ORDER = {"category": "linear", **SYMBOL, "side": "Buy", "orderType": "Limit", "qty": "1"}


class Bench:
    """An exchange on a hand-written market, with its actions."""

    def __init__(self, *events: MarketEvent) -> None:
        self.venue, self.engine, self.clock = make_venue(*events)
        account = Account(AccountConfig(UID), (ApiKey("k", UID, "s"),))
        self.exchange = Exchange(
            self.venue, {UID: account}, ServerSettings(control=True), FaultBoard(), self.engine
        )
        self.actions = Actions(self.exchange)
        self.printed: list[Any] = []
        self.venue.on_trades = self.printed.extend

    def act(self, name: str, **fields: Any) -> dict[str, Any]:
        return dict(self.actions.run(name, fields))

    def market(self) -> Any:
        return self.engine.world.market(*KEY)

    def after(self, ms: int) -> None:
        self.clock.now += ms
        self.venue.catch_up()


@pytest.fixture
def bench() -> Iterator[Bench]:
    yield Bench(trade(1_000, 1002), mark(1_000, "100.2"), mark(2_000, "100.4"), trade(3_000, 1005))


def test_fixed_prices_stay_until_they_are_released(bench: Bench) -> None:
    bench.act("set_price", **SYMBOL, last="90.5", mark="91", index="92")
    bench.after(1_500)
    market = bench.market()
    assert (market.last, market.mark(), market.index) == (905, 91, 92)
    assert [(t.price, t.qty) for _, t in bench.printed] == [(905, 1)]
    assert bench.venue.tapes[KEY].mark_price == 91
    bench.act("release_price", **SYMBOL)
    assert (market.mark(), market.index) == (Decimal("100.2"), Decimal("100.2"))
    bench.after(2_000)
    assert (market.last, market.mark()) == (1005, Decimal("100.4"))


def test_a_printed_trade_fires_a_stop(bench: Bench) -> None:
    stop = {**ORDER, "orderType": "Market", "triggerPrice": "101", "triggerDirection": 1}
    order = bench.engine.create_order(UID, stop, bench.venue.catch_up())["orderId"]
    bench.after(10)
    bench.act("print_trade", **SYMBOL, price="101.0", qty="0.5")
    bench.after(10)
    [row] = bench.engine.open_orders(UID, {"category": "linear", "orderId": order}, bench.clock.now)
    assert row["orderStatus"] == "Filled"


@pytest.mark.parametrize(
    ("action", "fields", "text"),
    [
        ("set_price", {}, "give last, mark or index"),
        ("set_price", {"mark": "-1"}, "mark must be a positive number"),
        ("print_trade", {"price": "100.05", "qty": "1"}, "not on the grid"),
        ("print_trade", {"price": "100", "qty": "1", "side": "Long"}, "side must be"),
        ("fill_next", {"share": "1.5"}, "share must be from 0 to 1"),
        ("fill_next", {"rest_after_ms": -1}, "rest_after_ms must be"),
        ("hide_order", {"orderId": "nobody"}, "no such order"),
        ("step_clock", {"ms": 5}, "freeze the clock"),
        ("step_clock", {"ms": 0}, "ms must be"),
        ("load_recording", {"market": "nowhere"}, "unknown market"),
        ("load_recording", {"market": "synthetic"}, "here"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(
    bench: Bench, action: str, fields: dict[str, Any], text: str
) -> None:
    with pytest.raises(Reject, match=text):
        bench.act(action, **SYMBOL, **fields)


def test_a_frozen_clock_moves_by_steps_only(bench: Bench) -> None:
    frozen = bench.act("freeze_clock")["now"]
    order = bench.engine.create_order(UID, {**ORDER, "price": "100"}, frozen)["orderId"]
    bench.venue.touched(UID, order)
    bench.after(60_000)
    assert bench.venue.now_ms == frozen
    assert bench.engine.world.accounts[UID].orders[order].status == ""  # nothing takes effect
    assert bench.act("step_clock", ms=1_000)["now"] == frozen + 1_000
    assert bench.engine.world.accounts[UID].orders[order].status == "New"
    assert bench.market().last == 1002
    assert bench.act("resume_clock")["now"] == bench.clock.now
    assert bench.market().last == 1005


def test_a_part_of_the_next_order_fills_and_its_rest_on_demand(bench: Bench) -> None:
    bench.act("fill_next", share="0.3")
    order = bench.engine.create_order(UID, {**ORDER, "price": "99"}, bench.venue.catch_up())
    bench.after(10)
    held = bench.engine.world.accounts[UID].orders[order["orderId"]]
    assert (held.filled, held.status) == (30, "PartiallyFilled")
    bench.act("fill_rest", orderId=order["orderId"])
    assert held.status == "Filled"


def test_an_order_is_hidden_from_lists_for_a_time_or_for_ever(bench: Bench) -> None:
    params = {**ORDER, "price": "99", "orderLinkId": "mine"}
    order = bench.engine.create_order(UID, params, bench.venue.catch_up())["orderId"]
    bench.after(10)

    def shown() -> int:
        now = bench.venue.now_ms
        rows = bench.engine.open_orders(UID, {"category": "linear", **SYMBOL}, now)
        return len(shown_orders(bench.exchange.faults, rows, now))

    assert shown() == 1
    bench.act("hide_order", orderLinkId="mine", seconds=2)
    assert shown() == 0
    bench.after(2_001)
    assert shown() == 1
    bench.act("hide_order", orderId=order)
    bench.after(1_000_000)
    assert shown() == 0


def test_another_source_goes_on_where_the_first_one_was(bench: Bench) -> None:
    bench.venue.play(Script(book(500, bid=1999, ask=2001), trade(700, 2000)))
    assert bench.engine.book(*KEY, 1) == ([(1999, 500)], [(2001, 500)])
    bench.after(200)
    assert bench.market().last == 2000
    with pytest.raises(Reject, match="no events"):
        bench.venue.play(Script())


def test_a_printed_trade_is_public(bench: Bench) -> None:
    bench.act("print_trade", **SYMBOL, price="100.3", qty="0.25", side="Sell")
    [(_, told)] = bench.printed
    assert (told.side, told.qty, told.price) == ("Sell", 25, 1003)
