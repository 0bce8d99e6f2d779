"""Numbers on the wire never have an exponent and never lose a digit unasked."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from paper_exchange.engine.numbers import money, plain

DECIMALS = st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False, places=9)


@given(DECIMALS)
def test_plain_numbers_are_exact_and_have_no_trailing_zero(value: Decimal) -> None:
    text = plain(value)
    assert Decimal(text) == value
    assert "E" not in text and text != "-0"
    assert "." not in text or text[-1] not in "0."


def test_money_is_rounded_to_eight_decimals() -> None:
    assert money(Decimal("0.004577216")) == "0.00457722"
    assert plain(Decimal("1E+3")) == "1000"
    assert plain(Decimal("0E-9")) == plain(Decimal("-0.00")) == "0"
