"""The words for a parent order: the strongest obstacle first, then the work."""

from typing import Any

import pytest

from console.views.live import parent_words as words
from models.documents.orders import FallbackProgress
from models.enums import Algorithm, ParentState
from models.tables import ParentOrderRow
from tests.unit.bot.risk.cases import NOW, D


def parent(**changes: Any) -> ParentOrderRow:
    facts: dict[str, Any] = {
        "algorithm": "twap",
        "state": ParentState.WORKING,
        "approved_qty": D(4),
        "filled_qty": D(1),
        "ladder": None,
        "pace": None,
    }
    return ParentOrderRow(**(facts | changes))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "twap, 25% filled"),
        (
            {"ladder": FallbackProgress(algorithm=Algorithm.PASSIVE)},
            "twap, now passive, 25% filled",
        ),
        ({"state": ParentState.PAUSED}, "paused by the operator; twap, 25% filled"),
        (
            {"state": ParentState.PAUSED, "set_aside_at": NOW, "failure": "odd"},
            "set aside: odd; twap, 25% filled",
        ),
        (
            {"stop_reason": "halt: drill", "set_aside_at": NOW},
            "ending: halt: drill; twap, 25% filled",
        ),
        ({"state": ParentState.COMPLETED}, ""),
    ],
)
def test_progress_names_the_strongest_obstacle_first(changes: dict[str, Any], line: str) -> None:
    assert words.progress_words(parent(**changes)) == line


def test_where_nothing_is_open_nothing_is_said() -> None:
    assert words.progress_words(None) == ""
    assert words.pace_words(None) == ""


def test_failures_are_counted_by_their_class() -> None:
    assert words.ladder_words(None) == ""
    positions = {"timeout": 2, "price": 1, "margin": 0}
    assert words.ladder_words(FallbackProgress(positions)) == "price 1, timeout 2"


def test_what_a_plan_left_out_is_said() -> None:
    assert words.planning_words({}) == ""
    told = words.planning_words({"slots_merged": 3, "residual": "0.0004"})
    assert "3 slices were too small" in told
    assert "0.0004 is no whole lot" in told
