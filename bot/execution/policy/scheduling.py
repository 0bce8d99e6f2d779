"""From an approved trade to the schedule of its algorithm, with the parameters that made it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.errors import Infeasible
from bot.execution.algorithms import immediate
from bot.execution.algorithms.algorithm import AlgorithmSpec, Order
from bot.execution.algorithms.base import LotRules, Schedule, Slice, whole_lots
from bot.execution.algorithms.stepping import Terms
from bot.execution.algorithms.table import ALGORITHMS
from bot.execution.policy import steppers
from bot.execution.policy.absence import LAST_SLICE_GRACE
from bot.execution.policy.exit_bounds import CLOSES_POSITION
from bot.risk.decision import Decision
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import InstrumentView, MarketView, TradeIntent
from models.enums import Algorithm, TradeSide

DEFAULT_HORIZON_SECONDS = 30.0
DEFAULT_INTERVAL_SECONDS = 5.0
LAST_SLICE_GRACE_SECONDS = LAST_SLICE_GRACE.total_seconds()
LEAST_STEPPED_SECONDS = 5.0
"""The shortest horizon of an event-driven trade, which must rest and cross."""


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A schedule with its recorded parameters; `horizon_seconds` is the time it may take.

    A stepped trade has no slices yet: its children are made one after the other.
    """

    qty: Decimal
    """The quantity that will be worked, in whole lots."""
    schedule: Schedule
    params: dict[str, Any]
    horizon_seconds: float
    stepped: bool = False


@dataclass(frozen=True, slots=True)
class ApprovedTrade:
    """An approved trade, with the market and the rules that its plan depends on."""

    intent: TradeIntent
    decision: Decision
    market: MarketView | None
    """None when an exit is planned without it."""
    instrument: InstrumentView
    price: Decimal
    """The decision's reference price."""
    limits: RiskLimits


def schedule_for(algorithm: Algorithm, trade: ApprovedTrade) -> Scheduled:
    """Raises Infeasible with the name of the parameter that makes a valid schedule impossible."""
    intent, decision, limits = trade.intent, trade.decision, trade.limits
    instrument, market, price = trade.instrument, trade.market, trade.price
    rules = LotRules(
        instrument.qty_step, instrument.min_qty, instrument.max_qty, instrument.min_notional
    )
    if decision.reduce_only and decision.approved_qty < rules.min_qty:
        # Under the minimum, the gate approves only the closing of a whole position.
        one = Slice(slot=0, offset_seconds=0.0, qty=decision.approved_qty)
        plan = Schedule((one,), Decimal(0))
        return Scheduled(one.qty, plan, {CLOSES_POSITION: True}, immediate.TIMEOUT_SECONDS)
    spec = ALGORITHMS[algorithm]
    if spec.plan is None or spec.steps(intent):
        return _stepped(algorithm, trade, rules)
    horizon, interval = _times(spec, intent, decision, limits.max_slices)
    planned = spec.plan(
        Order(
            wish=intent,
            qty=decision.approved_qty,
            price=price,
            worst=lowest_price(intent, price, limits),
            rules=rules,
            reduce_only=decision.reduce_only,
            horizon_seconds=horizon,
            interval_seconds=interval,
            max_slices=limits.max_slices,
            market=market,
        )
    )
    schedule = planned.schedule
    return Scheduled(schedule.total, schedule, planned.params, planned.horizon_seconds)


def slippage_share(limits: RiskLimits) -> Decimal:
    """The allowed slippage as a share of the price."""
    return Decimal(repr(limits.max_slippage_bps)) / 10_000


def lowest_price(intent: TradeIntent, price: Decimal, limits: RiskLimits) -> Decimal:
    """The lowest price of any child: a sale's bound, and the same distance for a purchase, because
    the market may fall; the strategy's own limit where it is higher."""
    lowest = price * (1 - slippage_share(limits))
    if intent.limit_price is None:
        return lowest
    return (min if intent.side is TradeSide.BUY else max)(lowest, intent.limit_price)


def asked_horizon(intent: TradeIntent) -> float:
    """The strategy's time for the trade, or the default, in seconds."""
    return DEFAULT_HORIZON_SECONDS if intent.horizon_seconds is None else intent.horizon_seconds


def _times(
    spec: AlgorithmSpec, intent: TradeIntent, decision: Decision, max_slices: int
) -> tuple[float, float]:
    """Horizon and interval in seconds, of at most `max_slices` slices.

    A default interval adapts. A requested interval adapts for an exit, and the exit's horizon ends
    before its expiry. For a trade that adds risk a requested interval that doesn't fit is refused.
    """
    horizon = asked_horizon(intent)
    if decision.reduce_only and intent.expires_at is not None:
        left = (intent.expires_at - decision.decided_at).total_seconds()
        horizon = min(horizon, max(left - LAST_SLICE_GRACE_SECONDS, left / 2))
    default = min(DEFAULT_INTERVAL_SECONDS, horizon)
    return horizon, _interval(spec, intent, decision, horizon, default, max_slices)


def _interval(
    spec: AlgorithmSpec,
    intent: TradeIntent,
    decision: Decision,
    horizon: float,
    default: float,
    max_slices: int,
) -> float:
    asked, least = intent.interval_seconds, horizon / max_slices
    if asked is None:
        return max(default, least)
    if decision.reduce_only:
        return max(min(asked, horizon), least)
    if spec.parted_by_interval and int(horizon / asked) > max_slices:
        raise Infeasible(
            f"interval_seconds gives {int(horizon / asked)} slices; max_slices is {max_slices}"
        )
    return asked


def _stepped(algorithm: Algorithm, trade: ApprovedTrade, rules: LotRules) -> Scheduled:
    """The parameters of a stepped trade, proven by making its stepper once."""
    intent, decision, limits, price = trade.intent, trade.decision, trade.limits, trade.price
    spec = ALGORITHMS[algorithm]
    if spec.stored is None:
        raise Infeasible(f"algorithm {algorithm.value} has no steps")
    lots, residual = whole_lots(decision.approved_qty, rules.qty_step)
    qty = lots * rules.qty_step
    worst = lowest_price(intent, price, limits)
    if lots < rules.min_child_lots(worst, reduce_only=decision.reduce_only):
        raise Infeasible(f"position_size is too small: {lots} lots are under the venue's minimum")
    horizon = asked_horizon(intent)
    default = spec.step_interval(horizon)
    interval = _interval(spec, intent, decision, horizon, default, limits.max_slices)
    params = spec.stored(
        Order(
            wish=intent,
            qty=qty,
            price=price,
            worst=worst,
            rules=rules,
            reduce_only=decision.reduce_only,
            horizon_seconds=horizon,
            interval_seconds=interval,
            max_slices=limits.max_slices,
            market=trade.market,
            max_catch_up=limits.working.max_catch_up,
            participation_cap=limits.working.participation_cap,
        )
    )
    terms = Terms(intent.side, price, trade.instrument.tick_size, decision.reduce_only)
    steppers.stepper(algorithm, params, terms, qty)
    params |= {"horizon_seconds": horizon, "spacing_seconds": interval}
    return Scheduled(qty, Schedule((), residual), params, horizon, stepped=True)
