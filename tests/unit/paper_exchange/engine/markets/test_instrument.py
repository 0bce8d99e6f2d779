"""Reference prices, price band and the bound of market orders."""

from decimal import Decimal
from typing import Any

from paper_exchange.engine.markets.instrument import Market
from paper_exchange.types import InstrumentSpec, MarkUpdate

D = Decimal


def market(category: Any = "linear") -> Market:
    return Market(
        InstrumentSpec(
            category, "XUSDT", "X", "USDT", D("0.1"), D("0.01"), D("0.01"), D(99), D(9), D(5)
        )
    )


def reference(found: Market, **prices: Decimal) -> None:
    found.take_reference(MarkUpdate(found.category, found.symbol, 0, **prices))


def test_a_market_sells_bound_is_that_of_the_documented_example() -> None:
    found = market()
    reference(found, mark_price=D("95901.48"))
    bound = found.market_bound(-1)
    assert bound is not None and found.price(bound) == D("94942.5")


def test_the_futures_band_widens_with_index_and_premium_up_to_y() -> None:
    found = market()
    assert found.band() is None
    reference(found, mark_price=D(100))
    assert found.band() == (D(101), D(99))
    reference(found, index_price=D("101.5"))
    assert found.band() == (D("101.5"), D(99))
    reference(found, index_price=D(110))
    assert found.band() == (D(102), D(99))
    reference(found, index_price=D(100))
    found.book.bids.replace([(1004, 1)])
    found.book.asks.replace([(1006, 1)])
    found.sample_premium(0)
    assert found.band() == (D("101.5"), D(99))
    found.book.bids.replace([(1000, 1)])
    found.book.asks.replace([(1000, 1)])
    found.sample_premium(31_000)
    assert found.band() == (D(101), D(99))


def test_the_spot_band_stands_around_the_index() -> None:
    found = market("spot")
    reference(found, index_price=D(200))
    assert found.band() == (D(202), D(198))


def test_mark_falls_back_to_mid_then_to_the_last_trade() -> None:
    found = market()
    found.last = 1000
    assert found.mark() == D(100)
    found.book.bids.replace([(1010, 1)])
    found.book.asks.replace([(1011, 1)])
    assert found.mark() == D("101.05")
    found.book.asks.replace([])
    assert found.mark() == D("101.05")
    reference(found, mark_price=D(99))
    assert found.mark() == D(99)


def test_everybody_sees_resting_orders_in_the_book_and_in_its_best_prices(desk: Any) -> None:
    def book(depth: int) -> Any:
        return desk.engine.book("linear", "BTCUSDT", depth)

    joined = desk.create("Buy", "0.5", "100.0")
    assert book(1)[0] == [(1000, 2500)]
    desk.create("Sell", "0.3", "100.2", uid="u2")
    desk.create("Buy", "1", "99.85".replace("85", "7"), uid="u2")
    assert book(5)[0] == [(1000, 2500), (999, 3000), (998, 5000), (997, 1000)]
    assert book(2)[1] == [(1001, 1500), (1002, 3300)]
    amended = {"category": "linear", "symbol": "BTCUSDT", "orderId": joined, "qty": "0.2"}
    desk.engine.amend_order("u1", amended, desk.now)
    assert book(1)[0] == [(1000, 2200)]
    desk.trade("100.0", "2.1", "Sell")
    assert book(1)[0] == [(1000, 2100)]
    desk.cancel(joined)
    assert book(1)[0] == [(1000, 2000)]
    desk.book(asks=[("100.1", "0"), ("100.2", "0")])
    desk.create("Sell", "0.4", "100.1", uid="u2")
    assert book(1)[1] == [(1001, 400)]


def test_a_reducing_order_shows_what_it_may_still_close(desk: Any) -> None:
    desk.create("Buy", "0.5")
    desk.create("Sell", "0.5", "100.4", reduceOnly=True)
    desk.create("Sell", "0.2")
    assert desk.engine.book("linear", "BTCUSDT", 5)[1][-1] == (1004, 300)
