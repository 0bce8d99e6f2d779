"""A fee in another coin gets the price of the time of its fill."""

from datetime import timedelta
from decimal import Decimal

from bot.errors import DependencyDown
from console.views.key_metrics import key_metrics
from tests.support.accounts.other_coins import position, problem, stored, trade
from tests.support.desk import Desk
from tests.support.fakes import T0

D = Decimal


def test_the_price_is_that_of_the_fill_and_stays(desk: Desk) -> None:
    desk.exchange.prices["MNT"] = D("1.2")
    trade(desk, "r-1", "buy")
    filled_at = desk.exchange.fills[0].executed_at
    desk.pass_time(30)
    desk.reconciler.reconcile_account()
    desk.exchange.prices["MNT"] = D(9)
    desk.pass_time(30)
    desk.reconciler.reconcile_account()
    desk.stream()
    assert desk.exchange.prices_asked == [("MNT", filled_at)]
    (row,) = stored(desk)
    assert (row.price, row.price_source, row.cost) == (D("1.2"), "fake MNTUSDT", D("0.6"))
    assert position(desk).fees == D("0.6")
    assert desk.audit_kinds().count("fee_priced") == 1


def test_a_fee_that_nobody_can_price_stays_apart_and_is_named(desk: Desk) -> None:
    trade(desk, "r-1", "buy", coin="ODD")
    desk.reconciler.reconcile_account()
    desk.reconciler.reconcile_account()
    assert len(desk.exchange.prices_asked) == 1
    assert (position(desk).fees, position(desk).other_fees) == (0, {"ODD": D("0.5")})
    assert problem(desk) == "without a price: 0.5 ODD"
    with desk.db.transaction() as session:
        found = key_metrics(session, T0 - timedelta(days=1))
    assert found["execution"]["fees_without_price"] == {"ODD": "0.5"}


def test_a_coin_that_the_exchange_never_answers_for_keeps_no_other_from_its_price(
    desk: Desk,
) -> None:
    trade(desk, "r-1", "buy", coin="BAD")
    trade(desk, "r-2", "sell", coin="MNT")
    desk.exchange.price_faults = [DependencyDown("an unreadable kline")]
    desk.exchange.prices["MNT"] = D(2)
    desk.reconciler.reconcile_account()
    assert (position(desk).fees, position(desk).other_fees) == (1, {"BAD": D("0.5")})
    assert [row.asked_at is None for row in sorted(stored(desk), key=lambda r: r.coin)] == [
        True,
        False,
    ]
