"""A mark values its own symbol alone, and a last trade is no mark."""

from bot.market.reading import MarketReading
from tests.unit.bot.risk.cases import D, market


def test_the_traded_symbol_is_valued_by_its_view_and_others_by_their_marks() -> None:
    view = market(mark=D(7))
    reading = MarketReading(view, {"BTCUSDT": D(1), "ETHUSDT": D(2)})
    assert reading.mark("BTCUSDT") == D(7)
    assert reading.mark("ETHUSDT") == D(2)
    assert reading.mark("SOLUSDT") is None


def test_a_view_without_a_mark_values_nothing() -> None:
    reading = MarketReading(market(mark=None, last=D(9)), {"BTCUSDT": D(1)})
    assert reading.mark("BTCUSDT") is None


def test_without_a_view_a_known_mark_stands() -> None:
    assert MarketReading(None, {"BTCUSDT": D(1)}).mark("BTCUSDT") == D(1)
    assert MarketReading().mark("BTCUSDT") is None
