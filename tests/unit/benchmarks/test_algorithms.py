"""Costs of algorithms are added up exactly and compared window by window."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

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
from benchmarks.support.contenders import contenders
from bot.tca.analysis import TradeCost
from models.enums import TradeSide
from tests.unit.benchmarks.support.contests import MINUTES, D, contest, cost


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
