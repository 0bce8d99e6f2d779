"""Bars of a price that does not trade: no gaps, and no volume."""

from paper_exchange.server.venue.bars import MINUTE_MS, Bar
from paper_exchange.server.venue.price_bars import PriceBars


def test_a_minute_holds_its_prices_and_one_without_keeps_the_last() -> None:
    series = PriceBars()
    for at, price in ((10, 100), (20, 90), (30, 110), (3 * MINUTE_MS + 5, 105)):
        series.on_price(at, price)
    first, second, third, fourth = series.klines("1", 0, 10 * MINUTE_MS)
    assert (first.open, first.high, first.low, first.close) == (100, 110, 90, 110)
    assert (second.open, third.close) == (110, 110)
    assert (fourth.start, fourth.open) == (3 * MINUTE_MS, 105)
    assert {bar.volume for bar in (first, second, third, fourth)} == {0}


def test_longer_bars_are_made_of_minutes() -> None:
    series = PriceBars()
    series.on_price(0, 100)
    series.on_price(2 * MINUTE_MS, 120)
    (bar,) = series.klines("3", 0, 10 * MINUTE_MS)
    assert (bar.open, bar.high, bar.close) == (100, 120, 120)


def test_an_unknown_past_is_that_of_the_trades_or_flat() -> None:
    old = Bar(0, 50)
    old.add(60, 7)
    copied, flat = PriceBars(), PriceBars()
    copied.past([old])
    flat.past([old], flat=0)
    assert (copied.bars[0].open, copied.bars[0].high) == (50, 60)
    assert (flat.bars[0].high, flat.bars[0].low) == (0, 0)
