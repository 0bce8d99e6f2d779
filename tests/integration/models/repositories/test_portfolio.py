"""What the exchange says of a position beside its quantity."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from bot.exchange.protocol import ExchangePosition
from models.tables import PositionRow
from tests.support.accounts.liquidation import liquidated_at, trade
from tests.support.desk import Desk

D = Decimal


def test_a_liquidation_price_ends_with_its_position(desk: Desk) -> None:
    """A long's price, far below the market, says nothing of the short that follows."""
    trade(desk, "buy-1", "buy", "65000")
    of_the_long = liquidated_at(desk, "1000")
    desk.reconciler.store_positions(of_the_long)
    assert desk.liquidation_price() == 1000
    trade(desk, "sell-1", "sell", "65000")
    trade(desk, "sell-2", "sell", "65000")
    assert desk.liquidation_price() is None
    desk.reconciler.store_positions(of_the_long)  # news that was under way
    assert desk.liquidation_price() is None
    desk.reconciler.store_positions(liquidated_at(desk, "900000"))
    assert desk.liquidation_price() == 900_000
    assert desk.approve("r-next", side="sell")["verdict"] == "allow"


def test_an_exchanges_mark_is_as_old_as_the_question_and_never_replaces_a_newer_one(
    desk: Desk,
) -> None:
    """Stored as of now, an answer long under way would speak against a market that moved since."""
    trade(desk, "buy-1", "buy", "65000")
    (said,) = desk.exchange.positions()
    asked_at = desk.clock.now()

    def slow() -> list[ExchangePosition]:
        desk.pass_time(70)
        return [said]

    desk.exchange.positions = slow  # type: ignore[method-assign]
    desk.reconciler.position_differences()
    assert stored_mark(desk) == (D(65000), asked_at)

    heard_at = []

    def overtaken() -> list[ExchangePosition]:
        desk.pass_time(5)
        desk.reconciler.store_positions([replace(said, mark_price=D(66000))])
        heard_at.append(desk.clock.now())
        return slow()

    desk.exchange.positions = overtaken  # type: ignore[method-assign]
    desk.reconciler.position_differences()
    assert stored_mark(desk) == (D(66000), heard_at[0])


def stored_mark(desk: Desk) -> tuple[Decimal | None, datetime | None]:
    with desk.db.reading() as session:
        row = session.get_one(PositionRow, (desk.account, "BTCUSDT"))
    return row.mark_price, row.marked_at
