"""Figures of one moment follow from what is known, and are None where something is missing."""

from console.views.live.moment import Money
from tests.unit.bot.risk.cases import D


def test_the_days_profit_needs_both_readings() -> None:
    assert Money(equity=D(110), day_start=D(100)).day_pnl == D(10)
    assert Money(equity=D(110)).day_pnl is None
    assert Money(day_start=D(100)).day_pnl is None
