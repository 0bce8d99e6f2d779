"""Our resting orders of a market, by price and in the order of their arrival."""

from types import SimpleNamespace
from typing import Any

import pytest

from paper_exchange.engine.orders.order import BUY, SELL, OwnOrders


def order(price: int, name: str = "") -> Any:
    return SimpleNamespace(price=price, name=name, leaves=1)


def test_the_best_price_is_the_highest_bid_and_the_lowest_offer() -> None:
    own = OwnOrders()
    for price in (10, 12, 11):
        own.bids.add(order(price))
        own.asks.add(order(price + 10))
    assert (own.bids.best(), own.asks.best()) == (12, 20)
    assert own.same(BUY) is own.opposite(SELL) is own.bids
    assert own.same(SELL) is own.opposite(BUY) is own.asks


def test_a_trade_reaches_the_levels_at_least_as_good_best_first() -> None:
    own = OwnOrders()
    for price in (10, 12, 11):
        own.bids.add(order(price))
        own.asks.add(order(price))
    assert own.bids.reached(11) == [12, 11]
    assert own.asks.reached(11) == [10, 11]
    assert own.bids.reached(13) == []


def test_a_level_goes_with_its_last_order() -> None:
    side = OwnOrders().bids
    first, second = order(10), order(10)
    side.add(first)
    side.add(second)
    side.remove(first)
    assert list(side) == [second]
    assert side.best() == 10
    side.remove(second)
    assert side.best() is None
    with pytest.raises(KeyError):
        side.remove(second)
