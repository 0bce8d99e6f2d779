"""Daily returns as pandas holds them, for decisions, sizes and metrics."""

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bot.clock import FixedClock
from bot.errors import BadMessage
from bot.risk import MLRiskManager, RiskParameters, TradeValidationResult, UnifiedRiskManager
from tests.support.documents.seed_document import RETURNS
from tests.unit.bot.risk.cases import NOW

PREDICTIONS = {
    "confidence": 0.95,
    "uncertainty": 0.05,
    "ensemble_agreement": 0.95,
    "stability": 0.95,
    "feature_importance_score": 0.9,
}
DAYS = pd.date_range("2026-01-01", periods=len(RETURNS))
SERIES = {
    "numbered": pd.Series(RETURNS),
    "dated": pd.Series(RETURNS, index=DAYS),
    "dated in a zone": pd.Series(RETURNS, index=DAYS.tz_localize("Europe/Berlin")),
    "of Decimals": pd.Series([Decimal(str(each)) for each in RETURNS], dtype=object),
    "nullable": pd.Series(RETURNS, dtype="Float64"),
    "as pct_change begins it": pd.Series([np.nan, *RETURNS]),
    "nullable, as pct_change begins it": pd.Series([None, *RETURNS], dtype="Float64"),
    "of Decimals, as pct_change begins it": pd.Series(
        [Decimal("NaN"), *(Decimal(str(each)) for each in RETURNS)], dtype=object
    ),
}


async def ask(returns: Any, **signal: Any) -> TradeValidationResult:
    manager = MLRiskManager(UnifiedRiskManager(RiskParameters(), FixedClock(NOW)))
    return await manager.validate_trade(
        "BTCUSDT",
        {"side": "buy", "position_size": "1000", **signal},
        {"volatility": 0.025, "portfolio_value": 100_000, "returns": returns},
        PREDICTIONS,
    )


@pytest.mark.parametrize("name", SERIES)
async def test_a_series_decides_as_the_same_list_does(name: str) -> None:
    listed, held = await ask(RETURNS), await ask(SERIES[name])
    assert held.is_approved
    risk = held.decision.check("trade_risk")
    assert "no daily returns" not in risk.sentence
    assert risk.value == listed.decision.check("trade_risk").value == "19"


@pytest.mark.parametrize("gap", [np.nan, np.inf, None, pd.NA, Decimal("NaN")], ids=repr)
async def test_what_is_no_number_inside_a_series_is_refused_with_its_place(gap: Any) -> None:
    broken = pd.Series([*RETURNS[:30], gap, *RETURNS[30:]], dtype=object)
    with pytest.raises(BadMessage) as caught:
        await ask(broken)
    assert [error.field for error in caught.value.errors] == ["market_data.returns.30"]


async def test_an_exit_is_not_held_up_by_a_gap() -> None:
    """It is denied or not for its position; nothing is taken from the returns."""
    broken = pd.Series([*RETURNS, np.nan, 0.01])
    result = await ask(broken, reduce_only=True, side="sell")
    assert any("no readable daily returns" in warning for warning in result.warnings)


async def test_hours_are_no_days() -> None:
    hourly = pd.Series(RETURNS, index=pd.date_range("2026-01-01", periods=60, freq="h"))
    result = await ask(hourly)
    assert any("no readable daily returns" in warning for warning in result.warnings)
    assert "no daily returns" in result.decision.check("trade_risk").sentence


@pytest.mark.parametrize("name", ["numbered", "dated", "dated in a zone", "of Decimals"])
async def test_a_series_is_sized_as_the_same_list(name: str) -> None:
    it = UnifiedRiskManager()
    size, risk = await it.calculate_position_size("BTCUSDT", "buy", 100_000, SERIES[name])
    assert (size, risk) == await it.calculate_position_size("BTCUSDT", "buy", 100_000, RETURNS)


@pytest.mark.parametrize("gap", [np.nan, pd.NA, Decimal("NaN")])
async def test_sizes_and_metrics_of_a_series_with_a_gap_are_unknown(gap: Any) -> None:
    """facts: "contain NaN … give "unknown", never an exception or infinity"."""
    broken = pd.Series([*RETURNS[:30], gap, *RETURNS[30:]], dtype=object)
    it = UnifiedRiskManager()
    _, risk = await it.calculate_position_size("BTCUSDT", "buy", 100_000, broken)
    assert (risk.volatility, risk.risk_level) == (None, None)
    metrics = await it.calculate_portfolio_risk({"BTCUSDT": 1000}, {"BTCUSDT": broken})
    assert (metrics.total_var, metrics.risk_score) == (None, None)


async def test_a_frame_is_its_columns() -> None:
    it = UnifiedRiskManager(RiskParameters(portfolio_value=100_000))
    frame = pd.DataFrame({"BTCUSDT": RETURNS, "market": RETURNS}, index=DAYS)
    listed = await it.calculate_portfolio_risk(
        {"BTCUSDT": 1000}, {"BTCUSDT": RETURNS, "market": RETURNS}
    )
    assert listed.beta is not None
    assert await it.calculate_portfolio_risk({"BTCUSDT": 1000}, frame) == listed
    nested = {"BTCUSDT": pd.DataFrame({"close": RETURNS, "returns": RETURNS}), "market": RETURNS}
    assert await it.calculate_portfolio_risk({"BTCUSDT": 1000}, nested) == listed
    for positions in (
        pd.Series({"BTCUSDT": 1000.0}),
        pd.DataFrame([{"symbol": "BTCUSDT", "value": 1000}]),
        pd.DataFrame([{"value": 1000.0}], index=["BTCUSDT"]),
    ):
        assert await it.calculate_portfolio_risk(positions, frame) == listed
    _, risk = await it.calculate_position_size(
        "ETHUSDT", "buy", 100_000, RETURNS, held_returns=frame[["BTCUSDT"]]
    )
    assert risk.correlation_risk == pytest.approx(1.0)


async def test_positions_without_a_symbol_are_refused() -> None:
    with pytest.raises(ValueError, match="symbol"):
        await UnifiedRiskManager().calculate_portfolio_risk([{"value": 1000}], {})


def test_parameters_of_numpy_are_the_numbers_that_they_show() -> None:
    given = RiskParameters(
        max_portfolio_risk=np.float64(0.02),
        max_position_size=np.float64(0.1),
        tax_rate=np.float32(0.25),
        portfolio_value=np.int64(5000),
        regime_risk_multipliers={"crisis": np.float32(0.5)},
    )
    plain = RiskParameters(
        max_portfolio_risk=0.02,
        max_position_size=0.1,
        tax_rate=0.25,
        portfolio_value=5000,
        regime_risk_multipliers={"crisis": 0.5},
    )
    assert given == plain
    assert given.caps() == plain.caps()
    assert UnifiedRiskManager(given).equity == 5000
    with pytest.raises(ValueError, match="max_portfolio_risk"):
        RiskParameters(max_portfolio_risk=np.float64("nan"))
