"""From an approved decision to a parent order: algorithm, slices, price limit and deadline."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from bot.errors import Infeasible
from bot.execution.algorithms.base import LotRules, Schedule
from bot.execution.scheduling import schedule_for
from bot.risk.decision import Decision
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import InstrumentView, MarketView, TradeIntent
from models.enums import Algorithm, ExecutionPriority, TradeSide

LAST_SLICE_GRACE_SECONDS = 5.0
"""The last slice keeps at least this long for a re-send after an unknown outcome."""
IMMEDIATE_DEPTH_SHARE = Decimal("0.2")
"""Up to this share of the near depth an order is taken at once: it hardly moves the price."""
_HURRIED = (ExecutionPriority.HIGH, ExecutionPriority.URGENT, ExecutionPriority.EMERGENCY)


@dataclass(frozen=True, slots=True)
class ParentPlan:
    """Everything that a parent order and its first children need."""

    algorithm: Algorithm
    params: dict[str, Any]
    schedule: Schedule
    price_limit: Decimal
    start_at: datetime
    deadline_at: datetime


def plan_parent(
    intent: TradeIntent,
    decision: Decision,
    instrument: InstrumentView,
    market: MarketView,
    *,
    limits: RiskLimits,
    now: datetime,
) -> ParentPlan:
    """Raises Infeasible with the name of what makes a valid schedule impossible."""
    price = decision.reference_price
    if price is None:
        raise Infeasible("reference price is missing")
    algorithm, why = choose_algorithm(intent, decision, market)
    rules = LotRules(
        instrument.qty_step, instrument.min_qty, instrument.max_qty, instrument.min_notional
    )
    scheduled = schedule_for(algorithm, intent, decision, market, price, rules)
    schedule, horizon = scheduled.schedule, scheduled.horizon_seconds
    last_offset = max(s.offset_seconds for s in schedule.slices)
    deadline = now + timedelta(seconds=max(horizon, last_offset + LAST_SLICE_GRACE_SECONDS))
    if intent.expires_at is not None:
        deadline = min(deadline, intent.expires_at)
        if now + timedelta(seconds=last_offset) >= deadline:
            raise Infeasible(
                f"expires_at comes before the last slice, due {last_offset:g} s after the start"
            )
    return ParentPlan(
        algorithm=algorithm,
        params={**scheduled.params, "chosen_because": why, "slots_merged": schedule.slots_merged},
        schedule=schedule,
        price_limit=price_limit(intent, price, instrument.tick_size, slippage_share(limits)),
        start_at=now,
        deadline_at=deadline,
    )


def choose_algorithm(
    intent: TradeIntent, decision: Decision, market: MarketView
) -> tuple[Algorithm, str]:
    """The strategy's wish, else a rule; the reason is recorded with the plan."""
    if intent.algorithm is not None:
        return intent.algorithm, "asked for by the strategy"
    if intent.horizon_seconds is not None or intent.interval_seconds is not None:
        return Algorithm.TWAP, "the strategy gave a horizon or an interval"
    if intent.priority in _HURRIED:
        return Algorithm.IMMEDIATE, f"priority {intent.priority}"
    depth = market.ask_depth if intent.side is TradeSide.BUY else market.bid_depth
    if depth is not None and decision.approved_notional <= depth * IMMEDIATE_DEPTH_SHARE:
        return Algorithm.IMMEDIATE, f"at most {IMMEDIATE_DEPTH_SHARE:%} of the near depth"
    return Algorithm.TWAP, "larger than the near depth takes at once"


def slippage_share(limits: RiskLimits) -> Decimal:
    """The allowed slippage as a share of the price."""
    return Decimal(repr(limits.max_slippage_bps)) / 10_000


def price_limit(
    intent: TradeIntent, reference: Decimal, tick: Decimal, max_slippage: Decimal
) -> Decimal:
    """The worst price for any child: slippage from the decision's reference, and the strategy's
    own limit where it is stricter; on the tick grid, rounded to the safe side."""
    bound = reference * (1 + intent.side.sign * max_slippage)
    if intent.limit_price is not None:
        better = min if intent.side is TradeSide.BUY else max
        bound = better(bound, intent.limit_price)
    return round_to_tick(bound, tick, intent.side)


def round_to_tick(price: Decimal, tick: Decimal, side: TradeSide) -> Decimal:
    """Down for a buy, up for a sell: rounding never pays more."""
    rounding = ROUND_FLOOR if side is TradeSide.BUY else ROUND_CEILING
    rounded = (price / tick).to_integral_value(rounding) * tick
    if rounded <= 0:
        raise Infeasible(f"limit_price {price} is under one tick ({tick})")
    return rounded
