"""TWAP: equal slices at equal intervals, exact to the last lot; seeded randomness if wanted."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import isfinite, nextafter
from random import Random
from typing import Any, Literal

from bot.errors import Infeasible
from bot.execution.algorithms.algorithm import AlgorithmSpec, Order, Planned, by_interval
from bot.execution.algorithms.base import (
    LotRules,
    Schedule,
    Slice,
    checked,
    require_duration,
    spread_over,
    whole_lots,
)
from bot.execution.algorithms.weighted import apportion
from bot.execution.algorithms.wish import Options


@dataclass(frozen=True, slots=True)
class TwapParams:
    """`slots` overrides horizon / interval when given.

    `size_distortion` (0 to under 1) is a share of the slice, `time_distortion` (0 to 0.5) a share
    of the interval, both to either side. They need a `seed`, so that the same parent always gets
    the same plan; take one that others can't guess.
    """

    horizon_seconds: float
    interval_seconds: float
    slots: int | None = None
    start: Literal["at_once", "mid_slot"] = "at_once"
    size_distortion: float = 0.0
    time_distortion: float = 0.0
    seed: int | None = None

    def slot_count(self) -> int:
        """The number of slices: `slots`, or else how often the interval fits into the horizon.

        Raises Infeasible for a duration or a number of slots that allows no slice.
        """
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
    random = _randomness(params)
    lots, residual = whole_lots(qty, rules.qty_step)
    minimum = rules.min_child_lots(price, reduce_only=reduce_only)
    chosen = spread_over(slots, lots, minimum, rules.max_child_lots())
    sizes = [size for _, size in chosen]
    if params.size_distortion:
        bounds = (minimum, rules.max_child_lots())
        sizes = distorted_sizes(sizes, params.size_distortion, bounds, random)
    offsets = _offsets([slot for slot, _ in chosen], slots, params, random)
    slices = tuple(
        Slice(slot=slot, offset_seconds=offset, qty=size * rules.qty_step)
        for (slot, _), offset, size in zip(chosen, offsets, sizes, strict=True)
    )
    return checked(Schedule(slices, residual, slots_merged=slots - len(slices)), qty, rules)


def distorted_sizes(
    planned: Sequence[int], distortion: float, bounds: tuple[int, int], random: Random
) -> list[int]:
    """Lots drawn within `distortion` of each planned slice and the venue's bounds, same total.

    The difference between the draws and the total is shared out in proportion to each slice's room,
    so that no slice leaves its range.
    """
    share = Decimal(repr(distortion))
    least = [
        max(bounds[0], int((n * (1 - share)).to_integral_value(ROUND_CEILING))) for n in planned
    ]
    most = [min(bounds[1], int((n * (1 + share)).to_integral_value(ROUND_FLOOR))) for n in planned]
    sizes = [random.randint(low, high) for low, high in zip(least, most, strict=True)]
    missing = sum(planned) - sum(sizes)
    if not missing:
        return sizes
    ends = most if missing > 0 else least
    room = [abs(end - size) for end, size in zip(ends, sizes, strict=True)]
    sign = 1 if missing > 0 else -1
    moved = apportion(abs(missing), room)
    return [size + sign * part for size, part in zip(sizes, moved, strict=True)]


def _randomness(params: TwapParams) -> Random:
    size, time = params.size_distortion, params.time_distortion
    if not isfinite(size) or not 0 <= size < 1:
        raise Infeasible(f"size_distortion must be at least 0 and under 1, not {size}")
    if not isfinite(time) or not 0 <= time <= 0.5:
        raise Infeasible(f"time_distortion must be from 0 to 0.5, not {time}")
    if params.start not in ("at_once", "mid_slot"):
        raise Infeasible(f"start must be at_once or mid_slot, not {params.start}")
    if (size or time) and params.seed is None:
        raise Infeasible("seed is needed for size_distortion or time_distortion")
    return Random(params.seed)


def _offsets(
    used: Sequence[int], slots: int, params: TwapParams, random: Random
) -> Sequence[float]:
    """Due times in seconds, in the slots' order and inside the horizon."""
    spacing = params.horizon_seconds / slots
    middle = 0.5 if params.start == "mid_slot" else 0.0
    # Rounding must not carry the last one to the end itself.
    last = nextafter(params.horizon_seconds, 0.0)
    offsets: list[float] = []
    for slot in used:
        jitter = 0.0
        # The first slice stays at the start of the horizon.
        if params.time_distortion and (slot or middle):
            jitter = params.time_distortion * (2 * random.random() - 1)
        earliest = offsets[-1] if offsets else 0.0
        offsets.append(min(max((slot + middle + jitter) * spacing, earliest), last))
    return offsets


def _planned(order: Order) -> Planned:
    options = order.wish.options
    params = TwapParams(
        order.horizon_seconds,
        order.interval_seconds,
        start="mid_slot" if options.start == "mid_slot" else "at_once",
        size_distortion=options.size_distortion,
        time_distortion=options.time_distortion,
        seed=options.seed,
    )
    schedule = plan(params, order.qty, order.worst, order.rules, reduce_only=order.reduce_only)
    stored = {
        "horizon_seconds": order.horizon_seconds,
        "interval_seconds": order.interval_seconds,
        **_recorded_randomness(options),
        "spacing_seconds": order.interval_seconds,
    }
    return Planned(schedule, stored, order.horizon_seconds)


def _recorded_randomness(options: Options) -> dict[str, Any]:
    """The strategy's wishes beyond an even TWAP, for the record; the seed stays with the
    decision."""
    chosen = {
        "start": None if options.start == "at_once" else options.start,
        "size_distortion": options.size_distortion or None,
        "time_distortion": options.time_distortion or None,
    }
    return {name: value for name, value in chosen.items() if value is not None}


ALGORITHM = AlgorithmSpec(
    children=by_interval, plan=_planned, parted_by_interval=True, takes_whole_horizon=True
)
