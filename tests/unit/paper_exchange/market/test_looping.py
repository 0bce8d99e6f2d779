"""Recordings become endless, and their numbers whole, without losing anything."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_exchange.market.looping import PAUSE_MS, endless, shifted, whole_units
from paper_exchange.types import BookUpdate, MarketEvent, MarketTrade, MarkUpdate

EVENTS: list[MarketEvent] = [
    BookUpdate("linear", "BTCUSDT", 0, [(1, 1)], [(2, 1)], snapshot=True),
    MarketTrade("linear", "BTCUSDT", 40, 2, 1, "Buy"),
    MarkUpdate("linear", "BTCUSDT", 70, Decimal(2), Decimal(2), Decimal("0.0001")),
]


def test_every_pass_continues_the_time_of_the_one_before() -> None:
    events = list(islice(endless(lambda: iter(EVENTS)), 9))
    length = 70 + PAUSE_MS
    assert [e.ts_ms for e in events] == [t + n * length for n in range(3) for t in (0, 40, 70)]
    assert events[6:] == [shifted(e, 2 * length) for e in EVENTS]


def test_an_empty_recording_is_refused_instead_of_looping_in_silence() -> None:
    def nothing() -> Iterator[MarketEvent]:
        return iter(())

    with pytest.raises(ValueError, match="no market events"):
        next(endless(nothing))


@given(
    units=st.integers(0, 10**12),
    unit=st.sampled_from(["0.1", "0.10", "0.01", "0.05", "0.00001", "0.000001", "1", "5", "100"]),
    zeros=st.integers(0, 3),
)
def test_a_multiple_of_the_unit_is_parsed_exactly(units: int, unit: str, zeros: int) -> None:
    text = format(units * Decimal(unit), "f")
    if "." in text:
        text += "0" * zeros
    assert whole_units(Decimal(unit))(text) == units


@pytest.mark.parametrize("text", ["0.05", "1e3", "NaN", "", "0.15"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"multiple|invalid literal"):
        whole_units(Decimal("0.1"))(text)
