"""Bars of several symbols on one time axis."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from bot.market.volume.panel import Panel, minute_of, moment_of
from tests.unit.bot.market.volume.synthetic import FIRST_MINUTE, bars, panel


def test_a_moment_and_its_minute_are_each_others_inverse() -> None:
    moment = datetime(2025, 6, 1, 12, 34, tzinfo=UTC)
    assert moment_of(minute_of(moment)) == moment


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        minute_of(datetime(2025, 6, 1))  # noqa: DTZ001


def test_a_panel_holds_the_minutes_that_all_symbols_have() -> None:
    early, late = bars("AAAUSDT", 1), replace(bars("BBBUSDT", 1), first_minute=FIRST_MINUTE + 5)
    both = Panel.of([late, early])
    assert both.symbols == ("AAAUSDT", "BBBUSDT")
    assert (both.first_minute, both.end_minute) == (FIRST_MINUTE + 5, FIRST_MINUTE + 1440)
    assert both.volume[0, 0] == early.volume[5]
    assert both.volume[1, 0] == late.volume[0]


def test_symbols_without_a_common_minute_make_no_panel() -> None:
    far = replace(bars("BBBUSDT", 1), first_minute=FIRST_MINUTE + 9999)
    with pytest.raises(ValueError, match="in common"):
        Panel.of([bars("AAAUSDT", 1), far])


def test_the_past_of_a_minute_ends_before_it() -> None:
    whole = panel(1)
    past = whole.until(FIRST_MINUTE + 100)
    assert past.end_minute == FIRST_MINUTE + 100
    assert np.array_equal(past.volume, whole.volume[:, :100])


@pytest.mark.parametrize("end", [FIRST_MINUTE, FIRST_MINUTE + 1441])
def test_minutes_that_are_not_held_are_refused(end: int) -> None:
    with pytest.raises(ValueError, match="doesn't hold"):
        panel(1).until(end)


@pytest.mark.parametrize(
    ("column", "value"), [("volume", -1.0), ("volume", np.nan), ("low", 0.0), ("high", np.inf)]
)
def test_impossible_numbers_are_refused(column: str, value: float) -> None:
    good = bars("AAAUSDT", 1)
    broken = getattr(good, column).copy()
    broken[3] = value
    with pytest.raises(ValueError, match="AAAUSDT"):
        replace(good, **{column: broken})
