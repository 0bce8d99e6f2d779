"""Immediate: the whole quantity at once, as limit IOC children under the venue's maximum."""

from decimal import Decimal

from bot.execution.algorithms import passive
from bot.execution.algorithms.algorithm import AlgorithmSpec, Order, Planned, Step, one_child
from bot.execution.algorithms.base import (
    LotRules,
    Schedule,
    Slice,
    checked,
    spread_over,
    whole_lots,
)
from bot.execution.algorithms.passive import Passive

TIMEOUT_SECONDS = 30.0
"""The original interface's execution timeout."""
_WHOLE_HORIZON_SECONDS = 86_400.0


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


def _planned(order: Order) -> Planned:
    schedule = plan(order.qty, order.worst, order.rules, reduce_only=order.reduce_only)
    return Planned(schedule, {}, TIMEOUT_SECONDS)


def _crossing(step: Step) -> Passive:
    """The stepper of a fallback: it crosses with all of the rest again and again until the
    deadline."""
    return passive.stepper(step, cross_margin_seconds=_WHOLE_HORIZON_SECONDS)


ALGORITHM = AlgorithmSpec(children=one_child, plan=_planned, stepper=_crossing)
