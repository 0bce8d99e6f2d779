"""The shortfall's parts add up to the last digit, for both sides and any fills."""

from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Refused
from bot.tca.shortfall import FillPart, Prices, in_bps, maker_share, shortfall
from models.amounts import middle
from models.enums import TradeSide

D = Decimal
ROWS: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[3] / "scenarios" / "execution.yaml").read_text()
)["shortfall"]

prices = st.decimals(D("0.000001"), D("999999"), places=18)
quantities = st.decimals(D("0.000001"), D("9999999"), places=18)
fees = st.decimals(D(-1000), D(1000), places=18)
parts = st.lists(st.builds(FillPart, quantities, prices, fees, st.booleans()), max_size=8)


@pytest.mark.parametrize("row", ROWS)
def test_every_row_of_the_scenarios_comes_out_to_the_last_digit(row: dict[str, Any]) -> None:
    filled, average = D(row["filled"]), D(row["avg"])
    fee = filled * average * D(str(row["fee_rate"]))
    cost = shortfall(
        TradeSide(row["side"]),
        D(row["qty"]),
        Prices(D(row["decision"]), D(row["first_order"]), D(row["end"])),
        [FillPart(filled, average, fee)],
    )
    for name in ("delay", "trading", "opportunity", "fees", "total"):
        assert getattr(cost, name) == D(row[name]), name
    assert cost.bps.quantize(D("0.01")) == D(str(row["bps"]))
    assert (cost.filled, cost.average) == (filled, average)


@given(st.sampled_from(TradeSide), quantities, prices, prices, prices, parts)
def test_the_parts_add_up_exactly_for_any_fills(
    side: TradeSide,
    qty: Decimal,
    decision: Decimal,
    first: Decimal,
    end: Decimal,
    fills: list[FillPart],
) -> None:
    cost = shortfall(side, qty, Prices(decision, first, end), fills)
    with localcontext(prec=400):
        assert cost.delay + cost.trading + cost.opportunity + cost.fees == cost.total
        paper = sum((f.qty * f.price for f in fills), D(0)) - cost.filled * decision
        left = max(D(0), qty - cost.filled)
        assert cost.total == side.sign * (paper + left * (end - decision)) + cost.fees


@given(quantities, prices, prices, prices, parts)
def test_what_a_buy_pays_a_sell_earns(
    qty: Decimal, decision: Decimal, first: Decimal, end: Decimal, fills: list[FillPart]
) -> None:
    bought = shortfall(TradeSide.BUY, qty, Prices(decision, first, end), fills)
    sold = shortfall(TradeSide.SELL, qty, Prices(decision, first, end), fills)
    for name in ("delay", "trading", "opportunity"):
        assert getattr(bought, name) == getattr(sold, name).copy_negate(), name
    assert bought.fees == sold.fees


@given(st.sampled_from(TradeSide), prices, prices, parts.filter(bool))
def test_a_trade_in_pieces_costs_what_it_costs_as_one(
    side: TradeSide, decision: Decimal, first: Decimal, fills: list[FillPart]
) -> None:
    with localcontext(prec=400):
        qty = sum((f.qty for f in fills), D(0))
        whole = shortfall(side, qty, Prices(decision, first, None), fills)
        pieces = [shortfall(side, f.qty, Prices(decision, first, None), [f]) for f in fills]
        assert sum((p.total for p in pieces), D(0)) == whole.total
        assert sum((p.trading for p in pieces), D(0)) == whole.trading


def test_nothing_filled_costs_only_the_opportunity() -> None:
    cost = shortfall(TradeSide.SELL, D(10), Prices(D(100), D(101), D(99)), [])
    parts = (cost.delay, cost.trading, cost.opportunity, cost.fees)
    assert parts == (D(0), D(0), D(10), D(0))
    assert (cost.bps, cost.average) == (D(100), None)


def test_an_unfilled_part_without_an_end_price_is_refused() -> None:
    with pytest.raises(Refused, match="price at the end is missing"):
        shortfall(TradeSide.BUY, D(2), Prices(D(1), D(1), None), [FillPart(D(1), D(1), D(0))])


@pytest.mark.parametrize("bad", [D(0), D(-1), D("NaN"), D("Infinity")])
def test_a_price_that_is_none_is_refused(bad: Decimal) -> None:
    with pytest.raises(Refused, match="decision price must be positive"):
        shortfall(TradeSide.BUY, D(2), Prices(bad, D(1), D(1)), [])


def test_more_filled_than_approved_leaves_no_opportunity() -> None:
    fills = [FillPart(D(3), D(101), D(0))]
    cost = shortfall(TradeSide.BUY, D(2), Prices(D(100), D(100), D(500)), fills)
    assert (cost.opportunity, cost.total) == (D(0), D(3))


def test_maker_share_weighs_by_quantity() -> None:
    rested, taken = FillPart(D(3), D(1), D(0), True), FillPart(D(1), D(1), D(0))
    assert maker_share([rested, taken]) == D("0.75")
    assert maker_share([]) is None


def test_the_middle_is_exact_and_bps_are_of_the_base() -> None:
    assert middle(D("0.1"), D("0.2")) == D("0.15")
    assert in_bps(D("1"), D("1000")) == D(10)
