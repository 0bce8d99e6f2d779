"""Lines over time: in the order of time, inside the frame, with every name in the legend."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.pictures.picture import Line, Role
from console.pictures.time_lines import Level, Series, Span, over_time, running, staircase
from tests.unit.console.pictures.framing import NUMBERS, assert_inside, words_of

T0 = datetime(2026, 11, 30, tzinfo=UTC)
D = Decimal
MOMENTS = st.integers(-10, 100_000).map(lambda seconds: T0 + timedelta(seconds=seconds))
SERIES = st.builds(
    Series,
    name=st.text(max_size=80),
    points=st.lists(st.tuples(MOMENTS, NUMBERS), max_size=8).map(
        lambda points: sorted(points, key=lambda point: point[0])
    ),
    stepped=st.booleans(),
)


@given(
    st.lists(SERIES, max_size=4),
    st.lists(st.builds(Level, st.text(max_size=80), NUMBERS), max_size=3),
    MOMENTS,
    MOMENTS,
)
def test_any_finite_numbers_at_any_time_stay_in_the_frame(
    series: list[Series], levels: list[Level], begin: datetime, end: datetime
) -> None:
    assert_inside(over_time(series, levels, Span(begin, end), unit="USDT", told="told"))


def lines(role: Role, series: Series, *levels: Level) -> list[Line]:
    span = Span(T0, T0 + timedelta(hours=1))
    picture = over_time((series,), levels, span, unit="USDT", told="told")
    assert {series.name, *(level.name for level in levels)} <= set(words_of(picture))
    found = [mark for mark in picture.marks if isinstance(mark, Line) and mark.role is role]
    # The first one is the legend's.
    return found[1:]


def test_a_higher_number_stands_higher_and_a_level_goes_all_the_way() -> None:
    series = Series("equity", [(T0, 1), (T0 + timedelta(hours=1), 2)])
    (line,) = lines(Role.SERIES, series, Level("limit", 3))
    (x1, y1), (x2, y2) = line.points
    assert x1 < x2 and y1 > y2
    (limit,) = lines(Role.LIMIT, series, Level("limit", 3))
    assert limit.points[0][0] == pytest.approx(x1) and limit.points[1][0] == pytest.approx(x2)
    assert limit.points[0][1] < y2


def test_a_lone_reading_is_seen() -> None:
    (line,) = lines(Role.SERIES, Series("equity", [(T0, 1)]))
    assert len(line.points) == 2 and line.points[0] != line.points[1]


def test_sums_run_in_the_order_of_time_up_to_the_end() -> None:
    late, early = (T0 + timedelta(seconds=9), D(2)), (T0, D(1))
    end = T0 + timedelta(seconds=20)
    assert running([late, early], end) == [(T0, D(1)), (late[0], D(3)), (end, D(3))]
    assert running([], end) == []


def test_a_staircase_holds_each_value_until_the_next() -> None:
    assert staircase([(0, 1), (5, 2)]) == ((0, 1), (5, 1), (5, 2))
