"""Fees in a third coin: converted at the price of their time, or kept apart and named."""

from dataclasses import replace
from decimal import Decimal
from unittest.mock import Mock

import pytest

from bot.errors import DependencyDown
from bot.execution.booking.other_fees import OtherFees
from bot.execution.orders.one_by_one import FAILURES_IN_A_ROW
from bot.tca.service import costs
from models.repositories.trading import snapshot_query
from tests.support.accounts.other_coins import position, problem, stored, trade
from tests.support.desk import ACCOUNT, Desk

D = Decimal


def streak(desk: Desk) -> int:
    key = snapshot_query.TradeKey(ACCOUNT, "test", "BTCUSDT", "buy", D(2000))
    with desk.db.transaction() as session:
        return snapshot_query.read(session, key, desk.clock.now()).consecutive_losses


def test_a_round_trip_that_only_costs_fees_in_another_coin_is_a_loss(desk: Desk) -> None:
    """Both fees are its own: that of its entry as well."""
    desk.exchange.prices["MNT"] = D("1.2")
    trade(desk, "r-1", "buy")
    desk.reconciler.reconcile_account()
    held = position(desk)
    assert (held.fees, held.open_costs, held.realised_pnl) == (D("0.6"), D("0.6"), D("-0.6"))
    trade(desk, "r-2", "sell")
    desk.reconciler.reconcile_account()
    held = position(desk)
    assert (held.fees, held.open_costs, held.realised_pnl) == (D("1.2"), 0, D("-1.2"))
    assert held.other_fees is None
    assert [desk.parent(r).realised_pnl for r in ("r-1", "r-2")] == [0, D("-1.2")]
    assert [desk.parent(r).fees for r in ("r-1", "r-2")] == [D("0.6"), D("0.6")]
    assert streak(desk) == 1
    assert problem(desk) is None


def test_a_fee_that_gets_its_price_after_the_round_trip_is_that_trips(desk: Desk) -> None:
    desk.exchange.price_faults = [DependencyDown("away")]
    desk.exchange.prices["MNT"] = D(2)
    trade(desk, "r-1", "buy")
    desk.reconciler.reconcile_account()
    assert [row.asked_at for row in stored(desk)] == [None]
    trade(desk, "r-2", "sell")
    assert position(desk).other_fees == {"MNT": D("1.0")}
    desk.reconciler.reconcile_account()
    held = position(desk)
    assert (held.fees, held.open_costs, held.realised_pnl) == (2, 0, -2)
    assert [desk.parent(r).realised_pnl for r in ("r-1", "r-2")] == [0, -2]
    assert streak(desk) == 1


@pytest.mark.parametrize("moment", ["stream", "reconcile"])
def test_an_exchange_that_is_away_holds_back_no_fill(desk: Desk, moment: str) -> None:
    desk.exchange.price_faults = [DependencyDown("away")] * 3
    trade(desk, "r-1", "buy")
    if moment == "reconcile":
        desk.reconciler.reconcile_account()
    assert position(desk).qty > 0
    assert desk.parent("r-1").filled_qty > 0


def test_fees_that_cannot_be_booked_keep_no_reconciliation_from_its_report(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.exchange.prices["MNT"] = D(2)
    for number in range(4):
        trade(desk, f"r-{number}", "buy" if number % 2 == 0 else "sell")
    held = OtherFees._book
    failing = Mock(side_effect=DependencyDown("somebody holds the parent"))
    monkeypatch.setattr(OtherFees, "_book", failing)
    assert desk.reconciler.reconcile_account().position_differences == {}
    assert failing.call_count == FAILURES_IN_A_ROW
    monkeypatch.setattr(OtherFees, "_book", held)
    desk.reconciler.reconcile_account()
    assert position(desk).fees == 4


def test_taxes_besides_the_fee_count_in_whatever_coin(desk: Desk) -> None:
    desk.exchange.prices["MNT"] = D(2)
    desk.approve("r-1")
    desk.send_due()
    paid = (("BTC", D("0.00001")), ("MNT", D("0.5")), ("ODD", D(3)))
    fill = replace(desk.exchange.fills[-1], fee=D("0.1"), fee_currency="USDT", other_fees=paid)
    desk.exchange.fills[-1] = fill
    desk.stream()
    in_base = D("0.00001") * fill.price
    assert position(desk).fees == D("0.1") + in_base
    desk.reconciler.reconcile_account()
    held = position(desk)
    assert held.fees == desk.parent("r-1").fees == D("1.1") + in_base
    assert held.other_fees == {"ODD": D(3)}
    assert [(row.coin, row.cost) for row in sorted(stored(desk), key=lambda row: row.coin)] == [
        ("BTC", in_base),
        ("MNT", 1),
        ("ODD", None),
    ]
    with desk.db.reading() as session:
        found = costs(session, request_id="r-1")
    assert found.trades[0].cost.fees == D("1.1") + in_base
    assert found.problems == ("r-1: fees of 3 ODD have no price and are in no sum",)
