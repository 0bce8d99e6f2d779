"""The documents of orders know what follows from their values."""

from decimal import Decimal

from models.documents.orders import Arrival, Throttle, ThrottleKind
from models.enums import TradeSide
from tests.unit.bot.risk.cases import NOW

D = Decimal


def test_a_throttle_says_its_rate_and_its_cause() -> None:
    slow = Throttle(ThrottleKind.SLOW, D("0.5"), D("0.5"), "volatility", "1.6", "1.5", NOW)
    assert slow.rate == D("0.25")
    assert slow.sentence == "slow: volatility 1.6 (from 1.5)"


def test_a_buyer_meets_the_offer_and_a_seller_the_bid() -> None:
    arrival = Arrival(D(99), D(101), NOW)
    assert (arrival.touch(TradeSide.BUY), arrival.touch(TradeSide.SELL)) == (D(101), D(99))
    assert (arrival.mid, arrival.half_spread) == (D(100), D(1))
