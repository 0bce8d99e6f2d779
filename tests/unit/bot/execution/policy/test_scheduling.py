"""From an approved trade to a schedule: horizons, intervals and the smallest exits."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.errors import Infeasible
from bot.execution.policy.exit_bounds import CLOSES_POSITION
from bot.execution.policy.scheduling import (
    DEFAULT_HORIZON_SECONDS,
    ApprovedTrade,
    Scheduled,
    lowest_price,
    schedule_for,
)
from bot.risk.decision import Decision
from bot.risk.gate import evaluate
from models.enums import Algorithm, TradeSide
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import NOW, D

PRICE = D(30000)


def decided(**changes: Any) -> Decision:
    return replace(evaluate(cases.intent(), cases.snapshot(), cases.LIMITS), **changes)


def scheduled(algorithm: Algorithm, decision: Decision, **wish: Any) -> Scheduled:
    trade = cases.intent(**wish)
    approved = ApprovedTrade(
        trade, decision, cases.market(), cases.instrument(), PRICE, cases.LIMITS
    )
    return schedule_for(algorithm, approved)


def test_a_twap_that_names_no_times_has_the_default_ones() -> None:
    found = scheduled(Algorithm.TWAP, decided())
    assert found.horizon_seconds == DEFAULT_HORIZON_SECONDS
    assert [each.offset_seconds for each in found.schedule.slices] == [0, 5, 10, 15, 20, 25]
    assert found.qty == D("0.1")


def test_an_interval_that_makes_too_many_slices_is_refused_to_an_entry_and_adapted_to_an_exit() -> (
    None
):
    times = {"horizon_seconds": 600.0, "interval_seconds": 0.1, "expires_at": None}
    with pytest.raises(Infeasible, match="max_slices"):
        scheduled(Algorithm.TWAP, decided(), **times)
    exits = scheduled(Algorithm.TWAP, decided(reduce_only=True), **times)
    assert 0 < len(exits.schedule.slices) <= cases.LIMITS.max_slices


def test_an_exits_horizon_ends_before_its_expiry() -> None:
    soon = NOW + timedelta(seconds=40)
    found = scheduled(
        Algorithm.TWAP, decided(reduce_only=True), horizon_seconds=600.0, expires_at=soon
    )
    assert max(each.offset_seconds for each in found.schedule.slices) < 40


def test_an_exit_under_the_venues_minimum_closes_the_position_in_one_piece() -> None:
    found = scheduled(Algorithm.TWAP, decided(reduce_only=True, approved_qty=D("0.0004")))
    assert found.params == {CLOSES_POSITION: True}
    assert [each.qty for each in found.schedule.slices] == [D("0.0004")]


def test_a_stepped_trade_has_its_parameters_and_no_slices() -> None:
    found = scheduled(Algorithm.ICEBERG, decided(), horizon_seconds=60.0)
    assert found.stepped
    assert found.schedule.slices == ()
    assert found.params["horizon_seconds"] == 60.0


def test_a_stepped_trade_under_the_minimum_is_refused_by_its_size() -> None:
    with pytest.raises(Infeasible, match="position_size is too small"):
        scheduled(Algorithm.ICEBERG, decided(approved_qty=D("0.0001")), horizon_seconds=60.0)


@pytest.mark.parametrize(
    ("side", "limit", "lowest"),
    [
        (TradeSide.BUY, None, "29850"),
        (TradeSide.BUY, "29000", "29000"),
        (TradeSide.SELL, "29900", "29900"),
        (TradeSide.SELL, "29000", "29850"),
    ],
)
def test_the_lowest_price_is_the_bound_or_the_strategys_own(
    side: TradeSide, limit: str | None, lowest: str
) -> None:
    wish = cases.intent(side=side, limit_price=None if limit is None else D(limit))
    assert lowest_price(wish, PRICE, cases.limits(max_slippage_bps=50.0)) == D(lowest)
