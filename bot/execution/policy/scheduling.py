"""From an approved trade to the schedule of its algorithm, with the parameters that made it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.errors import Infeasible
from bot.execution.algorithms import immediate, implementation_shortfall, twap, vwap
from bot.execution.algorithms.base import LotRules, Schedule, Slice, whole_lots
from bot.execution.algorithms.stepping import Terms
from bot.execution.policy import steppers
from bot.execution.policy.absence import LAST_SLICE_GRACE
from bot.risk.decision import Decision
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import AlgorithmOptions, InstrumentView, MarketView, TradeIntent
from models.amounts import plain
from models.enums import Algorithm, TradeSide

DEFAULT_HORIZON_SECONDS = 30.0
DEFAULT_INTERVAL_SECONDS = 5.0
STEP_INTERVAL_SECONDS = 1.0
"""The time between two children of an event-driven trade; earlier news is acted on at once."""
STEPPED = frozenset({Algorithm.POV, Algorithm.ICEBERG, Algorithm.PASSIVE})
"""Always worked step by step; VWAP is when it follows a volume model."""
IMMEDIATE_TIMEOUT_SECONDS = 30.0
"""The original interface's execution timeout."""
CLOSES_POSITION = "closes_position"
"""Parameter of a parent that closes a whole position under the venue's smallest order."""
DEFAULT_RISK_AVERSION = 1e-6
"""Lambda of the worked example in Almgren and Chriss (2000)."""
LAST_SLICE_GRACE_SECONDS = LAST_SLICE_GRACE.total_seconds()
LEAST_STEPPED_SECONDS = 5.0
"""The shortest horizon of an event-driven trade, which must rest and cross."""
_DAY_SECONDS = 86_400.0


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


def schedule_for(
    algorithm: Algorithm,
    intent: TradeIntent,
    decision: Decision,
    market: MarketView | None,
    price: Decimal,
    instrument: InstrumentView,
    limits: RiskLimits,
) -> Scheduled:
    """Raises Infeasible with the name of the parameter that makes a valid schedule impossible."""
    rules = LotRules(
        instrument.qty_step, instrument.min_qty, instrument.max_qty, instrument.min_notional
    )
    if decision.reduce_only and decision.approved_qty < rules.min_qty:
        # Under the minimum, the gate approves only the closing of a whole position.
        one = Slice(slot=0, offset_seconds=0.0, qty=decision.approved_qty)
        plan = Schedule((one,), Decimal(0))
        return Scheduled(one.qty, plan, {CLOSES_POSITION: True}, IMMEDIATE_TIMEOUT_SECONDS)
    if algorithm in STEPPED or (algorithm is Algorithm.VWAP and intent.options.volume_model):
        return _stepped(algorithm, intent, decision, limits, instrument, market, price, rules)
    # Children are sized at their own worst price, where the venue counts their notional.
    worst = lowest_price(intent, price, limits)
    qty, reduce_only = decision.approved_qty, decision.reduce_only
    horizon, interval = _times(algorithm, intent, decision, limits.max_slices)
    params: dict[str, Any] = {"horizon_seconds": horizon, "interval_seconds": interval}
    spacing = interval
    match algorithm:
        case Algorithm.IMMEDIATE:
            plan = immediate.plan(qty, worst, rules, reduce_only=reduce_only)
            return Scheduled(plan.total, plan, {}, IMMEDIATE_TIMEOUT_SECONDS)
        case Algorithm.TWAP:
            slots = _twap(intent.options, horizon, interval)
            params |= _recorded_randomness(intent.options)
            plan = twap.plan(slots, qty, worst, rules, reduce_only=reduce_only)
        case Algorithm.VWAP:
            volumes = _curve(intent, decision, limits.max_slices)
            curve = vwap.VwapParams(horizon, volumes)
            plan = vwap.plan(curve, qty, worst, rules, reduce_only=reduce_only)
            params = {"horizon_seconds": horizon, "volume_curve": list(volumes)}
            spacing = horizon / len(volumes)
        case Algorithm.IMPLEMENTATION_SHORTFALL:
            costs = cost_parameters(intent, market, qty, price, horizon, interval)
            plan = implementation_shortfall.plan(
                costs, horizon, qty, worst, rules, reduce_only=reduce_only
            )
            params["risk_aversion"] = costs.risk_aversion
            params["expected_cost_bps"] = round(costs.expected_cost_bps(), 6)
        case _:
            raise Infeasible(f"algorithm {algorithm.value} has no schedule")
    params["spacing_seconds"] = spacing
    return Scheduled(plan.total, plan, params, horizon)


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
    algorithm: Algorithm, intent: TradeIntent, decision: Decision, max_slices: int
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
    return horizon, _interval(algorithm, intent, decision, horizon, default, max_slices)


