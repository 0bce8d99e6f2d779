"""A coin is priced by its market, else by the wallet while that is near enough in time."""

from datetime import timedelta

from bot.clock import FixedClock
from bot.errors import Refused
from bot.exchange.protocol import CoinPrice
from bot.execution.booking.coin_prices import WALLET_AGE, price_at
from tests.support.fakes import FakeExchange
from tests.unit.bot.risk.cases import NOW, D


def exchange() -> FakeExchange:
    return FakeExchange(FixedClock(NOW))


def test_the_market_goes_before_the_wallet() -> None:
    venue = exchange()
    venue.prices = {"MNT": D("1.25")}
    assert price_at(venue, "MNT", NOW, NOW) == CoinPrice(D("1.25"), "fake MNTUSDT")


def test_without_a_market_the_wallets_present_value_stands_for_a_near_past() -> None:
    venue = exchange()
    kept = venue.wallet()
    kept.prices["MNT"] = D(2)  # type: ignore[index]
    venue.wallet = lambda: kept  # type: ignore[method-assign]
    assert price_at(venue, "MNT", NOW - WALLET_AGE, NOW) == CoinPrice(D(2), "wallet")
    later = NOW + timedelta(seconds=1)
    assert price_at(venue, "MNT", NOW - WALLET_AGE, later) is None
    assert price_at(venue, "ODD", NOW, NOW) is None


def test_a_refusal_is_no_price_and_stops_nobody() -> None:
    venue = exchange()
    venue.prices = {"MNT": D(1)}
    venue.price_faults = [Refused("no such coin")]
    assert price_at(venue, "MNT", NOW - timedelta(days=1), NOW) is None
