"""Single acts on a parent's row: its urgency, its left quantity and its lowest price."""

from datetime import timedelta
from typing import Any

import pytest

from bot.execution.orders import parents
from models.enums import ExecutionPriority
from models.tables import ChildOrderRow, InstrumentRow, ParentOrderRow
from tests.unit.bot.risk.cases import NOW, D


def parent(**changes: Any) -> ParentOrderRow:
    facts: dict[str, Any] = {
        "approved_qty": D(10),
        "filled_qty": D(3),
        "released_qty": D(2),
        "price_limit": D(90),
        "params": {},
        "reduce_only": True,
        "priority": ExecutionPriority.EMERGENCY,
    }
    return ParentOrderRow(**(facts | changes))


def test_what_is_left_is_neither_filled_nor_released() -> None:
    assert parents.left_qty(parent()) == D(5)
    live = [ChildOrderRow(qty=D(4), filled_qty=D(1))]
    assert parents.unplanned_qty(parent(), live) == D(2)
    assert parents.unplanned_qty(parent(), []) == D(5)


@pytest.mark.parametrize(
    ("changes", "urgent"),
    [
        ({}, True),
        ({"reduce_only": False}, False),
        ({"priority": ExecutionPriority.HIGH}, False),
    ],
)
def test_only_an_exit_in_an_emergency_is_urgent(changes: dict[str, Any], urgent: bool) -> None:
    assert parents.is_urgent(parent(**changes)) is urgent


def test_an_older_parent_has_its_limit_as_its_lowest_price() -> None:
    assert parents.lowest_price(parent()) == D(90)
    assert parents.lowest_price(parent(params={"lowest_price": "80.5"})) == D("80.5")


def test_a_child_is_late_by_its_planned_time_after_a_second() -> None:
    child = ChildOrderRow(planned_at=NOW, due_at=NOW + timedelta(minutes=1))
    assert not parents.is_late(child, NOW + parents.LATE_AFTER)
    assert parents.is_late(child, NOW + parents.LATE_AFTER + timedelta(milliseconds=1))


def test_the_lot_rules_are_the_instruments() -> None:
    row = InstrumentRow(qty_step=D("0.1"), min_qty=D(1), max_qty=D(9), min_notional=D(5))
    found = parents.lot_rules(row)
    assert (found.qty_step, found.min_qty, found.max_qty, found.min_notional) == (
        *(D("0.1"), D(1), D(9), D(5)),
    )
