"""Net position from fills: quantity, entry price and realised profit add up."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.execution.fills import moved

D = Decimal
FILLS = st.lists(
    st.tuples(
        st.integers(-1000, 1000).filter(bool).map(lambda n: D(n) / 1000),
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