def _interval(
    algorithm: Algorithm,
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
    if algorithm in _TIMED and int(horizon / asked) > max_slices:
        raise Infeasible(
            f"interval_seconds gives {int(horizon / asked)} slices; max_slices is {max_slices}"
        )
    return asked


_TIMED = (
    Algorithm.TWAP,
    Algorithm.IMPLEMENTATION_SHORTFALL,
    Algorithm.POV,
)
"""The algorithms with an interval between children; VWAP goes by its curve."""


def _curve(intent: TradeIntent, decision: Decision, max_slices: int) -> tuple[float, ...]:
    """The volume curve; an exit's with neighbours joined until no more than `max_slices` are
    left."""
    curve = intent.volume_curve
    if len(curve) <= max_slices or not decision.reduce_only:
        return curve
    joined = -(-len(curve) // max_slices)
    return tuple(sum(curve[i : i + joined]) for i in range(0, len(curve), joined))


def _stepped(
    algorithm: Algorithm,
    intent: TradeIntent,
    decision: Decision,
    limits: RiskLimits,
    instrument: InstrumentView,
    market: MarketView | None,
    price: Decimal,
    rules: LotRules,
) -> Scheduled:
    """The parameters of a stepped trade, proven by making its stepper once."""
    lots, residual = whole_lots(decision.approved_qty, rules.qty_step)
    qty = lots * rules.qty_step
    worst = lowest_price(intent, price, limits)
    if lots < rules.min_child_lots(worst, reduce_only=decision.reduce_only):
        raise Infeasible(f"position_size is too small: {lots} lots are under the venue's minimum")
    horizon = asked_horizon(intent)
    default = _step_interval(algorithm, horizon)
    interval = _interval(algorithm, intent, decision, horizon, default, limits.max_slices)
    if algorithm is Algorithm.POV and (market is None or market.traded_qty is None):
        raise Infeasible("pov needs the market's traded volume, which is not known now")
    params = steppers.parameters(algorithm, intent.options, limits.working, qty, price, interval)
    if algorithm is Algorithm.ICEBERG and decision.reduce_only:
        # An entry that shows too little is refused by the gate's check of slices.
        params["display"] = plain(max(Decimal(params["display"]), qty / limits.max_slices))
    terms = Terms(intent.side, price, instrument.tick_size, decision.reduce_only)
    steppers.stepper(algorithm, params, terms, qty)
    params |= {"horizon_seconds": horizon, "spacing_seconds": interval}
    return Scheduled(qty, Schedule((), residual), params, horizon, stepped=True)


def _step_interval(algorithm: Algorithm, horizon: float) -> float:
    """VWAP's models know minutes: it takes at most sixty steps, and at most one a minute."""
    if algorithm is Algorithm.VWAP:
        return min(max(horizon / 60, STEP_INTERVAL_SECONDS), 60.0, horizon)
    return min(STEP_INTERVAL_SECONDS, horizon)


def _twap(options: AlgorithmOptions, horizon: float, interval: float) -> twap.TwapParams:
    return twap.TwapParams(
        horizon,
        interval,
        start="mid_slot" if options.start == "mid_slot" else "at_once",
        size_distortion=options.size_distortion,
        time_distortion=options.time_distortion,
        seed=options.seed,
    )


def _recorded_randomness(options: AlgorithmOptions) -> dict[str, Any]:
    """The requested options beyond an even TWAP; the seed stays with the decision."""
    chosen = {
        "start": None if options.start == "at_once" else options.start,
        "size_distortion": options.size_distortion or None,
        "time_distortion": options.time_distortion or None,
    }
    return {name: value for name, value in chosen.items() if value is not None}


def cost_parameters(
    intent: TradeIntent,
    market: MarketView | None,
    qty: Decimal,
    price: Decimal,
    horizon_seconds: float,
    interval_seconds: float,
) -> implementation_shortfall.AcParams:
    """The cost model of Almgren and Chriss from what the market shows, in days and quote money.

    Their rule of thumb: trading 1 % of the daily volume costs one spread of temporary impact,
    trading 10 % of it moves the price by one spread for good.
    """
    if market is None or market.bid is None or market.ask is None or not market.volume_24h:
        raise Infeasible("implementation_shortfall needs a spread and the volume of 24 hours")
    if market.volatility is None:
        raise Infeasible("implementation_shortfall needs a volatility")
    spread = float(market.ask - market.bid)
    daily_volume = float(market.volume_24h / price)
    return implementation_shortfall.AcParams(
        price=float(price),
        shares=float(qty),
        horizon=horizon_seconds / _DAY_SECONDS,
        periods=max(1, int(horizon_seconds / interval_seconds)),
        sigma=market.volatility * float(price),
        half_spread=spread / 2,
        gamma=spread / (0.1 * daily_volume),
        eta=spread / (0.01 * daily_volume),
        risk_aversion=(
            DEFAULT_RISK_AVERSION if intent.risk_aversion is None else intent.risk_aversion
        ),
    )
