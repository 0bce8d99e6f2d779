"""Slices go out when they are due; what a thin book leaves is sent again a second later."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from benchmarks.support.static_schedule import AGAIN, StaticSchedule
from bot.execution.algorithms.base import LotRules, Slice
from bot.execution.algorithms.stepping import (
    Action,
    Done,
    DoneReason,
    LiveChild,
    Place,
    Progress,
    Terms,
    Touch,
    WaitUntil,
)
from models.enums import Style, TradeSide
from tests.support.fakes import T0

D = Decimal
RULES = LotRules(D(1), D(1), D(100), D(0))
BOOK = Touch(D(100), D("100.5"), D(9), D(9), D(0))
TERMS = Terms(TradeSide.BUY, price_limit=D(101), tick_size=D("0.5"))
SCHEDULE = StaticSchedule(TERMS, (Slice(0, 0, D(3)), Slice(1, 60, D(4))))


def at(seconds: float, *children: LiveChild) -> Progress:
    filled = sum((child.filled for child in children), D(0))
    now, end = T0 + timedelta(seconds=seconds), T0 + timedelta(seconds=120)
    return Progress(D(7), filled, children, T0, end, now)


def child(filled: int, seconds: float, *, final: bool = True) -> LiveChild:
    placed_at = T0 + timedelta(seconds=seconds)
    return LiveChild(0, D(3), D(filled), D(101), Style.IOC, placed_at, final, False)


def step(progress: Progress, touch: Touch = BOOK) -> tuple[Action, ...]:
    return SCHEDULE.step(progress, touch, RULES)


def ioc(qty: int) -> Place:
    return Place(D(qty), Style.IOC, D(101))


def test_each_slice_goes_out_when_it_is_due() -> None:
    assert step(at(0)) == (ioc(3), WaitUntil(T0 + AGAIN))
    waiting = (WaitUntil(T0 + timedelta(seconds=60)),)
    assert step(at(59.5, child(3, 0))) == waiting
    assert step(at(60, child(3, 0)))[0] == ioc(4)


def test_what_a_book_left_is_sent_again_after_a_second_and_once() -> None:
    assert step(at(0.5, child(1, 0))) == (WaitUntil(T0 + timedelta(seconds=1.5)),)
    assert step(at(1, child(1, 0)))[0] == ioc(2)
    assert step(at(1, child(1, 0, final=False))) == (WaitUntil(T0 + timedelta(seconds=2)),)


def test_nothing_goes_out_beyond_the_limit_or_into_an_empty_book() -> None:
    for touch in (replace(BOOK, ask=D("101.5")), replace(BOOK, bid=D(0))):
        assert step(at(0), touch) == (WaitUntil(T0 + AGAIN),)


def test_it_ends_with_its_order_or_at_the_deadline() -> None:
    assert step(at(120)) == (Done(DoneReason.DEADLINE),)
    assert step(at(70, replace(child(0, 60), qty=D(7), filled=D(7)))) == (Done(DoneReason.FILLED),)
