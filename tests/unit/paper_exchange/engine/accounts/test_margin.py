"""Risk tiers and margin formulas."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from paper_exchange.engine.accounts.margin import risk_tiers, tier_for
from paper_exchange.engine.settings import EngineSettings
from paper_exchange.types import InstrumentSpec

D = Decimal
SPEC = InstrumentSpec("linear", "X", "X", "USDT", D(1), D(1), D(1), D(9), D(9), D(5))
SETTINGS = EngineSettings()


def maintenance(value: Decimal) -> Decimal:
    tier = tier_for(value, SPEC, SETTINGS)
    return value * tier.maintenance_rate - tier.deduction


@given(number=st.integers(1, 49))
def test_maintenance_margin_is_continuous_where_tiers_meet(number: int) -> None:
    edge = SETTINGS.risk_tier_value * number
    jump = maintenance(edge + D("0.01")) - maintenance(edge)
    assert 0 < jump < D("0.01")


def test_the_first_tier_is_bybits_for_a_hundredfold_leverage() -> None:
    first = risk_tiers(SPEC, SETTINGS)[0]
    assert (first.maintenance_rate, first.initial_rate) == (D("0.005"), D("0.01"))
    assert (first.limit, first.max_leverage, first.deduction) == (D(2_000_000), D(100), D(0))


def test_position_margin_is_value_over_leverage_plus_the_fee_to_close(desk: Any) -> None:
    desk.mark("100")
    desk.create("Buy", "1")
    row = desk.position()
    fee = 100 * D("0.9") * D("0.00055")
    assert D(row["positionIM"]) == 10 + fee
    assert D(row["positionMM"]) == D("0.5") + fee


def test_orders_need_margin_for_the_worse_side_only(desk: Any) -> None:
    desk.mark("100")
    desk.create("Buy", "1", "99")
    one = D(desk.engine.wallet("u1")["totalInitialMargin"])
    desk.create("Sell", "0.5", "101")
    assert D(desk.engine.wallet("u1")["totalInitialMargin"]) == one
    desk.create("Sell", "1.5", "101")
    assert D(desk.engine.wallet("u1")["totalInitialMargin"]) > 2 * one
