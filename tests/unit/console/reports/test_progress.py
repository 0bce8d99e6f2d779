"""The plan and the fills of a trade over time."""

from dataclasses import replace
from decimal import Decimal

from bot.tca.analysis import analyse
from console.pictures.picture import Line, Role
from console.reports.progress import fills_of, plan_of, progress_picture
from tests.unit.bot.execution.tca.trades import child, part, trade


def lines(role: Role, picture_lines: tuple[object, ...]) -> list[Line]:
    return [mark for mark in picture_lines if isinstance(mark, Line) and mark.role is role]


def test_planned_and_filled_are_two_staircases_told_in_words() -> None:
    first = child(0, part("4", "99"), sent=30, qty="4")
    second = child(1, part("3", "101"), sent=90, qty="6")
    cost = analyse(trade(first, second))
    picture = progress_picture(cost)
    assert picture.told == "70% of the quantity is filled; 100% was planned beforehand"
    # Each has its line and its sample in the legend.
    assert len(lines(Role.SERIES, picture.marks)) == len(lines(Role.PLAN, picture.marks)) == 2
    assert [fill.part.qty for fill in fills_of(cost)] == [Decimal(4), Decimal(3)]


def test_orders_that_exceed_the_quantity_were_not_planned_beforehand() -> None:
    cost = analyse(trade(child(0, part("10", "99")), child(1, part("0.5", "99"))))
    assert plan_of(cost) == []
    assert "planned" not in progress_picture(cost).told


def test_a_trade_without_orders_has_a_picture_too() -> None:
    cost = replace(analyse(trade(child(0, part("10", "99")))), children=())
    assert progress_picture(cost).told == "0% of the quantity is filled"
