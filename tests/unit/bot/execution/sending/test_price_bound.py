"""No child's price is worse than its own bound and its parent's limit."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.execution.sending.price_bound import Pricing, bound, far_touch, worst_price
from bot.risk.limits import RiskLimits
from models.enums import TradeSide
from models.tables import ChildOrderRow, InstrumentRow, ParentOrderRow
from tests.unit.bot.risk.cases import NOW, limits, market

D = Decimal
RULES = InstrumentRow(symbol="BTCUSDT", tick_size=D("0.1"), qty_step=D("0.001"), min_notional=D(5))


def parent(side: str = "buy", limit: str = "30150", **changes: object) -> ParentOrderRow:
    row = ParentOrderRow(
        side=side, price_limit=D(limit), reduce_only=False, params={"fallback_limit": "30300"}
    )
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def child(**changes: object) -> ChildOrderRow:
    row = ChildOrderRow(style="ioc", price=None, bound_bps=None, qty=D("0.01"))
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def test_a_taker_is_bound_by_the_touch_and_the_slippage_limit() -> None:
    found = bound(parent(), child(), Pricing(market(), RULES, limits(max_slippage_bps=10.0), NOW))
    assert found == D("30030")


def test_the_parents_limit_is_never_passed() -> None:
    found = bound(parent(limit="30010"), child(), Pricing(market(), RULES, limits(), NOW))
    assert found == D("30010")
    sold = bound(parent("sell", "29990"), child(), Pricing(market(), RULES, limits(), NOW))
    assert sold == D("29990")


def test_a_resting_child_stays_at_its_price_while_the_limit_allows_it() -> None:
    resting = child(style="post_only", price=D("29990"))
    assert bound(parent(), resting, Pricing(market(), RULES, limits(), NOW)) == D("29990")
    assert bound(parent(limit="29980"), resting, Pricing(market(), RULES, limits(), NOW)) == D(
        "29980"
    )


def test_a_backup_plan_may_widen_the_bound_to_its_own_and_to_the_fallback_limit() -> None:
    wide = child(bound_bps=D(100))
    assert bound(parent(), wide, Pricing(market(), RULES, limits(), NOW)) == D("30300")
    narrow = parent(params={"fallback_limit": "30200"})
    assert bound(narrow, wide, Pricing(market(), RULES, limits(), NOW)) == D("30200")


@pytest.mark.parametrize(
    "view", [None, market(as_of=NOW - timedelta(seconds=60)), market(ask=None)]
)
def test_an_unknown_market_stops_what_adds_and_not_what_reduces(view: object) -> None:
    assert bound(parent(), child(), Pricing(view, RULES, limits(), NOW)) is None  # type: ignore[arg-type]
    exit_order = parent(reduce_only=True)
    assert bound(exit_order, child(), Pricing(view, RULES, limits(), NOW)) == D("30150")  # type: ignore[arg-type]
    resting = child(style="post_only", price=D("29990"))
    assert bound(exit_order, resting, Pricing(view, RULES, limits(), NOW)) == D("29990")  # type: ignore[arg-type]


def test_the_far_touch_is_what_the_side_pays() -> None:
    assert far_touch(TradeSide.BUY, market(), RiskLimits(), NOW) == D("30000")
    assert far_touch(TradeSide.SELL, market(), RiskLimits(), NOW) == D("29999.9")


@given(
    st.sampled_from(["buy", "sell"]),
    st.integers(290_000, 310_000),
    st.floats(0.1, 200),
    st.one_of(st.none(), st.integers(1, 100)),
)
def test_whatever_the_touch_no_price_is_worse_than_the_limit_and_all_are_on_the_tick(
    side: str, touch: int, slippage: float, own: int | None
) -> None:
    price = D(touch) / 10
    view = market(bid=price - D("0.1"), ask=price)
    limit = D("30150") if side == "buy" else D("29850")
    fallback = "30300" if side == "buy" else "29700"
    row = parent(side, str(limit), params={"fallback_limit": fallback})
    one = child(bound_bps=None if own is None else D(own))
    found = bound(row, one, Pricing(view, RULES, limits(max_slippage_bps=slippage), NOW))
    assert found is not None
    worst = limit if own is None else D(fallback)
    assert found <= worst if side == "buy" else found >= worst
    assert found % D("0.1") == 0


BANDED = InstrumentRow(
    symbol="BTCUSDT",
    tick_size=D("0.1"),
    qty_step=D("0.001"),
    min_notional=D(5),
    price_limit_x=D("0.002"),
    price_limit_y=D("0.004"),
)
CALM = {"mark": D("30000"), "index": D("30000")}


def test_an_entrys_bound_ends_at_the_venues_band() -> None:
    """0.2 % of the mark, and on the tick inside."""
    view = market(mark=D("30000.1"), index=D("30000"), ask=D("30050"))
    wide = limits(max_slippage_bps=100.0)
    assert bound(parent(), child(), Pricing(view, BANDED, wide, NOW)) == D("30060.1")
    sold = bound(parent("sell", "29000"), child(), Pricing(market(**CALM), BANDED, wide, NOW))
    assert sold == D("29940")


def test_a_resting_entry_ends_at_the_venues_band() -> None:
    for side, price, band in (("buy", "30100", "30060"), ("sell", "29900", "29940")):
        resting = child(style="post_only", price=D(price))
        row = parent(side, "30150" if side == "buy" else "29000")
        assert bound(row, resting, Pricing(market(**CALM), BANDED, limits(), NOW)) == D(band)
        assert bound(row, resting, Pricing(market(), RULES, limits(), NOW)) == D(price)


EXIT = {"bound_bps": "100", "widest_bps": "500", "limit": None}


def leaving(side: str = "sell", **changes: object) -> ParentOrderRow:
    """An exit that follows the market."""
    bounds = EXIT | changes
    return parent(
        side, "28500", reduce_only=True, reference_price=D("30000"), params={"exit": bounds}
    )


@given(
    st.sampled_from(["buy", "sell"]),
    st.integers(1, 600_000),
    st.one_of(st.none(), st.integers(1, 100_000)),
)
def test_an_exit_reaches_beyond_the_touch_of_now_by_its_bound_and_no_further(
    side: str, touch: int, own: int | None
) -> None:
    price = D(touch) / 10
    view = market(bid=price, ask=price + D("0.1"))
    at = price + D("0.1") if side == "buy" else price
    one = child(bound_bps=None if own is None else D(own))
    found = bound(leaving(side), one, Pricing(view, RULES, limits(), NOW))
    assert found is not None
    reach = D(min(own or 100, 500)) / 10_000
    assert found > 0
    assert found % D("0.1") == 0
    if side == "buy":
        assert at <= found + D("0.1")
        assert found <= at * (1 + reach)
    else:
        assert at * (1 - reach) <= found <= at + D("0.1")


def test_an_exit_reaches_up_to_the_venues_band_and_no_further() -> None:
    assert bound(leaving(), child(), Pricing(market(**CALM), BANDED, limits(), NOW)) == D("29940")
    near = child(bound_bps=D(10))
    assert bound(leaving(), near, Pricing(market(**CALM), BANDED, limits(), NOW)) == D("29970")


def test_an_exit_passes_the_operators_widest_bound_where_the_band_is_wider() -> None:
    rules = InstrumentRow(
        tick_size=D("0.1"),
        qty_step=D("0.001"),
        min_notional=D(5),
        price_limit_x=D("0.1"),
        price_limit_y=D("0.2"),
    )
    far = child(bound_bps=D(800))
    calm = market(**CALM, bid=D("30000"), ask=D("30000.1"))
    assert bound(leaving(), far, Pricing(calm, rules, limits(), NOW)) == D("27600")
    assert bound(leaving(), far, Pricing(calm, RULES, limits(), NOW)) == D("28500")
    old = market(as_of=NOW - timedelta(seconds=40), bid=D("28000"))
    assert bound(leaving(), far, Pricing(old, rules, limits(), NOW)) == D("26600")


def test_an_exit_without_a_fresh_touch_goes_by_the_last_one_then_by_its_reference() -> None:
    old = market(as_of=NOW - timedelta(seconds=40), bid=D("28000"))
    assert bound(leaving(), child(), Pricing(old, RULES, limits(), NOW)) == D("26600")
    assert bound(leaving(), child(), Pricing(None, RULES, limits(), NOW)) == D("28500")


def test_only_the_strategys_own_limit_holds_an_exit() -> None:
    assert bound(leaving(limit="29990"), child(), Pricing(market(), RULES, limits(), NOW)) == D(
        "29990"
    )
    assert worst_price(leaving(), child()) is None
    assert worst_price(leaving(limit="29990"), child()) == D("29990")


@pytest.mark.parametrize(
    ("side", "limit", "bid", "slippage", "expected"),
    [
        ("buy", "30200", "29800", 10.0, "30000"),
        ("sell", "29800", "30010", 50.0, "30000"),
        ("sell", "29800", "29900", 10.0, "29870.1"),
    ],
)
def test_a_bound_is_raised_to_what_is_worth_enough_where_that_still_trades(
    side: str, limit: str, bid: str, slippage: float, expected: str
) -> None:
    rules = InstrumentRow(
        symbol="BTCUSDT", tick_size=D("0.1"), qty_step=D("0.001"), min_notional=D(300)
    )
    view = market(bid=D(bid), ask=D(bid) + D("0.1"))
    few = limits(max_slippage_bps=slippage)
    assert bound(parent(side, limit), child(), Pricing(view, rules, few, NOW)) == D(expected)
