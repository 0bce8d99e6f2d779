"""Costs of trades that the domain's own services decided, sent and filled."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

import pytest

from bot.errors import DependencyDown
from bot.market.bars import MINUTE, Bar, MinuteSource
from bot.tca.analysis import TradeCost
from bot.tca.service import Costs, costs
from bot.tca.summary import by_algorithm
from models.tables import ChildOrderRow, FillRow
from tests.support.desk import Desk
from tests.support.fakes import PRICE, T0

pytestmark = pytest.mark.services
D = Decimal
MID = PRICE - D("0.05")


@dataclass
class BarsAtHand:
    """Flat minutes of 10 BTC each, and what was asked for."""

    price: Decimal = PRICE
    asked: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    later: Decimal = Decimal(0)
    """By how much the price is off from the second minute on."""

    def minute_bars(self, symbol: str, start: datetime, end: datetime) -> Sequence[Bar]:
        self.asked.append((symbol, start, end))
        bars = []
        at = start.replace(second=0, microsecond=0)
        while at <= end:
            price = self.price if at <= T0 else self.price + self.later
            bars.append(Bar(at, price, price, price, price, D(10), 10 * price))
            at += MINUTE
        return bars


class SourceAway:
    def minute_bars(self, symbol: str, start: datetime, end: datetime) -> Sequence[Bar]:
        raise DependencyDown("the exchange can't be reached")


def read(desk: Desk, bars: MinuteSource | None = None, request_id: str | None = None) -> Costs:
    with desk.db.reading() as session:
        return costs(session, request_id=request_id, bars=bars)


def only(desk: Desk, bars: MinuteSource | None = None) -> TradeCost:
    found = read(desk, bars)
    assert len(found.trades) == 1, found.problems
    return found.trades[0]


def check_sums(cost: TradeCost) -> None:
    with localcontext(prec=400):
        whole = cost.cost
        assert whole.delay + whole.trading + whole.opportunity + whole.fees == whole.total
        children = sum((child.cost.total for child in cost.children), D(0))
        assert children + whole.opportunity == whole.total


def run_twap(desk: Desk, size: str = "3000", seconds: int = 40) -> None:
    desk.approve_twap(size=size)
    for _ in range(seconds // 5):
        desk.send_due()
        desk.stream()
        desk.pass_time(5)
        if desk.parent().stepped:
            desk.step()


def test_an_order_filled_at_the_ask_costs_half_the_spread_and_the_fee(desk: Desk) -> None:
    desk.approve()
    desk.send_due()
    desk.stream()
    cost = only(desk)
    check_sums(cost)
    filled = cost.cost.filled
    assert filled == cost.qty > 0
    assert (cost.prices.decision, cost.decision_basis) == (MID, "mid at the decision")
    assert (cost.prices.first_order, cost.first_order_basis) == (MID, "mid at the first order")
    assert cost.cost.delay == cost.cost.opportunity == D(0)
    assert cost.cost.trading == filled * D("0.05")
    assert cost.cost.fees == filled * PRICE * D("0.00055")
    assert cost.realised_impact_bps == D(0)
    assert cost.expected_impact_bps is not None and cost.expected_impact_bps >= 0
    assert (cost.fill_rate, cost.maker_share) == (D(1), D(0))
    assert cost.impact_point is not None and cost.impact_point.is_usable
    assert cost.is_final


def test_the_market_of_each_child_is_stored_when_it_goes_out(desk: Desk) -> None:
    run_twap(desk)
    children = desk.children()
    assert len(children) > 1
    for child in children:
        assert child.arrival is not None and child.sent_at is not None
        assert (child.arrival.bid, child.arrival.ask) == (D("64999.9"), D(65000))
        age = child.sent_at - child.arrival.as_of
        assert age == timedelta(seconds=0.1)
    cost = only(desk)
    check_sums(cost)
    assert [child.arrival_age_ms for child in cost.children] == [100.0] * len(children)
    assert [child.late_ms for child in cost.children] == [0.0] * len(children)
    assert {child.half_spread_bps for child in cost.children} == {D("0.007692")}


def test_a_part_that_was_never_filled_costs_its_opportunity(desk: Desk) -> None:
    desk.exchange.fill_share = D("0.5")
    run_twap(desk)
    cost = only(desk, BarsAtHand(price=PRICE, later=D(100)))
    check_sums(cost)
    assert D(0) < cost.cost.filled < cost.qty
    unfilled = cost.qty - cost.cost.filled
    assert cost.end_basis == "market at the end"
    assert cost.prices.end is not None
    assert cost.cost.opportunity == unfilled * (cost.prices.end - MID)


def test_a_sell_pays_where_a_buy_would(desk: Desk) -> None:
    desk.approve(side="sell")
    desk.send_due()
    desk.stream()
    cost = only(desk)
    check_sums(cost)
    # The fake fills at 65000, above the mid: good for a seller.
    assert cost.cost.trading == -cost.cost.filled * D("0.05")


def test_the_market_meanwhile_gives_benchmarks_participation_and_reversion(desk: Desk) -> None:
    run_twap(desk)
    bars = BarsAtHand(later=D(-65))
    cost = only(desk, bars)
    assert len(bars.asked) == 1
    assert (cost.market.vwap, cost.market.twap) == (PRICE, PRICE)
    assert (cost.market.vwap_bps, cost.market.twap_bps) == (D(0), D(0))
    assert cost.market.reversion_1m_bps == cost.market.reversion_5m_bps == D(10)
    assert cost.market.participation is not None
    # Of a whole minute's 10 BTC, for the bars say nothing of half of one.
    assert abs(cost.market.participation - cost.cost.filled / 10) < D("0.000001")
    assert all(child.market.vwap == PRICE for child in cost.children)


def test_without_the_exchange_the_costs_are_known_and_the_rest_is_said(desk: Desk) -> None:
    run_twap(desk)
    found = read(desk, SourceAway())
    assert found.problems == ("no market benchmarks of BTCUSDT: the exchange can't be reached",)
    assert found.trades[0].market.vwap is None
    check_sums(found.trades[0])


def test_a_trade_without_a_sent_order_costs_nothing_yet(desk: Desk) -> None:
    desk.approve()
    cost = only(desk)
    check_sums(cost)
    assert cost.first_order_basis == "no order was sent"
    assert (cost.cost.total, cost.fill_rate, cost.maker_share) == (D(0), D(0), None)
    assert not cost.is_final


def test_children_from_before_the_market_was_stored_count_their_delay_as_trading(
    desk: Desk,
) -> None:
    desk.approve()
    desk.send_due()
    desk.stream()
    with desk.db.transaction() as session:
        session.get_one(ChildOrderRow, desk.child().child_id).arrival = None
    cost = only(desk)
    check_sums(cost)
    assert "not stored" in cost.first_order_basis
    assert cost.realised_impact_bps is None and cost.impact_point is None


def test_a_fee_without_a_price_is_named_and_left_out_of_the_sum(desk: Desk) -> None:
    desk.approve()
    desk.send_due()
    desk.exchange.fills[0] = replace(desk.exchange.fills[0], fee=D("0.50"), fee_currency="MNT")
    desk.stream()
    found = read(desk)
    assert [trade.cost.fees for trade in found.trades] == [0]
    assert found.problems == ("r-1: fees of 0.5 MNT have no price and are in no sum",)


def test_a_fee_in_another_coin_costs_what_it_was_worth_at_the_fill(desk: Desk) -> None:
    desk.approve()
    desk.send_due()
    desk.exchange.fills[0] = replace(desk.exchange.fills[0], fee=D("0.5"), fee_currency="MNT")
    desk.exchange.prices["MNT"] = D("1.2")
    desk.stream()
    desk.reconciler.reconcile_account()
    desk.exchange.prices["MNT"] = D(7)
    desk.reconciler.reconcile_account()
    found = read(desk)
    assert found.problems == ()
    assert found.trades[0].cost.fees == D("0.6")


def test_a_fee_in_the_base_coin_is_worth_what_the_fill_paid(desk: Desk) -> None:
    desk.approve()
    desk.send_due()
    desk.stream()
    execution = desk.exchange.fills[0].exec_id
    with desk.db.transaction() as session:
        row = session.get_one(FillRow, ("paper", execution))
        row.fee_currency, row.fee = "BTC", D("0.0001")
    assert only(desk).cost.fees == D("0.0001") * PRICE


def test_trades_are_chosen_by_time_and_summed_up_by_algorithm(desk: Desk) -> None:
    desk.approve("r-0")
    desk.send_due()
    desk.stream()
    desk.pass_time(120)
    later = desk.clock.now()
    desk.approve("r-1")
    desk.send_due()  # an exit would take the place of an entry under way
    desk.stream()
    desk.approve("r-2", side="sell")
    desk.send_due()
    desk.stream()
    run_twap_as(desk, "r-3")
    with desk.db.reading() as session:
        found = costs(session, since=later)
    assert [trade.request_id for trade in found.trades] == ["r-1", "r-2", "r-3"]
    immediate, twap = by_algorithm(found.trades)
    assert (immediate.algorithm, immediate.trades) == ("immediate", 2)
    assert (twap.algorithm, twap.trades) == ("twap", 1)
    assert immediate.fill_rate == D(1)
    low, high = immediate.total_bps.low, immediate.total_bps.high
    assert low is not None and high is not None
    assert low <= immediate.total_bps.value <= high
    assert twap.total_bps.low is None


def run_twap_as(desk: Desk, request_id: str) -> None:
    desk.approve_twap(request_id)
    for _ in range(8):
        desk.send_due()
        desk.stream()
        desk.pass_time(5)
