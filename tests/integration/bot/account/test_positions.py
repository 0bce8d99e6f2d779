"""Our positions are compared with the exchange's."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from sqlalchemy import select

from bot.exchange.protocol import ExchangePosition, UnreadableFact
from models.tables import UnreadableFactRow
from tests.support.accounts.liquidation import liquidated_at, trade
from tests.support.desk import Desk


def sent(desk: Desk) -> None:
    desk.approve()
    desk.send(desk.child().child_id)


def test_a_position_that_differs_from_the_exchange_is_reported(desk: Desk) -> None:
    sent(desk)
    desk.stream()
    (execution,) = desk.exchange.fills
    desk.exchange.fills[0] = replace(execution, qty=execution.qty + 1)
    differences = desk.reconciler.position_differences()
    assert differences["BTCUSDT"] == (execution.qty, execution.qty + 1)


def parked(desk: Desk) -> list[tuple[str, str]]:
    with desk.db.reading() as session:
        rows = session.scalars(select(UnreadableFactRow).order_by(UnreadableFactRow.key)).all()
    return [(row.kind, row.key) for row in rows]


def test_what_the_exchange_sends_unreadable_is_parked_and_a_position_of_it_unknown(
    desk: Desk,
) -> None:
    sent(desk)
    desk.stream()
    reported = desk.exchange.positions

    def unreadable() -> Sequence[ExchangePosition]:
        row = UnreadableFact("position", "BTCUSDT", "BTCUSDT", "unreadable field size", "{}")
        desk.exchange.unreadable.append(row)
        return []

    desk.exchange.positions = unreadable  # type: ignore[method-assign]
    assert desk.reconciler.reconcile_account().position_differences == {}
    assert parked(desk) == [("position", "BTCUSDT")]
    desk.exchange.positions = reported  # type: ignore[method-assign]
    assert desk.reconciler.reconcile_account().position_differences == {}


def test_a_position_in_another_coin_is_on_neither_side_of_the_comparison(desk: Desk) -> None:
    sent(desk)
    desk.stream()
    (execution,) = desk.exchange.fills
    usdc = replace(execution, exec_id="e-usdc", order_link_id="", symbol="BTCPERP")
    desk.fill_book.apply_execution(usdc, desk.clock.now(), source="stream")
    assert set(desk.reconciler.position_differences()) == {"BTCPERP"}
    desk.exchange.of_another_coin.add("BTCPERP")
    assert desk.reconciler.position_differences() == {}


D = Decimal


def test_a_known_liquidation_price_reaches_the_gate(desk: Desk) -> None:
    trade(desk, "buy-1", "buy", "65000")
    near = liquidated_at(desk, "64500")
    desk.exchange.positions = lambda: near  # type: ignore[method-assign]
    desk.reconciler.reconcile_account()
    outcome = desk.approve("r-next")
    assert outcome["verdict"] == "deny"
    assert "liquidation_distance" in [c["name"] for c in outcome["checks_failed"]]


def test_a_position_that_the_exchange_does_not_list_has_no_liquidation_price(desk: Desk) -> None:
    trade(desk, "buy-1", "buy", "65000")
    desk.reconciler.store_positions(liquidated_at(desk, "1000"))
    desk.exchange.positions = list  # type: ignore[method-assign]
    desk.reconciler.position_differences()
    assert desk.liquidation_price() is None
