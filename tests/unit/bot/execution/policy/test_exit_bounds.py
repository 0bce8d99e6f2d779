"""Price bounds of exits are kept with the parent and come back as they were."""

import json

import pytest

from bot.execution.policy.exit_bounds import ExitBounds, exit_bounds, nearest_tick
from models.enums import TradeSide
from tests.unit.bot.risk.cases import D, intent, limits


@pytest.mark.parametrize("limit", [None, D("29999.90")])
def test_bounds_survive_the_way_through_a_row(limit: object) -> None:
    bounds = ExitBounds(D("12.5"), D(300), limit)  # type: ignore[arg-type]
    stored = json.loads(json.dumps({"exit": bounds.stored()}))
    assert ExitBounds.of(stored) == bounds
    assert bounds.widest_share == D("0.03")


def test_a_parent_that_adds_risk_has_none() -> None:
    assert ExitBounds.of({}) is None


def test_the_strategys_own_limit_is_put_on_the_grid_on_its_side() -> None:
    for side, price in ((TradeSide.BUY, "30000.1"), (TradeSide.SELL, "30000.2")):
        made = exit_bounds(intent(side=side, limit_price=D("30000.17")), D("0.1"), limits())
        assert made.limit == D(price)
    assert exit_bounds(intent(), D("0.1"), limits()).limit is None


def test_no_rounding_makes_a_price_of_nothing() -> None:
    assert nearest_tick(D("0.04"), D("0.1"), TradeSide.BUY) == D("0.1")
    assert nearest_tick(D("0.04"), D("0.1"), TradeSide.SELL) == D("0.1")
