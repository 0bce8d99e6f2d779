"""A day's money: losses stand beside their limits, and only where they can be compared."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from console.pictures.picture import Line, Role
from console.reports.document import Note, Plot
from console.reports.money import money_section
from tests.support.documents.daily_facts import T0, daily_facts

D = Decimal


def money(**changes: Any) -> dict[str, Any]:
    return {**daily_facts(points=4)["money"], **changes}


def limits_plot(of: dict[str, Any]) -> Plot:
    plots = [block for block in money_section(of).blocks if isinstance(block, Plot)]
    assert len(plots) == 2
    return plots[1]


def test_losses_and_drawdown_are_drawn_against_both_limits() -> None:
    plot = limits_plot(money())
    assert plot.picture.told == (
        "largest loss of the day 1.50% of 3.00%, largest drawdown 1.50% of 10.00%"
    )
    roles = {mark.role for mark in plot.picture.marks if isinstance(mark, Line)}
    assert {Role.SERIES, Role.THIRD, Role.LIMIT, Role.BAD} <= roles
    assert plot.table is not None
    assert [row[2] for row in plot.table.rows] == ["0.000%", "0.500%", "1.000%", "1.500%"]


def test_readings_before_a_cash_flow_are_not_compared() -> None:
    plot = limits_plot(money(comparable_since=T0 + timedelta(hours=2)))
    assert plot.table is not None
    assert [row[2] for row in plot.table.rows] == ["–", "–", "1.000%", "1.500%"]
    assert "They begin at 2026-11-30T02:00:00.000Z" in plot.caption


def test_the_drawdown_begins_at_its_peak() -> None:
    plot = limits_plot(money(peak=D(99_500), peak_at=T0 + timedelta(hours=1)))
    assert plot.table is not None
    assert [row[3] for row in plot.table.rows] == ["–", "0.000%", "0.503%", "1.005%"]
    assert "The drawdown begins at its peak, 2026-11-30T01:00:00.000Z" in plot.caption


@pytest.mark.parametrize("points", [0, 1])
def test_no_curve_is_said(points: int) -> None:
    blocks = money_section(daily_facts(points=points)["money"]).blocks
    assert not [block for block in blocks if isinstance(block, Plot)]
    assert any(isinstance(b, Note) and "read less than twice" in b.text for b in blocks)


def test_an_unknown_start_and_peak_leave_the_limits() -> None:
    plot = limits_plot(money(start=None, peak=None))
    assert "unknown of 3.00%" in plot.picture.told


def test_a_limit_that_is_reached_is_told_loudly() -> None:
    tones = {
        block.text: block.tone
        for block in money_section(money(loss_share=0.03, drawdown_share=0.05)).blocks
        if isinstance(block, Note)
    }
    assert tones["loss of the day: 3.00% of 3.00%"] == "bad"
    assert tones["drawdown from the peak: 5.00% of 10.00%"] == "good"
