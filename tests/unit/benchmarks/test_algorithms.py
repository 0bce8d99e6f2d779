"""Algorithms on one replayed market: exact sums, the same every time, nobody sees the future."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from benchmarks.algorithms import (
    FOLDER,
    RESTING,
    TRADES_ONLY,
    by_window,
    check_identity,
    run,
    summarised,
)
from benchmarks.support.contenders import Contest, Field, contenders
from benchmarks.support.recorded_windows import cut
from benchmarks.support.replayed_market import mid_at_start
from benchmarks.support.replaying import Order, work
from bot.execution.algorithms.stepping import Stepper, Touch
from bot.market.volume.files import read_folder
from bot.market.volume.learned import PooledRidge
from bot.market.volume.panel import FloatArray, IntArray, minute_of
from bot.market.volume.static import StaticCurve
from bot.tca.analysis import TradeCost
from models.enums import TradeSide
from tests.unit.benchmarks.support.recorded import START, SYMBOL, write

D = Decimal
MINUTES = 10
FIRST = minute_of(START) + 1450
NAMES = sorted(contenders())


def flat(minutes: IntArray, horizon: int) -> FloatArray:
    return np.full((len(minutes), horizon), 60.0)


@lru_cache(maxsize=1)
def field() -> Field:
    with TemporaryDirectory() as place:
        folder = write(Path(place))
        panel = read_folder(folder)
        window = cut(folder, panel, SYMBOL, FIRST, MINUTES)
    outlooks = {StaticCurve.name: flat, PooledRidge.name: flat}
    return Field(window, panel, outlooks, caution=1.1)


def contest(
    qty: str = "30", side: TradeSide = TradeSide.BUY, within: Field | None = None
) -> Contest:
    where = within or field()
    window, price = where.window, mid_at_start(where.window)
    limit = (price * (1 + side.sign * D("0.02"))).quantize(D("0.1"))
    deadline = window.start + timedelta(minutes=MINUTES)
    return Contest(where, Order(side, D(qty), limit, window.start, deadline), price)


def cost(name: str, at: Contest, **more: float) -> TradeCost:
    return work(at.window, at.order, name, contenders()[name](at), **more)


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


def test_a_larger_order_moves_the_price_more() -> None:
    small, large = (cost("twap", contest(qty)) for qty in ("3", "90"))
    assert small.cost.bps < large.cost.bps
    assert small.prices.decision == large.prices.decision


def test_makers_move_the_price_as_far_as_they_are_told_to() -> None:
    spared, full = (cost("passive", contest("60"), maker_impact=share) for share in (0.0, 1.0))
    assert spared.cost.bps < full.cost.bps
    assert spared.maker_share is not None and spared.maker_share > D("0.5")


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


def pairs(name: str) -> Iterator[TradeCost]:
    for side in TradeSide:
        yield cost(name, contest(side=side))


def test_a_window_counts_once_and_is_compared_with_itself() -> None:
    costs = {name: list(pairs(name)) for name in ("twap", "immediate")}
    rows = summarised(costs)
    assert rows["twap"]["against_twap_bps"] is None
    mean = {name: by_window(group) for name, group in costs.items()}
    assert len(mean["twap"]) == 1
    (key,) = mean["twap"]
    assert mean["twap"][key] == pytest.approx(sum(float(one.cost.bps) for one in costs["twap"]) / 2)
    difference = rows["immediate"]["against_twap_bps"]["value"]
    assert difference == pytest.approx(mean["immediate"][key] - mean["twap"][key])


def test_parts_that_do_not_add_up_end_the_benchmark() -> None:
    found = cost("immediate", contest())
    wrong = replace(found, cost=replace(found.cost, fees=found.cost.fees + D("1e-18")))
    with pytest.raises(ArithmeticError, match="immediate"):
        check_identity(wrong)


@pytest.mark.long
def test_on_recorded_bars_the_whole_table_is_made_and_all_of_it_is_paired() -> None:
    recordings = os.environ.get("MLRISK_RECORDINGS")
    if recordings is None or not (Path(recordings) / FOLDER).is_dir():
        pytest.skip("MLRISK_RECORDINGS holds no Bybit bars")
    result = run(
        Path(recordings) / FOLDER, windows_per_symbol=1, minutes=MINUTES, symbols=["ETHUSDT"]
    )
    rows = [*contenders(), *(f"{name}, {TRADES_ONLY}" for name in RESTING)]
    assert list(result["algorithms"]) == rows
    assert {row["windows"] for row in result["algorithms"].values()} == {1}
    assert len(result["trades"]) == 2 * len(rows)
    assert all(
        trade["window"] >= f"ETHUSDT {result['training'][1]:.16}" for trade in result["trades"]
    )
