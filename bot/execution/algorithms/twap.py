"""TWAP: equal slices at equal intervals, the first at once, exact to the last lot."""

from dataclasses import dataclass
from decimal import Decimal

from bot.errors import Infeasible
from bot.execution.algorithms.base import (
    LotRules,
    Schedule,
    Slice,
    checked,
    require_duration,
    spread_over,
    whole_lots,
)


@dataclass(frozen=True, slots=True)
class TwapParams:
    """`slots` overrides horizon / interval when given."""

    horizon_seconds: float
    interval_seconds: float
    slots: int | None = None

    def slot_count(self) -> int:
        horizon = require_duration("horizon_seconds", self.horizon_seconds)
        interval = require_duration("interval_seconds", self.interval_seconds)
        if self.slots is not None:
            if self.slots < 1:
                raise Infeasible(f"slots must be at least 1, not {self.slots}")
            return self.slots
        if horizon < interval:
            raise Infeasible(
                f"horizon_seconds {horizon} is shorter than interval_seconds {interval}"
            )
        # Decimal of the shortest text, so that 3 / 0.1 is 30 slots and not 29.
        return int(Decimal(repr(horizon)) // Decimal(repr(interval)))


def plan(
    params: TwapParams, qty: Decimal, price: Decimal, rules: LotRules, *, reduce_only: bool = False
) -> Schedule:
    """Slices of `qty` over the horizon; slots too small for the venue are merged, and counted.

    Raises Infeasible with the parameter's name.
    """
    slots = params.slot_count()
    spacing = params.horizon_seconds / slots
    lots, residual = whole_lots(qty, rules.qty_step)
    minimum = rules.min_child_lots(price, reduce_only=reduce_only)
    chosen = spread_over(slots, lots, minimum, rules.max_child_lots())
    slices = tuple(
        Slice(slot=slot, offset_seconds=slot * spacing, qty=size * rules.qty_step)
        for slot, size in chosen
    )
    return checked(Schedule(slices, residual, slots_merged=slots - len(slices)), qty, rules)
