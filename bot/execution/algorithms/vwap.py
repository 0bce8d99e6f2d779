"""VWAP: slices in proportion to the volume that the market is expected to trade in each slot.

The strategy's volume curve gives a schedule; a volume model steers it step by step
(`steered_vwap`).
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.execution.algorithms.algorithm import (
    ONE,
    STEP_INTERVAL_SECONDS,
    AlgorithmSpec,
    Need,
    Order,
    Planned,
    Step,
    by_interval,
)
from bot.execution.algorithms.base import (
    LotRules,
    Schedule,
    Slice,
    checked,
    require_duration,
    whole_lots,
)
from bot.execution.algorithms.steered_vwap import SteeredVwap
from bot.execution.algorithms.weighted import exact_weights, split_by_weight
from bot.execution.algorithms.wish import Wish
from models.amounts import plain


@dataclass(frozen=True, slots=True)
class VwapParams:
    """`curve` is the expected volume of each of its equally long slots, in any one unit."""

    horizon_seconds: float
    curve: tuple[Decimal | float, ...]


def plan(
    params: VwapParams, qty: Decimal, price: Decimal, rules: LotRules, *, reduce_only: bool = False
) -> Schedule:
    """Slices of `qty` along the curve, each due at the start of its slot.

    Raises Infeasible with the parameter's name.
    """
    horizon = require_duration("horizon_seconds", params.horizon_seconds)
    weights = exact_weights("curve", params.curve)
    lots, residual = whole_lots(qty, rules.qty_step)
    minimum = rules.min_child_lots(price, reduce_only=reduce_only)
    split = split_by_weight(lots, weights, minimum, rules.max_child_lots())
    slices = tuple(
        Slice(slot, offset_seconds=slot * horizon / len(weights), qty=size * rules.qty_step)
        for slot, size in split.children
    )
    return checked(Schedule(slices, residual, slots_merged=split.merged), qty, rules)


def _children(wish: Wish) -> int:
    if wish.options.volume_model is None:
        return sum(1 for share in wish.volume_curve if share > 0)
    return by_interval(wish)


def _planned(order: Order) -> Planned:
    volumes = _curve(order)
    params = VwapParams(order.horizon_seconds, volumes)
    schedule = plan(params, order.qty, order.worst, order.rules, reduce_only=order.reduce_only)
    stored = {
        "horizon_seconds": order.horizon_seconds,
        "volume_curve": list(volumes),
        "spacing_seconds": order.horizon_seconds / len(volumes),
    }
    return Planned(schedule, stored, order.horizon_seconds)


def _curve(order: Order) -> tuple[float, ...]:
    """The volume curve; an exit's with neighbours joined until no more than `max_slices` are
    left."""
    curve, most = order.wish.volume_curve, order.max_slices
    if len(curve) <= most or not order.reduce_only:
        return curve
    joined = -(-len(curve) // most)
    return tuple(sum(curve[i : i + joined]) for i in range(0, len(curve), joined))


def _stored(order: Order) -> dict[str, Any]:
    cap = order.participation_cap
    return {
        "volume_model": order.wish.options.volume_model,
        "interval_seconds": order.interval_seconds,
        "max_catch_up": plain(order.max_catch_up),
        "participation_cap": None if cap is None else plain(cap),
    }


def _stepper(step: Step) -> SteeredVwap:
    cap = step.params["participation_cap"]
    return SteeredVwap(
        step.terms,
        interval_seconds=step.params["interval_seconds"],
        forecast=step.forecast,
        max_catch_up=max(ONE, Decimal(step.params["max_catch_up"]) * step.pace.size),
        participation_cap=None if cap is None else Decimal(cap),
    )


def _step_interval(horizon_seconds: float) -> float:
    """Volume models know minutes: sixty steps are enough, and one a minute at most."""
    return min(max(horizon_seconds / 60, STEP_INTERVAL_SECONDS), 60.0, horizon_seconds)


ALGORITHM = AlgorithmSpec(
    children=_children,
    plan=_planned,
    stored=_stored,
    stepper=_stepper,
    is_stepped=lambda wish: bool(wish.options.volume_model),
    step_interval=_step_interval,
    needs=(Need.VOLUME_FORECAST,),
)
