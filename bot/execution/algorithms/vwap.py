"""VWAP: slices in proportion to the volume that the market is expected to trade in each slot."""

from dataclasses import dataclass
from decimal import Decimal

from bot.execution.algorithms.base import (
    LotRules,
    Schedule,
    Slice,
    checked,
    require_duration,
    whole_lots,
)
from bot.execution.algorithms.weighted import exact_weights, split_by_weight


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
