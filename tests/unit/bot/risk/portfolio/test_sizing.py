"""Sizes of a portfolio: every method, bounded by position, risk, regime and request."""

import pytest

from bot.risk.portfolio.kinds import MarketRegime, PositionSizeMethod, RiskLevel
from bot.risk.portfolio.parameters import RiskParameters
from bot.risk.portfolio.sizing import FALLBACK, MAX_KELLY, level_of, wanted_share, within
from models.enums import TradeSide
from tests.unit.bot.risk.cases import D

PARAMS = RiskParameters(max_position_size="0.1", max_portfolio_risk="0.02")
GAINS = [0.03, -0.01] * 30


@pytest.mark.parametrize("method", PositionSizeMethod)
def test_too_few_returns_give_the_smallest_size(method: PositionSizeMethod) -> None:
    for known in (None, [], GAINS[:29]):
        assert wanted_share(method, TradeSide.BUY, known, PARAMS) == FALLBACK


@pytest.mark.parametrize("method", PositionSizeMethod)
def test_no_method_wants_less_than_nothing(method: PositionSizeMethod) -> None:
    for side in TradeSide:
        assert wanted_share(method, side, GAINS, PARAMS) >= 0


def test_kelly_bets_with_an_edge_alone_and_never_beyond_its_cap() -> None:
    kelly = PositionSizeMethod.KELLY_CRITERION
    assert wanted_share(kelly, TradeSide.BUY, GAINS, PARAMS) == D(repr(MAX_KELLY))
    assert wanted_share(kelly, TradeSide.SELL, GAINS, PARAMS) == 0


@pytest.mark.parametrize(
    ("wanted", "loss", "asked", "notional"),
    [
        ("0.05", None, None, "50"),
        ("0.5", None, None, "100"),
        ("0.5", "0.4", None, "50"),
        ("0.5", None, "30", "30"),
        ("-1", None, None, "0"),
    ],
)
def test_the_smallest_bound_sets_the_size(
    wanted: str, loss: str | None, asked: str | None, notional: str
) -> None:
    found = within(
        D(wanted),
        D(1000),
        None if loss is None else D(loss),
        None,
        PARAMS,
        asked=None if asked is None else D(asked),
    )
    assert found == D(notional)


def test_a_crisis_never_gives_more() -> None:
    calm, crisis = (
        within(D("0.05"), D(1000), None, regime, PARAMS, asked=None)
        for regime in (None, MarketRegime.CRISIS)
    )
    assert crisis < calm


def test_the_level_is_the_used_share_of_the_risk() -> None:
    assert level_of(None, PARAMS) is None
    assert level_of(D("0.004"), PARAMS) is RiskLevel.VERY_LOW
    assert level_of(D("0.0041"), PARAMS) is RiskLevel.LOW
    assert level_of(D("0.02"), PARAMS) is RiskLevel.VERY_HIGH
    assert level_of(D("0.021"), PARAMS) is RiskLevel.EXTREME
