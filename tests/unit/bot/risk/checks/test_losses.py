"""Losses, streaks, rates and the age of the portfolio are judged at their limits."""

from typing import Any

import pytest

from models.enums import CheckStatus
from tests.unit.bot.risk.cases import D
from tests.unit.bot.risk.checks.asking import (
    FAIL,
    PASS,
    UNKNOWN,
    ago,
    asked,
    owning,
)

PORTFOLIOS = [
    ("portfolio_age", {"as_of": ago(30)}, PASS),
    ("portfolio_age", {"as_of": ago(30.1)}, FAIL),
    ("portfolio_age", {"as_of": ago(-2)}, PASS),
    ("portfolio_age", {"as_of": None}, UNKNOWN),
    ("portfolio_age", {"as_of": ago(-2.1)}, UNKNOWN),
    ("daily_loss", {"equity": D("97000.01")}, PASS),
    ("daily_loss", {"equity": D("97000.00")}, FAIL),
    ("daily_loss", {"equity_day_start": None}, UNKNOWN),
    ("rolling_loss", {"equity": D("95000.01"), "rolling_pnl_24h": D("-4999.99")}, PASS),
    ("rolling_loss", {"equity": D("95000"), "rolling_pnl_24h": D("-5000")}, FAIL),
    ("rolling_loss", {"rolling_pnl_24h": None}, UNKNOWN),
    ("drawdown", {"equity": D("90000.01")}, PASS),
    ("drawdown", {"equity": D("90000")}, FAIL),
    ("drawdown", {"equity_peak": None}, UNKNOWN),
    ("consecutive_losses", {"consecutive_losses": 4}, PASS),
    ("consecutive_losses", {"consecutive_losses": 5}, FAIL),
    ("consecutive_losses", {"consecutive_losses": None}, UNKNOWN),
    ("order_rate", {"orders_last_second": 9}, PASS),
    ("order_rate", {"orders_last_second": 10}, FAIL),
    ("order_rate", {"orders_last_second": None}, UNKNOWN),
    ("repeated_orders", {"same_orders_last_minute": 4}, PASS),
    ("repeated_orders", {"same_orders_last_minute": 5}, FAIL),
    ("repeated_orders", {"same_orders_last_minute": None}, UNKNOWN),
]


@pytest.mark.parametrize(("name", "changes", "status"), PORTFOLIOS, ids=str)
def test_a_portfolio_is_judged_at_its_limits(
    name: str, changes: dict[str, Any], status: CheckStatus
) -> None:
    assert asked(name, snapshot=owning(**changes)).status is status
