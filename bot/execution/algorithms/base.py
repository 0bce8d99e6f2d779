"""Shared parts of planners: slices on the lot grid with an exact sum, and the venue's rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from math import isfinite

from bot.errors import Infeasible


@dataclass(frozen=True, slots=True)
class LotRules:
    """The venue's rules for a child: quantities in base units, notional in quote units."""

    qty_step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    min_notional: Decimal

    def min_child_lots(self, price: Decimal, *, reduce_only: bool = False) -> int:
        """The smallest child in lots that the venue accepts at this price.

        Closing orders are exempt from the notional rule, never from the minimum quantity.
        """
        smallest = self.min_qty
        if not reduce_only and price > 0:
            smallest = max(smallest, self.min_notional / price)
        return max(1, int((smallest / self.qty_step).to_integral_value(ROUND_CEILING)))

    def max_child_lots(self) -> int:
        """The largest child that the venue takes, in whole steps of quantity."""
        return int(self.max_qty // self.qty_step)


@dataclass(frozen=True, slots=True)
class Slice:
    """One planned child: `offset_seconds` after the start of the parent."""

    slot: int
    offset_seconds: float
    qty: Decimal


@dataclass(frozen=True, slots=True)
class Schedule:
    """A plan whose slices sum to `total - residual`, exactly.

    `residual` is the part that the lot grid can't carry; `slots_merged` counts the slots that were
    joined into larger neighbours because their own child would have been under the venue's minimum.
    """

    slices: tuple[Slice, ...]
    residual: Decimal
    slots_merged: int = 0

    @property
    def total(self) -> Decimal:
        """The sum of all slices, in base units."""
        return sum((s.qty for s in self.slices), Decimal(0))


def whole_lots(qty: Decimal, step: Decimal) -> tuple[int, Decimal]:
    """The quantity as whole lots, and the part that is left over."""
    lots = int(qty // step)
    return lots, qty - lots * step


def split_evenly(total: int, parts: int) -> list[int]:
    """Whole numbers that differ by at most one, sum to `total` and spread the larger ones out.

    The cumulative form of the largest-remainder method with equal weights.
    """
    return [(i + 1) * total // parts - i * total // parts for i in range(parts)]


def require_duration(name: str, value: float) -> float:
    """Raises Infeasible, with the name, unless the value is a positive finite number of seconds."""
    if not isfinite(value) or value <= 0:
        raise Infeasible(f"{name} must be a positive finite number of seconds, not {value}")
    return value


def checked(schedule: Schedule, qty: Decimal, rules: LotRules) -> Schedule:
    """The final check of every schedule: its sum is exact and every child is positive.

    Returns the schedule. Raises Infeasible when the check fails, which is a fault of the planner.
    """
    if schedule.total + schedule.residual != qty:
        raise Infeasible(
            f"the slices add up to {schedule.total} of {qty}: this is a fault of the planner"
        )
    if any(s.qty <= 0 or s.qty % rules.qty_step for s in schedule.slices):
        raise Infeasible(
            "a slice is not a positive multiple of the lot: this is a fault of the planner"
        )
    return schedule


def spread_over(slots: int, lots: int, min_lots: int, max_lots: int) -> Sequence[tuple[int, int]]:
    """(slot, lots) on as many of the slots as the venue's minimum allows, evenly spaced.

    Raises Infeasible when even one child can't be valid.
    """
    used = min(slots, lots // min_lots)
    if used == 0:
        raise Infeasible(
            f"position_size is too small: {lots} lots, the venue's minimum is {min_lots}"
        )
    sizes = split_evenly(lots, used)
    if max(sizes) > max_lots:
        raise Infeasible(
            f"horizon_seconds gives {used} children of up to {max(sizes)} lots; "
            f"the venue's maximum is {max_lots}: lengthen the horizon or shorten the interval"
        )
    return [(i * slots // used, size) for i, size in enumerate(sizes)]
