"""A static schedule as a stepper: its slices go out when they are due, as a live order's do."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.execution.algorithms.base import LotRules, Slice
from bot.execution.algorithms.stepping import (
    Action,
    Place,
    Progress,
    Tail,
    Terms,
    Touch,
    child_lots,
    outside_of_work,
    wait,
)
from models.enums import Style

AGAIN = timedelta(seconds=1)
"""Until what a slice left in a thin book is sent again: a book refills within seconds."""


@dataclass(frozen=True, slots=True)
class StaticSchedule:
    """`slices` in the order of their times."""

    terms: Terms
    slices: tuple[Slice, ...]

    def step(self, progress: Progress, touch: Touch, rules: LotRules) -> tuple[Action, ...]:
        ended = outside_of_work(progress, self.terms, rules)
        if ended is not None:
            return ended
        due = [s for s in self.slices if _due_at(progress, s) <= progress.now]
        coming = [_due_at(progress, s) for s in self.slices[len(due) :]]
        later = wait(progress, min([progress.now + AGAIN, *coming]))
        lots = self._lots(due, progress, touch, rules)
        if lots == 0:
            return (later,)
        return (Place(lots * rules.qty_step, Style.IOC, self.terms.price_limit), later)

    def _lots(self, due: list[Slice], progress: Progress, touch: Touch, rules: LotRules) -> int:
        """Of the next child: all that is due and neither filled nor on its way."""
        last = progress.last
        if last is not None and progress.now < last.placed_at + AGAIN:
            return 0
        if not touch.usable or not self.terms.within_limit(touch.far(self.terms.side)):
            return 0
        behind = sum((s.qty for s in due), Decimal(0)) - progress.committed
        minimum = self.terms.min_lots(rules, self.terms.price_limit)
        tail = Tail.LEAVE if len(due) == len(self.slices) else Tail.WAIT
        return child_lots(behind, progress, rules, minimum, tail)


def _due_at(progress: Progress, planned: Slice) -> datetime:
    return progress.start_at + timedelta(seconds=planned.offset_seconds)
