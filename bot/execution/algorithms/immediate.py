"""Immediate: the whole quantity at once, as limit IOC children under the venue's maximum."""

from decimal import Decimal

from bot.execution.algorithms.base import (
    LotRules,
    Schedule,
    Slice,
    checked,
    spread_over,
    whole_lots,
)


def plan(qty: Decimal, price: Decimal, rules: LotRules, *, reduce_only: bool = False) -> Schedule:
    """One slice, or as few as the venue's maximum order size allows, all due at once.

    Raises Infeasible when the quantity is under the venue's minimum.
    """
    lots, residual = whole_lots(qty, rules.qty_step)
    minimum = rules.min_child_lots(price, reduce_only=reduce_only)
    children = max(1, -(-lots // rules.max_child_lots()))
    slices = tuple(
        Slice(slot=slot, offset_seconds=0.0, qty=size * rules.qty_step)
        for slot, size in spread_over(children, lots, minimum, rules.max_child_lots())
    )
    return checked(Schedule(slices, residual), qty, rules)
