"""A measure of a market is a number, or None where it was not measured."""

import pytest

from bot.execution.policy.measures import near_depth, share_of, spread_bps
from models.enums import TradeSide
from tests.unit.bot.risk.cases import D, market


def test_a_spread_is_measured_over_the_mid() -> None:
    assert spread_bps(market(bid=D(99), ask=D(101))) == pytest.approx(200)


@pytest.mark.parametrize(
    ("bid", "ask"),
    [(None, D(1)), (D(1), None), (D(2), D(1)), (D(1), D(1)), (D(0), D(1)), (D("NaN"), D(1))],
)
def test_an_empty_or_crossed_book_has_no_spread(bid: object, ask: object) -> None:
    assert spread_bps(market(bid=bid, ask=ask)) is None
    assert spread_bps(None) is None


def test_the_depth_is_that_of_the_side_that_is_taken() -> None:
    view = market(bid_depth=D(1), ask_depth=D(2))
    assert near_depth(view, TradeSide.BUY) == D(2)
    assert near_depth(view, TradeSide.SELL) == D(1)
    assert near_depth(market(ask_depth=D("-1")), TradeSide.BUY) is None
    assert near_depth(None, TradeSide.BUY) is None


def test_a_share_of_nothing_is_unmeasured() -> None:
    assert share_of(D(1), D(4)) == D("0.25")
    for part, whole in ((D(1), None), (D(1), D(0)), (D(1), D("Infinity")), (D("NaN"), D(1))):
        assert share_of(part, whole) is None
