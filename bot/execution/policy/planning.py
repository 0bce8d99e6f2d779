"""From an approved decision to a parent order: algorithm, slices, price limit and deadline."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from bot.errors import Infeasible
from bot.execution.algorithms.base import Schedule
from bot.execution.policy.algorithm_choice import Choice, choose_algorithm
from bot.execution.policy.exit_bounds import exit_bounds, nearest_tick
from bot.execution.policy.fallback import stored_policy
from bot.execution.policy.scheduling import (
    LAST_SLICE_GRACE_SECONDS,
    LEAST_STEPPED_SECONDS,
    ApprovedTrade,
    asked_horizon,
    lowest_price,
    schedule_for,
    slippage_share,
)
from bot.risk.decision import Decision
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from models.amounts import plain
from models.enums import Algorithm, TradeSide


@dataclass(frozen=True, slots=True)
class ParentPlan:
    """Everything that a parent order and its first children need."""

    algorithm: Algorithm
    params: dict[str, Any]
    qty: Decimal
    schedule: Schedule
    """Empty for a stepped trade, whose children are made one after the other."""
    stepped: bool
    price_limit: Decimal
    start_at: datetime
    deadline_at: datetime


def plan_parent(
    intent: TradeIntent, decision: Decision, snapshot: RiskSnapshot, limits: RiskLimits
) -> ParentPlan:
    """Raises Infeasible with the name of the parameter that makes a valid schedule impossible.

    For an exit only its size can be infeasible: if anything else is missing or doesn't fit, it is
    planned as immediate.
    """
    price, instrument = decision.reference_price, snapshot.instrument
    if price is None:
        raise Infeasible("reference price is missing")
    if instrument is None:
        raise Infeasible("the instrument's rules are missing")
    trade = ApprovedTrade(intent, decision, snapshot.market, instrument, price, limits)
    if decision.reduce_only:
        return _plan_exit(trade)
    if snapshot.market is None:
        raise Infeasible("there is no market data")
    choice = choose_algorithm(intent, decision, snapshot.market, limits)
    return _plan(choice, trade)


def _plan_exit(trade: ApprovedTrade) -> ParentPlan:
    decision, market = trade.decision, trade.market
    if decision.approved_qty < trade.instrument.min_qty:
        why = "the whole position is under the venue's smallest order"
    elif market is None or market.bid is None or market.ask is None:
        why = "there is no market data" if market is None else "the market has no touch"
    else:
        choice = choose_algorithm(trade.intent, decision, market, trade.limits)
        try:
            return _plan(choice, trade)
        except _UNFIT as error:
            why = f"{choice[0].value} can't be planned: {error}"
    choice = Algorithm.IMMEDIATE, why
    return _plan(choice, trade)


_UNFIT = (Infeasible, ArithmeticError, ValueError)
"""The errors of planners for bad parameters, and those of arithmetic for unforeseen ones."""


def _plan(choice: Choice, trade: ApprovedTrade) -> ParentPlan:
    algorithm, why = choice
    intent, decision, limits = trade.intent, trade.decision, trade.limits
    instrument, price, now = trade.instrument, trade.price, decision.decided_at
    scheduled = schedule_for(algorithm, trade)
    schedule, horizon = scheduled.schedule, scheduled.horizon_seconds
    if decision.reduce_only and algorithm is not Algorithm.IMMEDIATE:
        # A compressed schedule keeps the requested time for further attempts.
        horizon = max(horizon, asked_horizon(intent))
    last_offset = max((s.offset_seconds for s in schedule.slices), default=0.0)
    grace = LAST_SLICE_GRACE_SECONDS if schedule.slices else LEAST_STEPPED_SECONDS
    deadline = now + timedelta(seconds=max(horizon, last_offset + grace))
    if intent.expires_at is not None:
        deadline = min(deadline, intent.expires_at)
        if now + timedelta(seconds=last_offset) >= deadline:
            raise Infeasible(
                f"expires_at comes before the last slice, due {last_offset:g} s after the start"
            )
    reducing = decision.reduce_only
    bounds = exit_bounds(intent, instrument.tick_size, limits) if reducing else None
    share = slippage_share(limits) if bounds is None else bounds.widest_share
    furthest = limits.working.backup_max_slippage
    return ParentPlan(
        algorithm=algorithm,
        params={
            **scheduled.params,
            **({} if bounds is None else {"exit": bounds.stored()}),
            "chosen_because": why,
            "slots_merged": schedule.slots_merged,
            "residual": plain(schedule.residual),
            "lowest_price": plain(lowest_price(intent, price, limits)),
            "backup": stored_policy(
                algorithm, intent.options, limits.working, reduce_only=reducing
            ),
            "fallback_limit": plain(
                price_limit(intent, price, instrument.tick_size, furthest, mend=reducing)
            ),
        },
        qty=scheduled.qty,
        schedule=schedule,
        stepped=scheduled.stepped,
        price_limit=price_limit(intent, price, instrument.tick_size, share, mend=reducing),
        start_at=now,
        deadline_at=deadline,
    )


def price_limit(
    intent: TradeIntent,
    reference: Decimal,
    tick: Decimal,
    max_slippage: Decimal,
    *,
    mend: bool = False,
) -> Decimal:
    """The worst price for any child: slippage from the decision's reference, and the strategy's
    own limit where it is stricter; on the tick grid, rounded to the safe side.

    Under one tick it raises Infeasible, or gives one tick for exits.
    """
    bound = reference * (1 + intent.side.sign * max_slippage)
    if intent.limit_price is not None:
        better = min if intent.side is TradeSide.BUY else max
        bound = better(bound, intent.limit_price)
    return (nearest_tick if mend else round_to_tick)(bound, tick, intent.side)


def round_to_tick(price: Decimal, tick: Decimal, side: TradeSide) -> Decimal:
    """Rounds a price to the tick, down for a buy and up for a sell, so that it never pays more.

    Raises Infeasible for a price under one tick.
    """
    rounding = ROUND_FLOOR if side is TradeSide.BUY else ROUND_CEILING
    rounded = (price / tick).to_integral_value(rounding) * tick
    if rounded <= 0:
        raise Infeasible(f"limit_price {price} is under one tick ({tick})")
    return rounded
