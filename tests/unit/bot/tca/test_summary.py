"""Summaries by algorithm, and algorithms compared window by window."""

import random
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.errors import Refused
from bot.tca.analysis import TradeCost, analyse
from bot.tca.summary import by_algorithm, paired_difference
from tests.unit.bot.execution.tca.trades import child, part, trade

D = Decimal


def cost(algorithm: str, price: str, filled: str = "10", *, maker: bool = False) -> TradeCost:
    made = analyse(trade(child(0, part(filled, price, "1", maker=maker))))
    return replace(made, algorithm=algorithm)


def test_each_algorithm_gets_its_own_line_in_order() -> None:
    costs = [cost("twap", "101"), cost("immediate", "102"), cost("twap", "103", maker=True)]
    immediate, twap = by_algorithm(costs)
    assert (immediate.algorithm, immediate.trades) == ("immediate", 1)
    assert (twap.algorithm, twap.trades, twap.notional) == ("twap", 2, D(2000))
    assert twap.cost == D(42)
    assert twap.weighted_bps == D(210)
    assert twap.total_bps.value == pytest.approx(210.0)
    assert twap.total_bps.low == pytest.approx(110.0)
    assert twap.total_bps.high == pytest.approx(310.0)
    assert twap.fees_bps.value == pytest.approx(10.0)
    assert twap.maker_share == D("0.5")
    assert twap.vwap_bps is None


def test_the_parts_means_add_up_to_the_totals_mean() -> None:
    (one,) = by_algorithm([cost("twap", p, f) for p, f in (("101", "10"), ("99", "4"))])
    parts = (one.delay_bps, one.trading_bps, one.opportunity_bps, one.fees_bps)
    assert sum(part.value for part in parts) == pytest.approx(one.total_bps.value)
    assert one.fill_rate == D("0.7")


def test_no_trades_give_no_summary() -> None:
    assert by_algorithm([]) == []


def test_pairs_show_a_gain_that_single_orders_hide_in_noise() -> None:
    chance = random.Random(11)
    windows = {f"w-{i}": chance.gauss(0.0, 46.0) for i in range(60)}
    first = {key: noise + chance.gauss(-1.0, 0.5) for key, noise in windows.items()}
    found = paired_difference(first, windows)
    assert found.value == pytest.approx(-1.0, abs=0.25)
    assert found.high is not None and found.high < 0.0


def test_windows_that_ran_with_one_algorithm_only_are_refused_by_name() -> None:
    with pytest.raises(Refused, match="not paired: b"):
        paired_difference({"a": 1.0, "b": 2.0}, {"a": 1.0})


def test_a_trade_under_way_is_no_part_of_the_summary() -> None:
    working = replace(cost("twap", "101", "1"), is_final=False)
    (one,) = by_algorithm([working, cost("twap", "101")])
    assert (one.trades, one.fill_rate) == (1, D(1))
