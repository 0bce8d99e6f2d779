"""A trade's costs from its orders: children and parent agree, and nothing is guessed."""

from decimal import Decimal, localcontext

from hypothesis import given
from hypothesis import strategies as st

from bot.tca.analysis import analyse
from bot.tca.shortfall import FillPart
from bot.tca.trade import Child, Fill
from models.enums import TradeSide
from tests.unit.bot.execution.tca.trades import at, child, minutes, part, trade

D = Decimal
values = st.decimals(D("0.001"), D(99999), places=12)
fill_parts = st.builds(FillPart, values, values, st.decimals(D(-9), D(9), places=12), st.booleans())
touches = st.one_of(st.none(), st.tuples(values, values).map(lambda t: (str(min(t)), str(max(t)))))


@given(
    st.sampled_from(TradeSide),
    values,
    values,
    st.lists(st.tuples(st.lists(fill_parts, max_size=3), touches), max_size=4),
)
def test_the_childrens_costs_and_the_opportunity_are_the_parents_cost(
    side: TradeSide,
    qty: Decimal,
    decision: Decimal,
    rows: list[tuple[list[FillPart], tuple[str, str] | None]],
) -> None:
    children = [child(i, *parts, sent=i, touch=touch) for i, (parts, touch) in enumerate(rows)]
    cost = analyse(trade(*children, side=side, qty=str(qty), decision=str(decision)))
    with localcontext(prec=400):
        whole = cost.cost
        assert whole.delay + whole.trading + whole.opportunity + whole.fees == whole.total
        summed = sum((one.cost.total for one in cost.children), D(0))
        assert summed + whole.opportunity == whole.total
        assert all(one.cost.opportunity == 0 for one in cost.children)


def test_delay_counts_from_the_first_order_by_time_not_by_slot() -> None:
    late = child(0, part("5", "112"), sent=9, touch=("109", "111"))
    first = child(1, part("5", "103"), sent=1, touch=("101", "103"))
    cost = analyse(trade(late, first))
    assert cost.prices.first_order == D(102)
    assert cost.cost.delay == D(20)


def test_taking_at_the_touch_is_no_impact_and_resting_there_neither() -> None:
    taken = analyse(trade(child(0, part("10", "101"))))
    assert taken.cost.trading == D(10)
    assert taken.realised_impact_bps == D(0)
    rested = analyse(trade(child(0, part("10", "99", maker=True))))
    assert (rested.cost.trading, rested.realised_impact_bps) == (D(-10), D(0))
    assert rested.maker_share == D(1)


def test_walking_beyond_the_touch_is_impact_for_buyer_and_seller_alike() -> None:
    bought = analyse(trade(child(0, part("10", "102"))))
    sold = analyse(trade(child(0, part("10", "98")), side=TradeSide.SELL))
    assert bought.realised_impact_bps == sold.realised_impact_bps == D(100)
    assert bought.impact_point is not None
    assert (bought.impact_point.impact, bought.impact_point.filled) == (0.01, 1000.0)


def test_a_filled_order_without_a_stored_market_leaves_the_impact_unknown() -> None:
    cost = analyse(trade(child(0, part("5", "101")), child(1, part("5", "101"), touch=None)))
    assert cost.realised_impact_bps is None and cost.impact_point is None
    assert cost.children[1].half_spread_bps is None


def test_the_unfilled_part_is_worth_the_best_known_price_at_the_end() -> None:
    half = child(0, part("4", "101"), touch=("100", "102"))
    assert analyse(trade(half), minutes("105", "110")).end_basis == "market at the end"
    assert analyse(trade(half), minutes("105", "110")).cost.opportunity == D(60)
    assert analyse(trade(half)).end_basis == "mid at the last order"
    assert analyse(trade(half)).cost.opportunity == D(6)
    bare = child(0, part("4", "103"), touch=None)
    assert analyse(trade(bare)).end_basis == "last fill"
    assert analyse(trade(child(0, sent=None))).end_basis.startswith("unknown")


def test_the_market_is_measured_from_the_first_order_to_the_last_fill() -> None:
    early, late = child(0, part("5", "100"), sent=30), child(1, part("5", "104"), sent=89.9)
    cost = analyse(trade(early, late), minutes("100", "104", "103", *["101"] * 6))
    assert (cost.market.vwap, cost.market.vwap_bps) == (D(102), D(0))
    assert cost.market.participation == D("0.166667")
    # 104 at 12:01:30, 103 a minute later, 101 after five: the buyer's price came back.
    assert cost.market.reversion_1m_bps == D("96.153846")
    assert cost.market.reversion_5m_bps == D("288.461538")


def test_an_order_of_a_moment_is_a_share_of_a_whole_minute() -> None:
    cost = analyse(trade(child(0, part("10", "100"))), minutes("100", volume="60"))
    assert cost.market.participation == D("0.166667")
    assert cost.children[0].market.participation == D("0.166667")


def test_each_order_has_its_own_impact_from_its_own_arrival() -> None:
    resting = child(0, part("5", "99", maker=True), qty="5")
    crossing = child(1, part("5", "104"), touch=("101", "103"), sent=20, qty="5")
    cost = analyse(trade(resting, crossing))
    assert cost.children[0].realised_impact_bps == D(0)
    assert cost.children[1].realised_impact_bps == D("98.039216")
    assert analyse(trade(child(0, sent=None))).children[0].realised_impact_bps is None


def test_a_fill_that_the_exchange_dates_before_the_order_is_measured_all_the_same() -> None:
    one = child(0, part("10", "100"), sent=30)
    early = Fill(one.fills[0].part, at(29.99))
    moved = Child(**{name: getattr(one, name) for name in Child.__slots__} | {"fills": (early,)})
    assert analyse(trade(moved), minutes("100")).market.vwap == D(100)


def test_lateness_and_age_come_from_the_times_of_the_order() -> None:
    one = analyse(trade(child(0, part("10", "100"), sent=0.25))).children[0]
    assert (one.late_ms, one.ack_ms, one.arrival_age_ms) == (250.0, 50.0, 200.0)
    unsent = analyse(trade(child(0, sent=None))).children[0]
    assert (unsent.late_ms, unsent.ack_ms, unsent.arrival_age_ms) == (None, None, None)
    assert unsent.fill_rate == D(0)
