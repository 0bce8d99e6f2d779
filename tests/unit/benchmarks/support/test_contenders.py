"""Each contender fills its order exactly, the same every time, and sees no future."""

from dataclasses import replace
from datetime import datetime

import pytest

from benchmarks.algorithms import check_identity
from benchmarks.support.contenders import contenders
from benchmarks.support.replaying import work
from bot.execution.algorithms.stepping import Stepper, Touch
from bot.market.volume.learned import PooledRidge
from bot.market.volume.panel import FloatArray, IntArray, minute_of
from bot.market.volume.static import StaticCurve
from models.enums import TradeSide
from tests.unit.benchmarks.support.contests import FIRST, MINUTES, D, contest, cost, field, flat

NAMES = sorted(contenders())


@pytest.mark.parametrize("side", list(TradeSide))
@pytest.mark.parametrize("name", NAMES)
def test_every_algorithm_fills_its_order_exactly_in_time_and_within_its_limit(
    name: str, side: TradeSide
) -> None:
    at = contest(side=side)
    found = cost(name, at)
    check_identity(found)
    assert found.cost.filled == found.qty == at.order.qty
    assert found.fill_rate == 1
    fills = [fill for child in found.children for fill in child.fills]
    assert sum((fill.part.qty for fill in fills), D(0)) == at.order.qty
    assert all(at.order.start_at <= fill.executed_at < at.order.deadline_at for fill in fills)
    limit = at.order.price_limit
    assert all((limit - fill.part.price) * side.sign >= 0 for fill in fills)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_order_in_the_same_window_gives_the_same_trade(name: str) -> None:
    assert cost(name, contest()) == cost(name, contest())


def test_a_forecast_is_asked_for_no_minute_that_has_not_begun() -> None:
    asked: list[int] = []

    def noted(minutes: IntArray, horizon: int) -> FloatArray:
        asked.extend(minutes.tolist())
        return flat(minutes, horizon)

    where = replace(field(), outlooks={StaticCurve.name: flat, PooledRidge.name: noted})
    at = contest(within=where)
    stepper_at = contenders()["vwap learned"](at)

    def watched(moment: datetime, touch: Touch) -> Stepper:
        stepper = stepper_at(moment, touch)
        assert max(asked) <= minute_of(moment)
        return stepper

    work(at.window, at.order, "vwap learned", watched)
    assert sorted(set(asked)) == list(range(FIRST, FIRST + MINUTES))
