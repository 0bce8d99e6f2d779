"""The risk of all positions together, and what is unknown of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from bot.risk.portfolio.kinds import AlertLevel
from bot.risk.portfolio.metrics import metrics_of, number, returns_of, values_of
from bot.risk.portfolio.parameters import RiskParameters
from tests.unit.bot.risk.cases import D

PARAMS = RiskParameters(max_portfolio_risk="0.02", max_correlation=0.8)
UP = [0.01, -0.02, 0.03, -0.01] * 20
DOWN = [-each for each in UP]


@dataclass
class Held:
    symbol: str
    qty: str
    mark: float


@pytest.mark.parametrize(
    "positions",
    [
        {"BTCUSDT": "200"},
        {"BTCUSDT": np.float64(200)},
        {"BTCUSDT": {"notional": 200}},
        {"BTCUSDT": {"size": "2", "entry_price": 100}},
        [Held("BTCUSDT", "2", 100.0)],
        [{"symbol": "BTCUSDT", "value": 150}, {"symbol": "BTCUSDT", "value": 50}],
    ],
)
def test_positions_are_read_in_any_form(positions: Any) -> None:
    assert values_of(positions) == {"BTCUSDT": D(200)}


@pytest.mark.parametrize("positions", [{"BTCUSDT": {"qty": 1}}, [{"value": 1}], {"BTCUSDT": "1e3"}])
def test_a_position_without_a_value_is_refused(positions: Any) -> None:
    with pytest.raises(ValueError, match=r"positions|number|plain|digits"):
        values_of(positions)


def test_a_hedge_takes_off_risk_and_concentration() -> None:
    returns = returns_of({"AUSDT": UP, "BUSDT": {"returns": UP}})
    alone = metrics_of({"AUSDT": D(500)}, returns, D(1000), PARAMS)
    found = metrics_of({"AUSDT": D(500), "BUSDT": D(-250)}, returns, D(1000), PARAMS)
    assert alone.expected_shortfall is not None and found.expected_shortfall is not None
    assert found.expected_shortfall < alone.expected_shortfall
    assert found.concentration_risk == pytest.approx(5 / 9)
    assert found.correlation_matrix["AUSDT"]["BUSDT"] == pytest.approx(1.0)
    assert any("move together" in alert.message for alert in found.alerts)


def test_one_unknown_symbol_makes_the_risk_unknown_and_says_so() -> None:
    returns = returns_of({"AUSDT": UP})
    found = metrics_of({"AUSDT": D(500), "BUSDT": D(1)}, returns, D(1000), PARAMS)
    assert (found.total_var, found.expected_shortfall, found.risk_score) == (None, None, None)
    assert any("unknown" in alert.message for alert in found.alerts)


def test_a_bad_day_beyond_the_limit_is_critical() -> None:
    found = metrics_of({"AUSDT": D(5000)}, returns_of({"AUSDT": UP}), D(1000), PARAMS)
    assert found.risk_score == 1.0
    assert AlertLevel.CRITICAL in {alert.level for alert in found.alerts}


def test_an_empty_portfolio_has_no_risk() -> None:
    found = metrics_of({}, {}, D(1000), PARAMS)
    assert (found.total_var, found.expected_shortfall, found.concentration_risk) == (0, 0, 0)


def test_a_number_is_plain_digits_or_a_floats_shortest_text() -> None:
    assert number(1e-7) == D("0.0000001")
    assert number(np.int64(3)) == D(3)
    with pytest.raises(ValueError):
        number("1e3")
