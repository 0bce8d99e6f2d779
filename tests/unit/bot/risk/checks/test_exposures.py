"""A portfolio is judged at its limits: size, leverage, concentration, correlation."""

from typing import Any

import pytest

from models.enums import CheckStatus
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import D, held
from tests.unit.bot.risk.checks.asking import (
    FAIL,
    PASS,
    UNKNOWN,
    asked,
    owning,
)

PORTFOLIOS = [
    ("position_size", {"positions": (held("0.2333"),)}, PASS),
    ("position_size", {"positions": (held("0.2334"),)}, FAIL),
    ("position_size", {"positions": (held("-0.05"),)}, PASS),
    ("gross_exposure", {"positions": (held("-3.2333", "ETHUSDT"),)}, PASS),
    ("gross_exposure", {"positions": (held("-3.2334", "ETHUSDT"),)}, FAIL),
    ("reservation_share", {"strategy_reserved": D("47000")}, PASS),
    ("reservation_share", {"strategy_reserved": D("47000.01")}, FAIL),
    ("reservation_share", {"strategy_reserved": D("-1")}, UNKNOWN),
    ("reservation_share", {"strategy_reserved": D("Infinity")}, UNKNOWN),
    ("net_exposure", {"positions": (held("1.9", "ETHUSDT"),)}, PASS),
    ("net_exposure", {"positions": (held("1.9001", "ETHUSDT"),)}, FAIL),
    ("net_exposure", {"positions": (held("-3", "ETHUSDT"),)}, PASS),
]


@pytest.mark.parametrize(("name", "changes", "status"), PORTFOLIOS, ids=str)
def test_a_portfolio_is_judged_at_its_limits(
    name: str, changes: dict[str, Any], status: CheckStatus
) -> None:
    assert asked(name, snapshot=owning(**changes)).status is status


def test_limits_are_shares_of_equity_and_leverage_is_a_multiple_of_it() -> None:
    half = cases.limits(max_gross_exposure_share=D("0.5"), max_net_exposure_share=D("0.25"))
    assert asked("gross_exposure", limits=half).limit == "50000"
    assert asked("net_exposure", limits=half).limit == "25000"
    assert asked("position_size").limit == "10000"
    assert asked("correlated_exposure").limit == "30000"
    snapshot = owning(positions=(held("1", "ETHUSDT", "30000"),))
    result = asked("leverage", snapshot=snapshot)
    assert (result.value, result.limit, result.cap) == ("0.33", "3", D("270000"))
    result = asked("liquidation_distance", snapshot=snapshot)
    assert float(result.value or 0) == pytest.approx(100 / 33 - 0.005)
