"""UnifiedRiskManager's two questions, and that nothing it answers exceeds a cap."""

from datetime import timedelta
from decimal import Decimal
from math import nan
from typing import Any

import pytest

from bot.clock import FixedClock
from bot.risk import (
    AlertLevel,
    MarketRegime,
    PositionSizeMethod,
    RiskLevel,
    RiskParameters,
    UnifiedRiskManager,
)
from models.enums import TradeSide
from tests.unit.bot.risk.cases import NOW, D

CALM = [0.002 if i % 2 else -0.0018 for i in range(90)]
ROUGH = [0.03 if i % 2 else -0.028 for i in range(90)]
METHODS = list(PositionSizeMethod)


def unified(**params: Any) -> UnifiedRiskManager:
    return UnifiedRiskManager(RiskParameters(**params), FixedClock(NOW))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("returns", [CALM, ROUGH], ids=["calm", "rough"])
async def test_every_method_stays_within_position_and_risk(
    method: PositionSizeMethod, returns: list[float]
) -> None:
    size, risk = await unified().calculate_position_size(
        "BTCUSDT", "buy", 100_000, returns, method=method
    )
    assert 0 < size <= 10_000
    assert risk.position_size == size
    assert risk.risk_amount is not None
    assert risk.risk_amount <= 2000
    assert risk.risk_level is not None
    assert risk.expected_shortfall == risk.risk_amount
    assert risk.risk_percentage == risk.risk_amount / 100_000


async def test_the_methods_are_the_originals() -> None:
    it = unified(max_position_size=1, max_portfolio_risk=1, regime_risk_multipliers={})

    async def size(method: str, returns: Any = ROUGH, side: str = "buy") -> Decimal:
        return (await it.calculate_position_size("X", side, 100_000, returns, method=method))[0]

    assert await size("kelly_criterion", CALM) == 25_000
    assert await size("kelly_criterion", CALM, "sell") == 0
    targeting, parity = await size("volatility_targeting"), await size("risk_parity")
    assert float(targeting / parity) == pytest.approx(7.5)
    assert await size("tax_optimized") == targeting
    assert await size("kelly_criterion", ROUGH[:29]) == 1000
    with pytest.raises(ValueError, match="martingale"):
        await size("martingale")


@pytest.mark.parametrize("returns", [[], [0.01] * 60, [0.01, nan] * 30, None, "text", [1]])
@pytest.mark.parametrize("method", METHODS)
async def test_returns_that_say_nothing_give_one_per_cent_and_unknown_risk(
    returns: Any, method: PositionSizeMethod
) -> None:
    size, risk = await unified().calculate_position_size("X", "sell", 100_000, returns, method)
    assert size == 1000
    assert (risk.var_1d, risk.volatility, risk.risk_level, risk.regime) == (None,) * 4


async def test_regimes_only_make_smaller_and_nothing_exceeds_what_was_asked() -> None:
    it = unified()

    async def size(regime: str, **more: Any) -> Decimal:
        it_is = await it.calculate_position_size("X", "buy", 100_000, CALM, regime=regime, **more)
        return it_is[0]

    assert await size("low_volatility") == await size("normal") == 10_000
    assert await size("crisis") == 5000
    assert await size("low_volatility", requested_size=700) == 700


async def test_a_stop_bounds_the_size() -> None:
    it = unified(max_position_size=1)
    size, risk = await it.calculate_position_size(
        "X", "buy", 100_000, CALM, price=100, stop_price=80, regime=MarketRegime.NORMAL
    )
    assert (size, risk.risk_amount, risk.risk_level) == (10_000, 2000, RiskLevel.VERY_HIGH)
    for more in ({"stop_price": 80}, {"stop_price": 120, "price": 100}):
        with pytest.raises(ValueError, match="stop_price"):
            await it.calculate_position_size("X", "buy", 100_000, CALM, **more)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="neither buy nor sell"):
        await it.calculate_position_size("X", "up", 100_000, CALM)


async def test_what_is_held_shows_its_tax_and_its_days() -> None:
    clock = FixedClock(NOW)
    it = UnifiedRiskManager(RiskParameters(), clock)
    it.record_fill("X", TradeSide.BUY, D(1), D(100))
    clock.move_to(NOW + timedelta(days=400))
    _, risk = await it.calculate_position_size(
        "X", "sell", 100_000, CALM, price=200, held_returns={"Y": CALM}
    )
    assert (risk.tax_impact, risk.cgt_discount_eligible, risk.hold_period) == (
        D("16.25"),
        True,
        400,
    )
    assert risk.correlation_risk == pytest.approx(1)


async def test_the_portfolio_is_measured_together() -> None:
    metrics = await unified().calculate_portfolio_risk(
        {"BTCUSDT": 60_000, "ETHUSDT": {"qty": "10", "price": 2000}},
        {"BTCUSDT": ROUGH, "ETHUSDT": {"returns": ROUGH}, "market": ROUGH},
    )
    assert metrics.total_var == pytest.approx(D(80_000) * D("0.028"))
    assert metrics.beta == pytest.approx(0.8)
    assert metrics.concentration_risk == pytest.approx(0.625)
    assert metrics.correlation_matrix["BTCUSDT"]["ETHUSDT"] == pytest.approx(1)
    assert (metrics.regime, metrics.risk_score) == (MarketRegime.CRISIS, 1.0)
    levels = {alert.level for alert in metrics.alerts}
    assert levels == {AlertLevel.WARNING, AlertLevel.CRITICAL}
    hedged = await unified().calculate_portfolio_risk(
        {"A": 50_000, "B": -49_000}, {"A": ROUGH, "B": ROUGH}
    )
    assert hedged.total_var == pytest.approx(28)


@pytest.mark.parametrize("returns", [None, [], [0.01] * 60, [nan] * 60, [0.01]])
async def test_a_symbol_without_readable_returns_makes_the_total_unknown(returns: Any) -> None:
    metrics = await unified().calculate_portfolio_risk(
        {"A": 1000, "B": 1000}, {"A": CALM, "B": returns}
    )
    if returns != [0.01] * 60:
        assert metrics.total_var is metrics.expected_shortfall is metrics.risk_score is None
        assert metrics.alerts[0].level is AlertLevel.WARNING
    assert metrics.correlation_matrix["A"]["B"] is None


async def test_no_position_risks_nothing_and_the_accounts_own_are_the_default() -> None:
    it = unified()
    assert (await it.calculate_portfolio_risk()).total_var == 0
    it.record_fill("X", TradeSide.BUY, D(10), D(100))
    assert (await it.calculate_portfolio_risk(market_data={"X": CALM})).total_var == pytest.approx(
        D("1.8")
    )
    with pytest.raises(ValueError, match=r"positions\.X"):
        await it.calculate_portfolio_risk({"X": {"qty": 1}})
