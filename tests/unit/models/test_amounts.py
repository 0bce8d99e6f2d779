"""Amounts are written in plain digits, and nothing of them is lost."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from models.amounts import compact, plain, shortest


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=18, min_value=-(10**15), max_value=10**15
    )
)
def test_plain_digits_lose_nothing_and_have_no_exponent(value: Decimal) -> None:
    text = shortest(value)
    assert Decimal(text) == value
    assert "E" not in text.upper()


def test_plain_digits_have_no_trailing_zeros() -> None:
    assert [shortest(Decimal(text)) for text in ("1.500", "100", "0E+2", "1E+3", "0.000")] == [
        "1.5",
        "100",
        "0",
        "1000",
        "0",
    ]


def test_what_is_stored_keeps_every_digit() -> None:
    assert [plain(Decimal(text)) for text in ("1.500", "0E+2", "1E-18", "0E-18")] == [
        "1.500",
        "0",
        "0.000000000000000001",
        "0.000000000000000000",
    ]


def test_a_compact_number_has_no_zeros_of_a_column_and_no_exponent() -> None:
    found = [compact(Decimal(text)) for text in ("1.500", "1E+3", "0E-18")]
    assert [str(number) for number in found] == ["1.5", "1000", "0"]
