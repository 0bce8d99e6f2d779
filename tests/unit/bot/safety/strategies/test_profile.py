"""A cap that goes or rises is wider; what is not named stays."""

from decimal import Decimal
from typing import Any

import pytest

from bot.safety.strategies.profile import Profile
from models.tables import StrategyRow

D = Decimal


def row(**changes: Any) -> StrategyRow:
    made = StrategyRow(name="test", owner="ann", version="1")
    for name, value in changes.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("before", "after", "wider"),
    [
        (None, D(5), False),
        (D(5), D(4), False),
        (D(5), D(5), False),
        (D(5), D(6), True),
        (D(5), None, True),
        (None, None, False),
    ],
)
def test_a_cap_that_goes_or_rises_is_wider(
    before: Decimal | None, after: Decimal | None, wider: bool
) -> None:
    assert Profile(max_exposure=after).widens(row(max_exposure=before)) is wider
    assert Profile(owner="bob").widens(row(max_exposure=before)) is False


def test_what_is_not_named_stays_and_each_change_is_told() -> None:
    held = row(max_exposure=D("5.50"), max_requests_per_second=3)
    made = Profile(version="2", max_exposure=None, max_requests_per_second=3).apply(held)
    assert made == {"version": ["1", "2"], "max_exposure": ["5.5", None]}
    assert (held.owner, held.version, held.max_exposure) == ("ann", "2", None)
