"""Plots of costs: every number stands in the table behind the plot, with its unit and interval."""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.tca.analysis import TradeCost, analyse
from bot.tca.resampling import Estimate
from bot.tca.split import split_by_algorithm
from bot.tca.summary import by_algorithm
from console.pictures.picture import Dot
from console.reports.cost_plots import (
    bps,
    interval,
    predicted,
    progress,
    slippage,
    slippage_of,
    split_parts,
)
from console.reports.document import Note, Plot, Table
from tests.unit.bot.execution.tca.trades import child, part, trade


def made(price: str, algorithm: str = "twap", **changes: object) -> TradeCost:
    cost = analyse(trade(child(0, part("10", price, "1"))))
    return replace(cost, algorithm=algorithm, **changes)  # type: ignore[arg-type]


TRADES = [made("101"), made("103"), made("100", "pov")]


def test_slippage_has_a_row_with_an_interval_for_each_algorithm() -> None:
    plot = slippage(by_algorithm(TRADES))
    assert plot.table is not None
    names = [row[:2] for row in plot.table.rows]
    assert names == [("pov", "1"), ("twap", "2")]
    assert plot.table.rows[1][2] == "200.00 [100.00, 300.00]"
    assert plot.table.rows[0][2] == "0.00 (one trade)"
    assert "bps" in plot.picture.told
    assert len([mark for mark in plot.picture.marks if isinstance(mark, Dot)]) == 4


def test_no_trades_have_an_empty_plot_that_says_so() -> None:
    assert "no trades" in slippage([]).picture.told
    assert "no trades" in split_parts([], []).picture.told


def test_the_split_has_every_part_and_the_total() -> None:
    plot = split_parts(split_by_algorithm(TRADES), by_algorithm(TRADES))
    assert plot.table is not None
    twap = [row[1:] for row in plot.table.rows if row[0] == "twap"]
    assert [name for name, _ in twap] == [
        "timing", "spread", "impact", "opportunity", "fees", "total",
    ]  # fmt: skip
    assert dict(twap)["spread"] == "100.00 [100.00, 100.00]"
    assert dict(twap)["total"].startswith("210.00 [")
    assert plot.picture.told.startswith("mean cost in bps by cause: pov timing 0.00, spread 100.00")


def test_what_cannot_be_split_has_a_part_of_its_own() -> None:
    whole = analyse(trade(child(0, part("10", "103"), touch=None)))
    plot = split_parts(split_by_algorithm([whole]), by_algorithm([whole]))
    assert plot.table is not None
    assert ("twap", "spread and impact, not split", "300.00 (one trade)") in plot.table.rows


def test_predicted_and_measured_are_compared_by_algorithm_and_by_trade() -> None:
    plot, listed = predicted(TRADES)
    assert isinstance(plot, Plot) and plot.table is not None and isinstance(listed, Table)
    assert plot.table.rows[1][:3] == ("twap", "2", "3.00 [3.00, 3.00]")
    # The farthest from its prediction: 200 bps measured against 3.
    assert listed.rows[0] == ("r-1", "twap", "3.00", "200.00", "197.00")
    (note,) = predicted([made("101", expected_impact_bps=None)])
    assert isinstance(note, Note)


def test_progress_lists_the_orders_with_their_slippage() -> None:
    plot = progress(TRADES[0])
    assert plot.table is not None
    (row,) = plot.table.rows
    assert row[:4] == ("0", "0", "ioc", "filled")
    assert row[-1] == "100.00"
    unfilled = analyse(trade(child(0, touch=None))).children[0]
    assert slippage_of(unfilled) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (1.005, "1.00"), (-2.5, "-2.50"), (1e300, "1.000e+300"), (Decimal(3), "3.00")],
)
def test_bps_are_short(value: Decimal | float | None, text: str) -> None:
    assert bps(value) == text


def test_an_interval_says_when_it_has_one_value_only() -> None:
    assert interval(None) == "–"
    assert interval(Estimate(1.0, None, None, 1)) == "1.00 (one trade)"
    assert interval(Estimate(1.0, 0.5, 2.0, 9)) == "1.00 [0.50, 2.00]"
