"""Volume between any two moments, and forecasts that can't be true."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.execution.algorithms.volume_forecast import VolumeForecast

FIRST = datetime(2026, 8, 9, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return FIRST + timedelta(seconds=seconds)


def forecast(**changes: Any) -> VolumeForecast:
    facts: dict[str, Any] = {"traded": (60.0, 0.0), "expected": (120.0, 30.0)}
    return VolumeForecast("learned", FIRST, **(facts | changes))


@pytest.mark.parametrize(
    ("start", "end", "volume"),
    [
        (0, 240, 210),
        (0, 30, 30),
        (30, 60, 30),
        (20, 40, 20),
        (90, 150, 60),
        (60, 120, 0),
        (5, 5, 0),
    ],
)
def test_minutes_at_the_edges_count_by_the_part_inside(
    start: float, end: float, volume: float
) -> None:
    assert forecast().volume(at(start), at(end)) == pytest.approx(volume, abs=1e-12)


@given(cuts=st.lists(st.floats(0, 240), max_size=6))
def test_parts_add_up_to_the_whole(cuts: list[float]) -> None:
    edges = [0.0, *sorted(cuts), 240.0]
    parts = [forecast().volume(at(a), at(b)) for a, b in pairwise(edges)]
    assert sum(parts) == pytest.approx(210.0)
    assert all(part >= 0.0 for part in parts)


@pytest.mark.parametrize(("start", "end"), [(-1, 60), (0, 241), (60, 30)])
def test_what_it_does_not_hold_is_not_made_up(start: float, end: float) -> None:
    with pytest.raises(ValueError, match="not within the forecast"):
        forecast().volume(at(start), at(end))


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"traded": (-1.0,)}, "traded"),
        ({"traded": (float("inf"),)}, "traded"),
        ({"expected": (0.0,)}, "expected"),
        ({"expected": (float("nan"),)}, "expected"),
        ({"caution": 0.0}, "caution"),
        ({"caution": float("nan")}, "caution"),
    ],
)
def test_what_can_not_be_is_refused_by_name(changes: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        forecast(**changes)


@pytest.mark.parametrize(
    "first",
    [
        FIRST.replace(tzinfo=None),
        FIRST.replace(second=1),
        FIRST.astimezone(timezone(timedelta(hours=1))),
    ],
)
def test_it_begins_with_a_whole_minute_in_utc(first: datetime) -> None:
    with pytest.raises(ValueError, match="first_minute"):
        VolumeForecast("static", first, (), (1.0,))
