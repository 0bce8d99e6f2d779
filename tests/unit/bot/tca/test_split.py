"""The cost by cause: the parts add up, and the spread is apart from the impact."""

from dataclasses import astuple, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.tca.analysis import TradeCost, analyse
from bot.tca.split import split, split_by_algorithm
from bot.tca.summary import by_algorithm
from tests.unit.bot.execution.tca.trades import child, part, trade

D = Decimal
PRICES = st.decimals("50", "150", places=2).map(str)
QUANTITIES = st.decimals("0.01", "5", places=2).map(str)


def made(price: str = "101", algorithm: str = "twap", *, maker: bool = False) -> TradeCost:
    cost = analyse(trade(child(0, part("10", price, "1", maker=maker))))
    return replace(cost, algorithm=algorithm)


def test_a_taker_pays_half_the_spread_and_the_rest_of_the_move_is_impact() -> None:
    # The mid is 100, the offer 101; it paid 103.
    parts = split(made("103"))
    assert parts.spread == D(100)
    assert parts.impact == D(200)
    assert parts.fees == D(10)
    assert parts.unsplit == parts.timing == parts.opportunity == 0


def test_a_maker_earns_half_the_spread() -> None:
    parts = split(made("99", maker=True))
    assert parts.spread == D(-100)
    assert parts.impact == 0


def test_without_the_market_at_the_sending_the_trading_part_stays_whole() -> None:
    parts = split(analyse(trade(child(0, part("10", "103"), touch=None))))
    assert parts.unsplit == D(300)
    assert parts.spread == parts.impact == 0


@given(st.lists(st.tuples(QUANTITIES, PRICES, st.booleans()), min_size=1, max_size=2), PRICES)
def test_the_parts_add_up_to_the_total(fills: list[tuple[str, str, bool]], decision: str) -> None:
    children = (
        child(n, part(qty, price, "0.5", maker=maker), sent=float(n))
        for n, (qty, price, maker) in enumerate(fills)
    )
    cost = analyse(trade(*children, decision=decision))
    assert float(sum(astuple(split(cost)))) == pytest.approx(float(cost.cost.bps), abs=1e-4)


def test_the_means_of_an_algorithm_add_up_to_its_mean_total() -> None:
    costs = [made("101"), made("104", maker=True), made("99", "pov")]
    for one, summary in zip(split_by_algorithm(costs), by_algorithm(costs), strict=True):
        assert (one.algorithm, one.trades) == (summary.algorithm, summary.trades)
        assert one.split == one.trades
        parts = (one.timing, one.spread, one.impact, one.unsplit, one.opportunity, one.fees)
        assert sum(part.value for part in parts) == pytest.approx(summary.total_bps.value)


def test_trades_under_way_are_left_out() -> None:
    assert split_by_algorithm([replace(made(), is_final=False)]) == []
