"""Gaps of a notebook's market are filled by its returns or by assumptions, and all are told."""

import pytest

from bot.risk.manager.unknowns import priceless, with_returns
from models.enums import TradeSide
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import intent, market

RETURNS = [0.01, -0.02] * 40


def test_returns_give_the_volatility_that_was_not_given_and_the_bad_day() -> None:
    warnings: list[str] = []
    bare = market(volatility=None, volatility_baseline=None)
    found = with_returns(bare, intent(), {"returns": RETURNS}, warnings, pytest.fail)
    assert found.volatility is not None and found.volatility > 0
    assert found.volatility_baseline == found.volatility
    assert found.expected_shortfall == pytest.approx(0.02)
    assert len(warnings) == 1
    given = with_returns(market(), intent(), {"returns": RETURNS}, warnings, pytest.fail)
    assert given.volatility == market().volatility
    assert with_returns(bare, intent(), {}, warnings, pytest.fail) is bare


def test_a_gap_in_the_middle_is_wrong_for_an_entry_and_takes_nothing_for_an_exit() -> None:
    holed = [*RETURNS[:5], float("nan"), *RETURNS[5:]]
    told: list[tuple[str, str]] = []
    with_returns(market(), intent(), {"returns": holed}, [], lambda *each: told.append(each))
    assert told[0][0] == "market_data.returns.5"
    warnings: list[str] = []
    leaving = intent(reduce_only=True)
    found = with_returns(market(), leaving, {"returns": holed}, warnings, pytest.fail)
    assert found.expected_shortfall is None
    assert "no readable daily returns" in warnings[0]


@pytest.mark.parametrize("side", TradeSide)
def test_at_a_price_of_one_the_quantity_is_the_notional(side: TradeSide) -> None:
    warnings: list[str] = []
    found = priceless(market(), intent(side=side), cases.LIMITS, warnings)
    assert (found.ask if side is TradeSide.BUY else found.bid) != 1 or found.bid != found.ask
    assert 1 in (found.bid, found.ask)
    assert warnings
