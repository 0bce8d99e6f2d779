"""What holds a parent under way, and what no longer does after its deadline."""

from datetime import timedelta
from decimal import Decimal

import pytest

from bot.execution.working.step_inputs import is_held, pace_in_force
from models.documents.orders import FallbackProgress, Throttle, ThrottleKind
from models.enums import ParentState
from tests.unit.bot.execution.working.stepped import NOW, parent

AFTER = NOW + timedelta(hours=1)


def throttle(speed: str) -> Throttle:
    return Throttle(
        ThrottleKind.PAUSE, Decimal(speed), Decimal(1), "spread", value=None, limit=None, since=NOW
    )


def test_a_parent_under_way_is_held_by_nothing() -> None:
    assert not is_held(parent(), None, NOW)
    assert not is_held(parent(), throttle("0.5"), NOW)


@pytest.mark.parametrize(
    ("order", "pace"),
    [
        (parent(state=ParentState.PAUSED), None),
        (parent(), throttle("0")),
        (parent(ladder=FallbackProgress(not_before=NOW + timedelta(seconds=1))), None),
    ],
)
def test_an_operator_the_throttle_and_a_failure_hold_it_until_its_deadline(
    order: object, pace: Throttle | None
) -> None:
    assert is_held(order, pace, NOW)
    assert not is_held(order, pace, AFTER)


def test_a_failure_that_is_long_enough_ago_holds_nothing() -> None:
    order = parent(ladder=FallbackProgress(not_before=NOW))
    assert not is_held(order, None, NOW)


def test_the_throttle_ends_with_the_deadline() -> None:
    order = parent(pace=throttle("0.5"))
    assert pace_in_force(order, NOW) == throttle("0.5")
    assert pace_in_force(order, AFTER) is None
    assert pace_in_force(parent(), NOW) is None
