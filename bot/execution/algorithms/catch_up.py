"""Catch-up: works a schedule's slices as they fall due, and late quantity under a bound."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.errors import Infeasible
from bot.execution.algorithms.base import LotRules, Slice
from bot.execution.algorithms.stepping import (
    Action,
    Place,
    Progress,
    Style,
    Tail,
    Terms,
    Touch,
    WaitUntil,
    child_lots,
    outside_of_work,
    require_seconds,
    require_share,
    wait,
)


@dataclass(frozen=True, slots=True)
class CatchUp:
    """`slices` of any static schedule. What is late (an outage, a refused or cut child) comes
    back by itself, since every step compares the plan with what is filled or working.

    One child is at most `max_catch_up` times the slice that is due, and what it adds to that
    slice keeps the parent within `participation_cap` of the traded volume. After a child that
    caught up, the next comes `spacing_seconds` later: never all in one burst.
    """

    terms: Terms
    slices: tuple[Slice, ...]
    spacing_seconds: float
    max_catch_up: Decimal = Decimal(3)
    participation_cap: Decimal | None = None

    def __post_init__(self) -> None:
        require_seconds("spacing_seconds", self.spacing_seconds, above_zero=True)
        if not self.slices:
            raise Infeasible("slices must hold at least one")
        if not self.max_catch_up.is_finite() or self.max_catch_up < 1:
            raise Infeasible(f"max_catch_up must be at least 1, not {self.max_catch_up}")
        if self.participation_cap is not None:
            require_share("participation_cap", self.participation_cap, above_zero=True)

    def step(self, progress: Progress, touch: Touch, rules: LotRules) -> tuple[Action, ...]:
        ended = outside_of_work(progress, self.terms, rules)
        if ended is not None:
            return ended
        due = self._due(progress)
        if not due:
            return (self._wait_for_next(progress, len(due)),)
        behind = sum((s.qty for s in due), Decimal(0)) - progress.committed
        last = progress.last
        if last is not None and (
            behind > due[-1].qty or last.placed_at >= _due_at(progress, due[-1])
        ):
            # More than the slice that is due, or that slice's second child: it is catching up.
            next_at = last.placed_at + timedelta(seconds=self.spacing_seconds)
            if next_at > progress.now:
                return (self._look_again(progress, len(due), next_at),)
        if not touch.usable or not self.terms.within_limit(touch.far(self.terms.side)):
            return (self._look_again(progress, len(due)),)
        wanted = min(behind, self.bound(due[-1].qty, progress, touch))
        minimum = self.terms.min_lots(rules, self.terms.price_limit)
        tail = Tail.LEAVE if len(due) == len(self.slices) else Tail.WAIT
        lots = child_lots(wanted, progress, rules, minimum, tail)
        if lots == 0:
            return (self._wait_for_next(progress, len(due)),)
        price = self.terms.price_limit
        again = self._look_again(progress, len(due))
        return (Place(lots * rules.qty_step, Style.IOC, price), again)

    def bound(self, planned: Decimal, progress: Progress, touch: Touch) -> Decimal:
        """The most that a child may be when the slice that is due is `planned`."""
        most = planned * self.max_catch_up
        if self.participation_cap is None:
            return most
        room = touch.traded_volume_since_start * self.participation_cap - progress.committed
        return min(most, max(planned, room))

    def _due(self, progress: Progress) -> tuple[Slice, ...]:
        return tuple(s for s in self.slices if _due_at(progress, s) <= progress.now)

    def _look_again(self, progress: Progress, due: int, at: datetime | None = None) -> WaitUntil:
        """At `at` or after a poll's length, earlier where a slice falls due before."""
        later = wait(progress, at).at
        if due < len(self.slices):
            later = min(later, self._wait_for_next(progress, due).at)
        return WaitUntil(later)

    def _wait_for_next(self, progress: Progress, due: int) -> WaitUntil:
        if due == len(self.slices):
            return wait(progress)
        return wait(progress, _due_at(progress, self.slices[due]))


def _due_at(progress: Progress, planned: Slice) -> datetime:
    return progress.start_at + timedelta(seconds=planned.offset_seconds)
