from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_exchange.server.wire import DECIMAL, UnitFormat, dumps, plain, trimmed

UNITS = ["1", "0.1", "0.10", "0.5", "0.001", "0.00000001", "10", "25"]


@given(st.integers(-(10**12), 10**12), st.sampled_from(UNITS))
def test_unit_format_writes_what_decimal_would(units: int, unit: str) -> None:
    value = UnitFormat(Decimal(unit))(units)
    assert value == format(units * Decimal(unit), "f")


def test_nothing_on_the_wire_has_an_exponent() -> None:
    assert plain(Decimal("1E-8")) == "0.00000001"
    assert trimmed(Decimal("0.00100")) == "0.001"
    assert trimmed(Decimal(1000)) == "1000"


@pytest.mark.parametrize("text", ["1e5", "1E-3", ".5", "5.", "+1", " 1", "1 ", "0x1", "NaN", "١"])
def test_a_decimal_is_digits_with_at_most_one_point_inside(text: str) -> None:
    assert not DECIMAL.match(text)


def test_nan_never_becomes_json() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        dumps(float("nan"))
