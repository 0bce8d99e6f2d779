"""An exit waits for the market for half of its time, then goes without it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from bot.execution.algorithms import blind
from bot.execution.algorithms.base import LotRules
from bot.execution.algorithms.stepping import (
    Action,
    CancelLive,
    LiveChild,
    Place,
    Progress,
    Terms,
    WaitUntil,
)
from models.enums import Style, TradeSide
from tests.unit.bot.risk.cases import NOW

D = Decimal
RULES = LotRules(D("0.001"), D("0.001"), D(100), D(5))
TERMS = Terms(TradeSide.SELL, D("28500"), D("0.1"), reduce_only=True)


def look(seconds: float, *children: LiveChild) -> tuple[Action, ...]:
    progress = Progress(
        total=D("0.1"),
        filled=D(0),
        children=children,
        start_at=NOW,
        deadline_at=NOW + timedelta(seconds=20),
        now=NOW + timedelta(seconds=seconds),
    )
    return blind.step(TERMS, progress, RULES)


def child(**changes: Any) -> LiveChild:
    values: dict[str, Any] = {
        "slot": 0,
        "qty": D("0.1"),
        "filled": D(0),
        "price": D("30000"),
        "style": Style.POST_ONLY,
        "placed_at": NOW,
        "final": False,
        "cancel_requested": False,
    }
    return LiveChild(**(values | changes))


def test_it_waits_at_first() -> None:
    assert [type(action) for action in look(9.9)] == [WaitUntil]


def test_then_it_takes_all_at_the_limit() -> None:
    assert look(10)[0] == Place(D("0.1"), Style.IOC, D("28500"))


def test_what_rests_is_called_back_first() -> None:
    assert look(10, child())[0] == CancelLive(0)


def test_an_attempt_that_found_nothing_is_followed_by_another() -> None:
    tried = child(style=Style.IOC, final=True, placed_at=NOW + timedelta(seconds=10))
    assert [type(action) for action in look(11, tried)] == [WaitUntil]
    assert look(12, tried)[0] == Place(D("0.1"), Style.IOC, D("28500"))
