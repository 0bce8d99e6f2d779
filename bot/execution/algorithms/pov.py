"""POV: a share of the market's volume, between a floor and a cap, never beyond the remainder."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from bot.errors import Infeasible
from bot.execution.algorithms.algorithm import (
    ONE,
    AlgorithmSpec,
    Need,
    Order,
    Step,
    exact,
    one_child,
)
from bot.execution.algorithms.base import LotRules
from bot.execution.algorithms.stepping import (
    Action,
    Place,
    Progress,
    Tail,
    Terms,
    Touch,
    child_lots,
    outside_of_work,
    require_positive,
    require_seconds,
    require_share,
    wait,
)
from models.amounts import plain
from models.enums import Style

DEFAULT_PARTICIPATION = Decimal("0.1")
"""Where neither strategy nor configuration says more: a tenth of the market hardly shows."""


@dataclass(frozen=True, slots=True)
class Pov:
    """`cap_rate` is the parent's largest share of the traded volume, `floor_rate` the smallest.
    Between the two it follows the clock towards its deadline.

    Without a floor rate the two are equal: the plain participation rate. `min_child` is the least
    quantity of a child; `interval_seconds` is the time between children.
    """

    terms: Terms
    cap_rate: Decimal
    floor_rate: Decimal | None = None
    min_child: Decimal = Decimal(0)
    max_child: Decimal | None = None
    interval_seconds: float = 1.0

    def __post_init__(self) -> None:
        require_share("cap_rate", self.cap_rate, above_zero=True)
        require_seconds("interval_seconds", self.interval_seconds)
        if self.floor_rate is not None:
            require_share("floor_rate", self.floor_rate)
            if self.floor_rate > self.cap_rate:
                raise Infeasible(f"floor_rate {self.floor_rate} exceeds cap_rate {self.cap_rate}")
        if not self.min_child.is_finite() or self.min_child < 0:
            raise Infeasible(f"min_child must be at least 0 and finite, not {self.min_child}")
        if self.max_child is not None:
            require_positive("max_child", self.max_child)
            if self.max_child < self.min_child:
                raise Infeasible(f"max_child {self.max_child} is under min_child {self.min_child}")

    def step(self, progress: Progress, touch: Touch, rules: LotRules) -> tuple[Action, ...]:
        """Sends one child per interval: the share of the traded volume that is still missing."""
        terms = self.terms
        ended = outside_of_work(progress, terms, rules)
        if ended is not None:
            return ended
        last = progress.last
        if last is not None:
            next_at = last.placed_at + timedelta(seconds=self.interval_seconds)
            if next_at > progress.now:
                return (wait(progress, next_at),)
        if not touch.usable or not terms.within_limit(touch.far(terms.side)):
            return (wait(progress),)
        lots = self._lots(progress, touch, rules)
        if lots == 0:
            return (wait(progress),)
        return (Place(lots * rules.qty_step, Style.IOC, terms.price_limit), wait(progress))

    def target(self, progress: Progress, touch: Touch) -> Decimal:
        """The quantity that should be filled or working by now."""
        volume = touch.traded_volume_since_start
        cap = volume * self.cap_rate
        floor = cap if self.floor_rate is None else volume * self.floor_rate
        by_the_clock = progress.total * progress.elapsed_share
        return min(max(by_the_clock, floor), cap, progress.total)

    def _lots(self, progress: Progress, touch: Touch, rules: LotRules) -> int:
        wanted = self.target(progress, touch) - progress.committed
        tail = Tail.WAIT
        if self.max_child is not None and wanted >= self.max_child:
            # More volume wouldn't make this child larger, so it does not wait.
            wanted, tail = self.max_child, Tail.LEAVE
        if wanted < min(self.min_child, progress.remaining):
            return 0
        minimum = self.terms.min_lots(rules, self.terms.price_limit)
        return child_lots(wanted, progress, rules, minimum, tail)


def _stored(order: Order) -> dict[str, Any]:
    if order.market is None or order.market.traded_qty is None:
        raise Infeasible("pov needs the market's traded volume, which is not known now")
    cap, least = order.wish.options.participation_rate, order.wish.options.min_participation_rate
    rate = (order.participation_cap or DEFAULT_PARTICIPATION) if cap is None else exact(cap)
    return {
        "cap_rate": plain(rate),
        "floor_rate": None if least is None else plain(exact(least)),
        "interval_seconds": order.interval_seconds,
    }


def _stepper(step: Step) -> Pov:
    """The throttle lowers the rate itself, so that the slowed part is not caught up later."""
    slower = min(step.pace.speed, ONE) * step.pace.size
    floor = step.params["floor_rate"]
    return Pov(
        step.terms,
        cap_rate=Decimal(step.params["cap_rate"]) * slower,
        floor_rate=None if floor is None else Decimal(floor) * slower,
        interval_seconds=step.params["interval_seconds"],
    )


ALGORITHM = AlgorithmSpec(
    children=one_child,
    stored=_stored,
    stepper=_stepper,
    needs=(Need.TRADE_COUNT,),
    parted_by_interval=True,
)
