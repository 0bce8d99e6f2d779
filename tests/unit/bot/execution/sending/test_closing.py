"""A child closes a whole position only where the venue takes it in no other way."""

from typing import Any

import pytest

from bot.execution.sending.closing import is_all_that_is_left, is_whole
from models.enums import Style
from models.tables import ChildOrderRow, InstrumentRow, ParentOrderRow
from tests.unit.bot.risk.cases import D

RULES = InstrumentRow(min_qty=D("0.01"))


def child(**changes: Any) -> ChildOrderRow:
    facts: dict[str, Any] = {"qty": D("0.004"), "reduce_only": True, "style": Style.IOC}
    return ChildOrderRow(**(facts | changes))


@pytest.mark.parametrize(
    ("changes", "whole"),
    [
        ({}, True),
        ({"qty": D("0.01")}, False),
        ({"reduce_only": False}, False),
        ({"style": Style.POST_ONLY}, False),
    ],
)
def test_only_an_exits_taking_child_under_the_minimum_is_a_whole(
    changes: dict[str, Any], whole: bool
) -> None:
    assert is_whole(child(**changes), RULES) is whole


def test_without_the_venues_rules_nothing_is_a_whole() -> None:
    assert not is_whole(child(), None)


def test_all_that_is_left_is_the_childs_quantity_to_the_last_digit() -> None:
    parent = ParentOrderRow(approved_qty=D(1), filled_qty=D("0.9"), released_qty=D("0.096"))
    assert is_all_that_is_left(parent, child())
    assert not is_all_that_is_left(parent, child(qty=D("0.003")))
