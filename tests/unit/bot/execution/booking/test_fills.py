"""Net position from fills: quantity, entry price and realised profit add up."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.exchange.protocol import Execution
from bot.execution.booking import ledger
from bot.execution.booking.ledger import moved
from models import amounts
from models.enums import TradeSide
from models.tables import PositionRow

D = Decimal
T0 = datetime(2026, 11, 23, 12, tzinfo=UTC)
SIGNED = st.integers(-1000, 1000).filter(bool).map(lambda n: D(n) / 1000)
FILLS = st.lists(
    st.tuples(
        SIGNED,
        st.integers(1, 10_000).map(lambda n: D(n) / 10),
    ),
    min_size=1,
    max_size=30,
)


def test_adding_averages_the_entry() -> None:
    assert moved(D(1), D(100), D(1), D(110)) == (D(2), D(105), D(0))


def test_reducing_keeps_the_entry_and_realises() -> None:
    assert moved(D(2), D(100), D(-1), D(110)) == (D(1), D(100), D(10))
    assert moved(D(-2), D(100), D(1), D(110)) == (D(-1), D(100), D(-10))


def test_closing_leaves_no_entry() -> None:
    assert moved(D(2), D(100), D(-2), D(90)) == (D(0), None, D(-20))


def test_a_flip_closes_at_the_old_and_opens_at_the_new() -> None:
    assert moved(D(1), D(100), D(-3), D(120)) == (D(-2), D(120), D(20))


@given(FILLS)
def test_cash_plus_position_equals_realised_plus_unrealised(fills: list[tuple[D, D]]) -> None:
    qty, entry, realised, cash = D(0), None, D(0), D(0)
    for signed, price in fills:
        qty, entry, profit = moved(qty, entry, signed, price)
        realised += profit
        cash -= signed * price
    mark = D(1234)
    unrealised = D(0) if entry is None else qty * (mark - entry)
    assert qty == sum(signed for signed, _ in fills)
    assert abs((cash + qty * mark) - (realised + unrealised)) < D("1e-15")


def executed(number: int, signed: Decimal, price: Decimal, fee: Decimal) -> Execution:
    return Execution(
        exec_id=f"e-{number}",
        order_id="",
        order_link_id="",
        symbol="BTCUSDT",
        side=TradeSide.BUY if signed > 0 else TradeSide.SELL,
        qty=abs(signed),
        price=price,
        fee=fee,
        fee_currency="USDT",
        is_maker=False,
        exec_type="Trade",
        executed_at=T0,
    )


def flat() -> PositionRow:
    return PositionRow(qty=D(0), realised_pnl=D(0), fees=D(0), funding=D(0), open_costs=D(0))


@given(FILLS, st.decimals(D("-0.1"), D("2"), places=4))
def test_round_trips_and_what_is_carried_add_up_to_the_positions_profit(
    fills: list[tuple[Decimal, Decimal]], fee: Decimal
) -> None:
    position, trips = flat(), D(0)
    for number, (signed, price) in enumerate(fills):
        trips += ledger.book_trade(position, executed(number, signed, price, fee), T0)
    assert abs(trips - position.open_costs - position.realised_pnl) < D("1e-15")
    assert position.fees == fee * len(fills)
    if position.qty == 0:
        assert position.open_costs == 0


def test_a_round_trip_answers_for_the_fees_of_its_entry() -> None:
    position = flat()
    assert ledger.book_trade(position, executed(1, D(2), D(100), D("0.8")), T0) == 0
    assert ledger.book_trade(position, executed(2, D(-1), D(100), D("0.5")), T0) == D("-0.9")
    funding = replace(executed(3, D(1), D(100), D("0.1")), exec_type="Funding")
    ledger.book_cash(position, funding, T0)
    assert ledger.book_trade(position, executed(4, D(-3), D(101), D("0.6")), T0) == D("0.3")
    assert (position.qty, position.open_costs) == (D(-2), D("0.4"))
    assert position.realised_pnl == D(1) - D("0.8") - D("0.5") - D("0.1") - D("0.6")


@pytest.mark.parametrize(
    ("coin", "fee", "cost", "apart"),
    [
        ("USDT", "0.5", "0.5", None),
        ("BTC", "0.001", "0.1", None),
        ("MNT", "0.5", "0", {"MNT": D("1.0")}),
        ("T", "0.5", "0", {"T": D("1.0")}),
        ("BT", "0.5", "0", {"BT": D("1.0")}),
        ("USDC", "0.5", "0", {"USDC": D("1.0")}),
    ],
)
def test_a_fee_in_another_coin_is_converted_or_kept_apart(
    coin: str, fee: str, cost: str, apart: dict[str, Decimal] | None
) -> None:
    position = flat()
    paid = replace(executed(1, D(1), D(100), D(fee)), fee_currency=coin)
    for _ in range(2):
        ledger.book_trade(position, paid, T0)
    assert position.fees == 2 * D(cost)
    assert position.other_fees == apart


@given(
    st.lists(st.tuples(SIGNED, st.booleans()), min_size=1, max_size=8),
    st.decimals(D("-0.1"), D("2"), places=4),
)
def test_fees_that_are_priced_at_once_add_up_as_if_they_were_in_quote(
    fills: list[tuple[Decimal, bool]], fee: Decimal
) -> None:
    """Also where a fill closes, adds or turns the position."""
    mixed, plain = flat(), flat()
    trips = {"mixed": D(0), "plain": D(0)}
    for number, (signed, other) in enumerate(fills):
        execution = executed(number, signed, D(100), fee)
        trips["plain"] += ledger.book_trade(plain, execution, T0)
        paid = replace(execution, fee_currency="MNT", fee=fee * 2) if other else execution
        closed = ledger.closes(mixed, paid)
        trips["mixed"] += ledger.book_trade(mixed, paid, T0)
        if other and fee:
            of_close = amounts.share(fee, closed, paid.qty)
            ledger.price_other_fee(mixed, "MNT", fee * 2, fee, fee - of_close, T0)
            trips["mixed"] -= of_close
    assert trips["mixed"] == trips["plain"]
    assert mixed.other_fees is None
    for name in ("fees", "open_costs", "realised_pnl"):
        assert getattr(mixed, name) == getattr(plain, name)
