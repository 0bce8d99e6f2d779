"""Concentration, correlation and the number of positions are judged at their limits."""

from dataclasses import replace
from typing import Any

import pytest

from models.enums import CheckStatus
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import D, held
from tests.unit.bot.risk.checks.asking import (
    BUY,
    FAIL,
    PASS,
    SELL,
    asked,
    owning,
    works,
)

PORTFOLIOS = [
    ("open_positions", {"positions": tuple(held("1", f"S{i}USDT", "1") for i in range(9))}, PASS),
    ("open_positions", {"positions": tuple(held("1", f"S{i}USDT", "1") for i in range(10))}, FAIL),
    ("open_positions", {"positions": tuple(held("0", f"S{i}USDT", "1") for i in range(10))}, PASS),
    ("open_positions", {"working": (works("BTCUSDT", SELL, "1", "1"),)}, PASS),
    (
        "open_positions",
        {"working": tuple(works(f"S{i}USDT", BUY, "1", "1") for i in range(10))},
        FAIL,
    ),
]


@pytest.mark.parametrize(("name", "changes", "status"), PORTFOLIOS, ids=str)
def test_a_portfolio_is_judged_at_its_limits(
    name: str, changes: dict[str, Any], status: CheckStatus
) -> None:
    assert asked(name, snapshot=owning(**changes)).status is status


def test_what_moves_with_a_trade_depends_on_its_side() -> None:
    snapshot = owning(
        positions=(held("0.1", "ETHUSDT", "2000"), held("-0.2", "SOLUSDT", "100")),
        working=(
            works("ETHUSDT", BUY, "0.5", "1000"),
            works("SOLUSDT", SELL, "2", "200"),
            works("ETHUSDT", SELL, "9", "9000", only_reduces=True),
        ),
        correlations={"ETHUSDT": 0.8, "SOLUSDT": 0.9},
    )
    # A buy goes with the longs in ETH, a sell with the shorts in SOL.
    buying = asked("correlated_exposure", cases.intent(), snapshot)
    assert buying.value == "4200"
    selling = asked("correlated_exposure", cases.intent(side=SELL), snapshot)
    assert selling.value == "3220"
    assert asked("correlated_positions", cases.intent(), snapshot).value == "1"
    uncorrelated = replace(snapshot, correlations={"ETHUSDT": 0.79, "SOLUSDT": 0.0})
    assert asked("correlated_exposure", cases.intent(), uncorrelated).value == "3000"


def test_too_many_positions_that_move_together_are_refused() -> None:
    for count, status in ((3, PASS), (4, FAIL)):
        positions = tuple(held("1", f"S{i}USDT", "1") for i in range(count))
        correlations = {position.symbol: 1.0 for position in positions}
        snapshot = owning(positions=positions, correlations=correlations)
        assert asked("correlated_positions", snapshot=snapshot).status is status


def test_concentration_counts_once_the_book_is_large() -> None:
    lone = cases.limits(max_position_share=D("1"))
    small = owning(positions=(held("0.9"),))
    assert asked("concentration", snapshot=small, limits=lone).status is PASS
    large = owning(positions=(held("0.9001"),))
    result = asked("concentration", snapshot=large, limits=lone)
    assert (result.status, result.value) == (FAIL, "1")
    # Two equal holdings are two bets; adding to the smaller of two is never refused.
    even = owning(positions=(held("0.9"), held("1", "ETHUSDT", "30000")))
    assert float(asked("concentration", snapshot=even, limits=lone).value or 0) == pytest.approx(2)
    lopsided = owning(positions=(held("3", "ETHUSDT"),))
    assert asked("concentration", snapshot=lopsided, limits=lone).status is PASS
