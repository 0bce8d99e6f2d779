"""Iceberg: one visible child at a time, the next only when the former is final."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from math import isfinite
from random import Random
from typing import Any

from bot.errors import Infeasible
from bot.execution.algorithms.algorithm import MAX_CHILDREN, ONE, AlgorithmSpec, Order, Step
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
    wait,
)
from bot.execution.algorithms.wish import Wish
from models.amounts import ZERO, plain
from models.enums import Style

DEFAULT_DISPLAYS = 10
"""An iceberg shows a tenth of itself unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Iceberg:
    """Shows `display` at a time, at `price` or at the near touch of the child's placing.

    `size_distortion` (0 to under 1) varies the display; drawn from `seed` and the child's slot,
    so that a step repeated after a crash draws the same. The last child may show less, or up to
    one venue minimum more where the rest couldn't be sent alone.
    """

    terms: Terms
    display: Decimal
    price: Decimal | None = None
    size_distortion: float = 0.0
    seed: int | None = None
    guard_seconds: float = 2.0
    """A crossed child is given this long for its fill to be reported."""

    def __post_init__(self) -> None:
        require_positive("display", self.display)
        require_seconds("guard_seconds", self.guard_seconds)
        distortion = self.size_distortion
        if not isfinite(distortion) or not 0 <= distortion < 1:
            raise Infeasible(f"size_distortion must be at least 0 and under 1, not {distortion}")
        if distortion and self.seed is None:
            raise Infeasible("seed is needed for size_distortion")
        if self.price is not None:
            require_positive("price", self.price)
            if not self.terms.within_limit(self.price):
                raise Infeasible(f"price {self.price} is beyond price_limit")

    def step(self, progress: Progress, touch: Touch, rules: LotRules) -> tuple[Action, ...]:
        """Shows the next part when no child is live.

        Calls back a child that the market has left behind.
        """
        terms = self.terms
        ended = outside_of_work(progress, terms, rules)
        if ended is not None:
            return ended
        if progress.live:
            lost = tuple(child for child in progress.live if self._lost(child, progress, touch))
            return (*cancel(lost), wait(progress))
        price = self.price
        if price is None:
            if not touch.usable:
                return (wait(progress),)
            price = terms.better(touch.near(terms.side), terms.price_limit)
        minimum = terms.min_lots(rules, price)
        wanted = max(self._display_lots(progress.next_slot, rules), minimum) * rules.qty_step
        lots = child_lots(wanted, progress, rules, minimum, Tail.TAKE)
        if lots == 0:
            return (wait(progress),)
        return (Place(lots * rules.qty_step, Style.LIMIT, price), wait(progress))

    def _display_lots(self, slot: int, rules: LotRules) -> int:
        if not self.size_distortion:
            return int(self.display // rules.qty_step)
        share = Decimal(repr(self.size_distortion))
        least = self.display * (1 - share) / rules.qty_step
        most = self.display * (1 + share) / rules.qty_step
        low, high = int(least.to_integral_value(ROUND_CEILING)), int(most)
        return Random(f"{self.seed}:{slot}").randint(low, max(low, high))

    def _lost(self, child: LiveChild, progress: Progress, touch: Touch) -> bool:
        """Whether the touch has crossed a child that looks open: its end was not reported to us."""
        if child.price is None or not touch.usable:
            return False
        waited = progress.now - child.placed_at >= timedelta(seconds=self.guard_seconds)
        return waited and self.terms.crosses(child.price, touch)


def _children(wish: Wish) -> int:
    """The number of times that the shown size fits into the trade; one without a shown size."""
    shown = wish.options.display_notional
    if shown is None or not shown > ZERO:
        return 1
    return int(min(wish.notional / shown, Decimal(MAX_CHILDREN)))


def _stored(order: Order) -> dict[str, Any]:
    options = order.wish.options
    shown = options.display_notional
    display = order.qty / DEFAULT_DISPLAYS if shown is None else shown / order.price
    if order.reduce_only:
        # An entry that shows too little is refused by the gate's check of slices.
        display = max(display, order.qty / order.max_slices)
    return {
        "display": plain(display),
        "size_distortion": options.size_distortion,
        "seed": options.seed,
    }


def _stepper(step: Step) -> Iceberg:
    return Iceberg(
        step.terms,
        display=Decimal(step.params["display"]) * step.pace.size * min(step.pace.speed, ONE),
        size_distortion=step.params["size_distortion"],
        seed=step.params["seed"],
    )


ALGORITHM = AlgorithmSpec(children=_children, stored=_stored, stepper=_stepper, rests=True)
