"""Passive then cross: post-only at the touch, re-priced with care, crossing before the deadline."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from bot.execution.algorithms.algorithm import (
    ONE,
    AlgorithmSpec,
    Order,
    Step,
    exact,
    one_child,
)
from bot.execution.algorithms.base import LotRules
from bot.execution.algorithms.stepping import (
    Action,
    LiveChild,
    Place,
    Progress,
    Tail,
    Terms,
    Touch,
    cancel,
    child_lots,
    outside_of_work,
    require_positive,
    require_seconds,
    require_share,
    wait,
)
from models.enums import Style


class Phase(StrEnum):
    """How the algorithm prices its child: at the touch, a tick in front of it, or across the
    spread."""

    JOIN = "join"
    IMPROVE = "improve"
    CROSS = "cross"


@dataclass(frozen=True, slots=True)
class Passive:
    """Joins the queue at the touch; after `improve_after` (share of the horizon) steps a tick in
    front of it where the spread allows; `cross_margin_seconds` before the deadline takes the rest.

    One child lives at a time: a new price waits until the old child's cancel is confirmed, so the
    quantity can't be filled twice. `requote_seconds` is a child's least time in the queue. A
    child is at most `max_child`, plus less than one venue minimum where that much would be left.
    """

    terms: Terms
    cross_margin_seconds: float = 5.0
    improve_after: Decimal = Decimal("0.5")
    requote_seconds: float = 2.0
    retry_seconds: float = 0.5
    """The time between two crossing children, and the least time between two post-only ones."""
    max_child: Decimal | None = None

    def __post_init__(self) -> None:
        require_seconds("cross_margin_seconds", self.cross_margin_seconds)
        require_seconds("requote_seconds", self.requote_seconds)
        require_seconds("retry_seconds", self.retry_seconds, above_zero=True)
        require_share("improve_after", self.improve_after)
        if self.max_child is not None:
            require_positive("max_child", self.max_child)

    def step(self, progress: Progress, touch: Touch, rules: LotRules) -> tuple[Action, ...]:
        """Rests one child where the phase says, or takes the remainder in the last phase."""
        ended = outside_of_work(progress, self.terms, rules)
        if ended is not None:
            return ended
        if not touch.usable:
            return (wait(progress),)
        phase = self.phase(progress)
        if phase is Phase.CROSS and self.terms.within_limit(touch.far(self.terms.side)):
            return self._cross(progress, rules)
        return self._rest(progress, touch, rules, phase)

    def phase(self, progress: Progress) -> Phase:
        """The phase by elapsed share of the horizon and by the time left before the deadline."""
        if progress.now >= progress.deadline_at - timedelta(seconds=self.cross_margin_seconds):
            return Phase.CROSS
        return Phase.IMPROVE if progress.elapsed_share >= self.improve_after else Phase.JOIN

    def _cross(self, progress: Progress, rules: LotRules) -> tuple[Action, ...]:
        """Cancels resting children first; the returned quantity goes out as IOC."""
        if progress.live:
            resting = tuple(c for c in progress.live if c.style is not Style.IOC)
            movable = tuple(c for c in resting if self._can_move(progress, rules))
            return (*cancel(movable), wait(progress))
        last = progress.last
        if last is not None and last.style is Style.IOC and last.filled < last.qty:
            retry_at = last.placed_at + timedelta(seconds=self.retry_seconds)
            if retry_at > progress.now:
                return (wait(progress, retry_at),)
        return self._place(progress, rules, Style.IOC, self.terms.price_limit)

    def _rest(
        self, progress: Progress, touch: Touch, rules: LotRules, phase: Phase
    ) -> tuple[Action, ...]:
        price = self._resting_price(progress, touch, phase)
        stay = timedelta(seconds=self.requote_seconds)
        last = progress.last
        if not progress.live:
            # A post-only child that would have traded ends at once; they too need a pause.
            pause = max(stay, timedelta(seconds=self.retry_seconds))
            if last is not None and last.filled < last.qty:
                next_at = last.placed_at + pause
                if next_at > progress.now:
                    return (wait(progress, next_at),)
            return self._place(progress, rules, Style.POST_ONLY, price)
        stale = tuple(
            child
            for child in progress.live
            if child.placed_at + stay <= progress.now
            and self._outdated(child, price)
            and self._can_move(progress, rules)
        )
        return (*cancel(stale), wait(progress))

    def _resting_price(self, progress: Progress, touch: Touch, phase: Phase) -> Decimal:
        """The near touch, or a tick in front of it when others share the level and there is room;
        never beyond the limit and never at the other side."""
        side, tick = self.terms.side, self.terms.tick_size
        near = touch.near(side)
        if phase is not Phase.JOIN:
            ours = sum((c.open_qty for c in progress.live if c.price == near), Decimal(0))
            shown = touch.bid_size if near == touch.bid else touch.ask_size
            improved = near + side.sign * tick
            if shown > ours and not self.terms.crosses(improved, touch):
                near = improved
        return self.terms.better(near, self.terms.price_limit)

    def _outdated(self, child: LiveChild, wanted: Decimal) -> bool:
        """Whether a child is behind the wanted price; a child in front of it keeps its place."""
        if child.price is None:
            return False
        return child.price != wanted and self.terms.worse(child.price, wanted) == wanted

    def _can_move(self, progress: Progress, rules: LotRules) -> bool:
        """Whether the child may be cancelled for a new price. A rest under the venue's minimum
        stays, because it could not be sent again."""
        rest = progress.total - progress.filled
        minimum = self.terms.min_lots(rules, self.terms.price_limit)
        return rest // rules.qty_step >= minimum

    def _place(
        self, progress: Progress, rules: LotRules, style: Style, price: Decimal
    ) -> tuple[Action, ...]:
        wanted = progress.remaining
        if self.max_child is not None:
            wanted = min(wanted, self.max_child)
        minimum = self.terms.min_lots(rules, price)
        lots = child_lots(wanted, progress, rules, minimum, Tail.TAKE)
        if lots == 0:
            return (wait(progress),)
        return (Place(lots * rules.qty_step, style, price), wait(progress))


def _stored(order: Order) -> dict[str, Any]:
    options = order.wish.options
    chosen = {
        "improve_after": options.improve_after,
        "cross_margin_seconds": options.cross_margin_seconds,
        "requote_seconds": options.requote_seconds,
    }
    return {name: value for name, value in chosen.items() if value is not None}


def stepper(step: Step, **chosen: Any) -> Passive:
    """Passive with these fields, at the pace that risk allows."""
    if step.pace.speed < ONE:
        # Slowed, it stays at the touch: only its deadline makes it cross.
        chosen["improve_after"] = ONE
    if step.pace.size < ONE:
        chosen["max_child"] = step.total * step.pace.size
    return Passive(step.terms, **chosen)


def _stepper(step: Step) -> Passive:
    said = step.params
    chosen: dict[str, Any] = {
        name: said[name] for name in ("cross_margin_seconds", "requote_seconds") if name in said
    }
    if "improve_after" in said:
        chosen["improve_after"] = exact(said["improve_after"])
    return stepper(step, **chosen)


ALGORITHM = AlgorithmSpec(children=one_child, stored=_stored, stepper=_stepper, rests=True)
