"""Our own impact moves prices and nothing else."""

from decimal import Decimal

from paper_exchange.server.venue.shift import marks_with_impact, with_impact
from paper_exchange.types import MarketTrade, MarkUpdate


def test_impact_moves_the_price_of_a_trade() -> None:
    trade = MarketTrade("spot", "BTCUSDT", 5, 7, 8, "Buy")
    assert with_impact(trade, -2) == trade._replace(price=5)


def test_impact_moves_the_reference_prices_that_are_known() -> None:
    update = MarkUpdate("linear", "BTCUSDT", 5, Decimal(10), None, Decimal("0.1"))
    moved = marks_with_impact(update, Decimal("0.5"))
    assert moved == update._replace(mark_price=Decimal("10.5"))
