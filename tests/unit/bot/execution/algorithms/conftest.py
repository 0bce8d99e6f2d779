"""A tiny venue that drives any stepper through fills, cuts, refusals, crashes and outages."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from bot.execution.algorithms.base import LotRules
from bot.execution.algorithms.stepping import (
    CancelLive,
    Done,
    LiveChild,
    Place,
    Progress,
    Stepper,
    Terms,
    Touch,
    WaitUntil,
)

D = Decimal
START = datetime(2026, 8, 9, 12, tzinfo=UTC)


@dataclass
class Venue:
    """Holds the rows; every step sees nothing but them, and each invariant is asserted here."""

    stepper: Stepper
    terms: Terms
    rules: LotRules
    total: Decimal
    horizon_seconds: float
    random: Random
    calm: bool = False
    most_live: int = 10**6
    now: datetime = START
    volume: Decimal = field(default_factory=Decimal)
    mid_ticks: int = 0
    children: list[LiveChild] = field(default_factory=list)
    placed: list[Place] = field(default_factory=list)
    touches: list[Touch] = field(default_factory=list)
    befores: list[Progress] = field(default_factory=list)
    done: Done | None = None

    @property
    def deadline(self) -> datetime:
        return START + timedelta(seconds=self.horizon_seconds)

    def progress(self) -> Progress:
        filled = sum((c.filled for c in self.children), D(0))
        return Progress(self.total, filled, tuple(self.children), START, self.deadline, self.now)

    def touch(self) -> Touch:
        tick = self.terms.tick_size
        spread = self.random.randint(1, 4)
        bid = self.terms.price_limit + (self.mid_ticks - spread) * tick
        sizes = (D(self.random.randint(0, 50)), D(self.random.randint(0, 50)))
        return Touch(bid, bid + spread * tick, *sizes, self.volume)

    def run(self, most_steps: int = 1000) -> "Venue":
        for _ in range(most_steps):
            touch = self.touch()
            progress = self.progress()
            assert progress.filled + progress.open_qty + progress.remaining == self.total
            assert progress.remaining >= 0
            actions = self.stepper.step(progress, touch, self.rules)
            assert actions == self.stepper.step(self.progress(), touch, self.rules)
            if not self.calm and self.random.random() < 0.1:
                self._pass_time(D("0.2"))  # the worker died before it wrote anything
                continue
            for action in actions:
                self._act(action, touch)
            if self.done is not None:
                return self
            (at,) = (a.at for a in actions if isinstance(a, WaitUntil))
            assert self.now <= at
            self._pass_time(D(str((at - self.now).total_seconds())))
            self._events()
        raise AssertionError("the stepper never came to an end")

    def _act(self, action: object, touch: Touch) -> None:
        progress = self.progress()
        if isinstance(action, Place):
            self._place(action, progress, touch)
        elif isinstance(action, CancelLive):
            child = self.children[action.slot]
            assert not child.final and not child.cancel_requested
            self.children[action.slot] = replace(child, cancel_requested=True)
        elif isinstance(action, Done):
            assert not progress.live
            assert progress.filled + progress.remaining == self.total
            self.done = action

    def _place(self, action: Place, progress: Progress, touch: Touch) -> None:
        assert self.now < self.deadline
        assert action.price is not None and self.terms.within_limit(action.price)
        minimum = self.rules.min_child_lots(action.price, reduce_only=self.terms.reduce_only)
        assert action.qty >= minimum * self.rules.qty_step
        assert action.qty <= min(progress.remaining, self.rules.max_qty)
        assert action.qty % self.rules.qty_step == 0
        assert len(progress.live) < self.most_live
        self.placed.append(action)
        self.touches.append(touch)
        self.befores.append(progress)
        self.children.append(
            LiveChild(
                progress.next_slot, action.qty, D(0), action.price, action.style, self.now,
                final=False, cancel_requested=False,
            )
        )  # fmt: skip
        if self.calm:
            self.children[-1] = replace(self.children[-1], filled=action.qty, final=True)

    def _pass_time(self, seconds: Decimal) -> None:
        if not self.calm:
            seconds *= D(str(self.random.choice([0.3, 1, 1, 1, 10])))  # early news, or an outage
        self.now += timedelta(seconds=max(0.01, float(seconds)))
        self.volume += D(self.random.randint(0, 20))
        self.mid_ticks += self.random.randint(-2, 2)

    def _events(self) -> None:
        """Each live child may fill, be cut or refused, or have its cancel confirmed."""
        for child in [c for c in self.children if not c.final]:
            luck = self.random.random()
            open_lots = int(child.open_qty // self.rules.qty_step)
            if luck < 0.5:
                lots = self.random.randint(0, open_lots)
                child = replace(child, filled=child.filled + lots * self.rules.qty_step)
            elif luck < 0.6:
                child = replace(child, filled=child.qty)
            ended = luck > 0.9 or (child.cancel_requested and self.random.random() < 0.7)
            self.children[child.slot] = replace(child, final=ended or child.filled == child.qty)


@pytest.fixture(scope="session")
def venue() -> Callable[..., Venue]:
    return Venue
