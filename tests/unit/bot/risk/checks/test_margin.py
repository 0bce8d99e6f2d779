"""Margin, leverage and the distance to liquidation are judged at their limits."""

from dataclasses import replace
from typing import Any

import pytest

from bot.risk.snapshot import PositionView
from models.enums import CheckStatus, TradeSide
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
    ("free_margin", {"available_margin": D("3007.6")}, PASS),
    ("free_margin", {"available_margin": D("3007.5")}, FAIL),
    ("free_margin", {"available_margin": None}, UNKNOWN),
    ("free_margin", {"available_margin": D("301"), "leverage": D("10")}, PASS),
    ("free_margin", {"available_margin": D("300"), "leverage": D("10")}, FAIL),
    ("free_margin", {"leverage": D("1")}, PASS),
    ("free_margin", {"leverage": D("0.5")}, UNKNOWN),
    ("free_margin", {"leverage": D("Infinity")}, UNKNOWN),
    ("leverage", {"equity": D("0")}, UNKNOWN),
    ("leverage", {"positions": (held("9.9", "ETHUSDT"),)}, PASS),
    ("leverage", {"positions": (held("9.9001", "ETHUSDT"),)}, FAIL),
    ("liquidation_distance", {"positions": (held("30", "ETHUSDT"),)}, PASS),
    ("liquidation_distance", {"positions": (held("32", "ETHUSDT"),)}, FAIL),
]


@pytest.mark.parametrize(("name", "changes", "status"), PORTFOLIOS, ids=str)
def test_a_portfolio_is_judged_at_its_limits(
    name: str, changes: dict[str, Any], status: CheckStatus
) -> None:
    assert asked(name, snapshot=owning(**changes)).status is status


@pytest.mark.parametrize("side", TradeSide)
@pytest.mark.parametrize("distance", ["0.10", "0.0999"])
def test_the_exchanges_liquidation_price_counts_on_both_sides(
    side: TradeSide, distance: str
) -> None:
    price = D("30000") * (1 - side.sign * D(distance))
    position = PositionView("BTCUSDT", D("0.1") * side.sign, D("30000"), liquidation_price=price)
    status = asked(
        "liquidation_distance", cases.intent(side=side), owning(positions=(position,))
    ).status
    assert status is (PASS if distance == "0.10" else FAIL)


def test_a_liquidation_price_may_be_required_and_must_be_readable() -> None:
    bare = owning(positions=(held("0.1"),))
    assert asked("liquidation_distance", snapshot=bare).status is PASS
    strict = cases.limits(require_liquidation_price=True)
    assert asked("liquidation_distance", snapshot=bare, limits=strict).status is UNKNOWN
    odd = replace(held("0.1"), liquidation_price=D("NaN"))
    assert asked("liquidation_distance", snapshot=owning(positions=(odd,))).status is UNKNOWN
    elsewhere = owning(positions=(held("0.1", "ETHUSDT"),))
    assert asked("liquidation_distance", snapshot=elsewhere, limits=strict).status is PASS
