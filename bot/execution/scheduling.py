"""From an approved trade to the schedule of its algorithm, with the parameters that made it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.errors import Infeasible
from bot.execution.algorithms import immediate, implementation_shortfall, twap, vwap
from bot.execution.algorithms.base import LotRules, Schedule
from bot.risk.decision import Decision
from bot.risk.snapshot import MarketView, TradeIntent
from models.enums import Algorithm

DEFAULT_HORIZON_SECONDS = 30.0
DEFAULT_INTERVAL_SECONDS = 5.0
IMMEDIATE_TIMEOUT_SECONDS = 30.0
"""The seed's execution timeout."""
DEFAULT_RISK_AVERSION = 1e-6
"""Lambda of the worked example in Almgren and Chriss (2000)."""
_DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A schedule with what is recorded of it; `horizon_seconds` is the time it may take."""

    schedule: Schedule
    params: dict[str, Any]
    horizon_seconds: float


def schedule_for(
    algorithm: Algorithm,
    intent: TradeIntent,
    decision: Decision,
    market: MarketView,
    price: Decimal,
    rules: LotRules,
) -> Scheduled:
    """Raises Infeasible with the name of the parameter that makes a valid schedule impossible."""
    qty, reduce_only = decision.approved_qty, decision.reduce_only
    horizon = DEFAULT_HORIZON_SECONDS if intent.horizon_seconds is None else intent.horizon_seconds
    interval = intent.interval_seconds
    if interval is None:
        interval = min(DEFAULT_INTERVAL_SECONDS, horizon)
    params: dict[str, Any] = {"horizon_seconds": horizon, "interval_seconds": interval}
    match algorithm:
        case Algorithm.IMMEDIATE:
            plan = immediate.plan(qty, price, rules, reduce_only=reduce_only)
            return Scheduled(plan, {}, IMMEDIATE_TIMEOUT_SECONDS)
        case Algorithm.TWAP:
            slots = twap.TwapParams(horizon, interval)
            plan = twap.plan(slots, qty, price, rules, reduce_only=reduce_only)
        case Algorithm.VWAP:
            curve = vwap.VwapParams(horizon, intent.volume_curve)
            plan = vwap.plan(curve, qty, price, rules, reduce_only=reduce_only)
            params = {"horizon_seconds": horizon, "volume_curve": list(intent.volume_curve)}
        case Algorithm.IMPLEMENTATION_SHORTFALL:
            costs = cost_parameters(intent, market, qty, price, horizon, interval)
            plan = implementation_shortfall.plan(
                costs, horizon, qty, price, rules, reduce_only=reduce_only
            )
            params["risk_aversion"] = costs.risk_aversion
            params["expected_cost_bps"] = round(costs.expected_cost_bps(), 6)
    return Scheduled(plan, params, horizon)


def cost_parameters(
    intent: TradeIntent,
    market: MarketView,
    qty: Decimal,
    price: Decimal,
    horizon_seconds: float,
    interval_seconds: float,
) -> implementation_shortfall.AcParams:
    """The cost model of Almgren and Chriss from what the market shows, in days and quote money.

    Their rule of thumb: trading 1 % of the daily volume costs one spread of temporary impact,
    trading 10 % of it moves the price by one spread for good.
    """
    if market.bid is None or market.ask is None or not market.volume_24h:
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
