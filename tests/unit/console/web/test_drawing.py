"""Pictures: numbers become shapes without styles, within their frame, and are told in words."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from console.web.drawing import bar, curve, level_of, planned_and_done

NOW = datetime(2026, 11, 30, tzinfo=UTC)
D = Decimal


def points(svg: str) -> list[list[float]]:
    found = re.findall(r'points="([^"]+)"', svg)
    return [[float(n) for pair in line.split() for n in pair.split(",")] for line in found]


@given(st.lists(st.decimals("-1e9", "1e9", places=4), min_size=2, max_size=60))
def test_a_curve_stays_in_its_frame(values: list[Decimal]) -> None:
    (line,) = points(curve(values, "equity"))
    assert all(0 <= x <= 600 for x in line[::2])
    assert all(0 <= y <= 120 for y in line[1::2])


def test_a_single_value_is_no_curve() -> None:
    assert curve([D(1)], "equity") == ""


@given(st.floats(0, 100))
def test_a_bar_is_full_at_most(share: float) -> None:
    width = re.search(r'class="fill \w+" width="([\d.]+)"', bar(share))
    assert width and 0 <= float(width[1]) <= 100


def test_levels_have_names() -> None:
    assert [level_of(share) for share in (0.1, 0.7, 0.95, 2)] == ["well", "near", "full", "full"]


def test_planned_and_done_are_two_staircases_told_in_words() -> None:
    plan = [(NOW, D(1)), (NOW + timedelta(seconds=30), D(1))]
    done = [(NOW + timedelta(seconds=3), D(1))]
    svg = planned_and_done(plan, done, NOW, NOW + timedelta(seconds=60))
    assert "50% of the plan is filled" in svg
    assert len(points(svg)) == 2
    assert "style=" not in svg
    assert planned_and_done([], [], NOW, NOW) == ""


def test_words_in_a_picture_are_escaped() -> None:
    assert "&lt;" in curve([D(1), D(2)], '<script>"')
