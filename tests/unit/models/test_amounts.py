"""Amounts are exact, rounded once, and written in plain digits."""

from decimal import Decimal, localcontext

import pytest

from models.amounts import compact, plain, share, shortest, stored, worth

D = Decimal


@pytest.mark.parametrize(
    ("value", "all_digits", "short"),
    [
        ("1E+3", "1000", "1000"),
        ("1.500", "1.500", "1.5"),
        ("0.000", "0.000", "0"),
        ("1E-8", "0.00000001", "0.00000001"),
        ("100", "100", "100"),
        ("-2.50", "-2.50", "-2.5"),
    ],
)
def test_digits_are_plain(value: str, all_digits: str, short: str) -> None:
    assert plain(D(value)) == all_digits
    assert shortest(D(value)) == short
    assert plain(compact(D(value))) == short


def test_a_threads_own_precision_changes_no_amount() -> None:
    quantity, price = D("123456789.123456789"), D("98765.432109876")
    expected = worth(quantity, price)
    with localcontext() as context:
        context.prec = 5
        assert worth(quantity, price) == expected
        assert stored(D("123456789.1234567891234567891")) == D("123456789.123456789123456789")


def test_a_share_is_rounded_once_and_the_whole_is_the_total() -> None:
    total, whole = D("10"), D("3")
    assert share(total, D("1"), whole) == D("3.333333333333333333")
    assert share(total, whole, whole) == total
    assert share(total, D(0), whole) == 0
