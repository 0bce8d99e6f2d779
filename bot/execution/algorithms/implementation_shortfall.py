"""Implementation shortfall: Almgren and Chriss's trade-off of impact against price risk.

Almgren & Chriss, "Optimal execution of portfolio transactions" (2000), linear impact: the
permanent part moves the price by gamma per share, the temporary part costs the half spread plus
eta per share and unit of time. The optimal holdings fall as a hyperbolic sine.
"""

import itertools
from dataclasses import dataclass
from decimal import Decimal
from math import acosh, exp, expm1, fsum, isfinite, sqrt

from bot.errors import Infeasible
from bot.execution.algorithms.algorithm import AlgorithmSpec, Need, Order, Planned, by_interval
from bot.execution.algorithms.base import (
    LotRules,
    Schedule,
    Slice,
    checked,
    require_duration,
    whole_lots,
)
from bot.execution.algorithms.weighted import exact_weights, split_by_weight
from bot.execution.algorithms.wish import Market, Wish

DEFAULT_RISK_AVERSION = 1e-6
"""Lambda of the worked example in Almgren and Chriss (2000)."""
_DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class AcParams:
    """Any one unit of time and of money: `sigma` is in money per share and square root of the
    time unit, `horizon` in time units, cut into `periods` equal parts.

    `risk_aversion` is the paper's lambda, per unit of money; 0 trades evenly.
    """

    price: float
    shares: float
    horizon: float
    periods: int
    sigma: float
    half_spread: float
    gamma: float
    eta: float
    risk_aversion: float

    def __post_init__(self) -> None:
        for name in ("price", "shares", "horizon", "eta"):
            _require(name, getattr(self, name), above_zero=True)
        for name in ("sigma", "half_spread", "gamma", "risk_aversion"):
            _require(name, getattr(self, name), above_zero=False)
        if self.periods < 1:
            raise Infeasible(f"periods must be at least 1, not {self.periods}")
        if self.adjusted_eta <= 0:
            raise Infeasible(
                f"eta {self.eta} must exceed gamma x period / 2 = {self.gamma * self.period / 2}"
            )

    @property
    def period(self) -> float:
        """The paper's tau."""
        return self.horizon / self.periods

    @property
    def adjusted_eta(self) -> float:
        """The paper's eta tilde: the temporary impact under discrete trading."""
        return self.eta - self.gamma * self.period / 2

    @property
    def urgency(self) -> float:
        """The paper's kappa, per unit of time: its inverse is the trade's own time scale."""
        squared = self.risk_aversion * self.sigma**2 / self.adjusted_eta
        return acosh(1 + squared * self.period**2 / 2) / self.period

    def holdings(self) -> tuple[float, ...]:
        """Shares still held at the start and after each period: `periods` + 1 values."""
        scale = self.urgency * self.horizon
        return tuple(
            self.shares * _sinh_ratio(scale * (1 - j / self.periods), scale, 1 - j / self.periods)
            for j in range(self.periods + 1)
        )

    def trajectory(self) -> tuple[float, ...]:
        """Shares to trade in each period."""
        held = self.holdings()
        return tuple(before - after for before, after in itertools.pairwise(held))

    def expected_cost(self) -> float:
        """Expected shortfall against the arrival price, in money."""
        temporary = fsum(traded**2 for traded in self.trajectory())
        return (
            self.gamma * self.shares**2 / 2
            + self.half_spread * self.shares
            + self.adjusted_eta / self.period * temporary
        )

    def standard_deviation(self) -> float:
        """The standard deviation of the shortfall from the price's own moves, in money."""
        return self.sigma * sqrt(self.period * fsum(x**2 for x in self.holdings()[1:]))

    def expected_cost_bps(self) -> float:
        """The expected cost in basis points of the order's value."""
        return self.expected_cost() / (self.price * self.shares) * 10_000


def plan(
    params: AcParams,
    horizon_seconds: float,
    qty: Decimal,
    price: Decimal,
    rules: LotRules,
    *,
    reduce_only: bool = False,
) -> Schedule:
    """Slices of `qty` in the proportions of the optimal trajectory, each at its period's start.

    The optimum's shape doesn't depend on the quantity, so `params.shares` may differ from it.
    Raises Infeasible with the parameter's name.
    """
    horizon = require_duration("horizon_seconds", horizon_seconds)
    # A very urgent trade's last periods round to nothing, at times to a hair under zero.
    traded = [max(0.0, shares) for shares in params.trajectory()]
    weights = exact_weights("risk_aversion", traded)
    lots, residual = whole_lots(qty, rules.qty_step)
    minimum = rules.min_child_lots(price, reduce_only=reduce_only)
    split = split_by_weight(lots, weights, minimum, rules.max_child_lots())
    slices = tuple(
        Slice(slot, offset_seconds=slot * horizon / params.periods, qty=size * rules.qty_step)
        for slot, size in split.children
    )
    return checked(Schedule(slices, residual, slots_merged=split.merged), qty, rules)


def _sinh_ratio(part: float, whole: float, linear: float) -> float:
    """sinh(part) / sinh(whole) without overflow; `linear` is its limit for no urgency."""
    if whole == 0:
        return linear
    return exp(part - whole) * expm1(-2 * part) / expm1(-2 * whole)


def _require(name: str, value: float, *, above_zero: bool) -> None:
    if not isfinite(value) or value < 0 or (above_zero and value == 0):
        least = "positive" if above_zero else "at least 0"
        raise Infeasible(f"{name} must be {least} and finite, not {value}")


def cost_parameters(
    wish: Wish,
    market: Market | None,
    qty: Decimal,
    price: Decimal,
    horizon_seconds: float,
    interval_seconds: float,
) -> AcParams:
    """The cost model of Almgren and Chriss from the market's data, in days and quote money.

    Their rule of thumb: trading 1 % of the daily volume costs one spread of temporary impact,
    trading 10 % of it moves the price by one spread for good. Raises Infeasible without a spread,
    a volume of 24 hours or a volatility.
    """
    if market is None or market.bid is None or market.ask is None or not market.volume_24h:
        raise Infeasible("implementation_shortfall needs a spread and the volume of 24 hours")
    if market.volatility is None:
        raise Infeasible("implementation_shortfall needs a volatility")
    spread = float(market.ask - market.bid)
    daily_volume = float(market.volume_24h / price)
    return AcParams(
        price=float(price),
        shares=float(qty),
        horizon=horizon_seconds / _DAY_SECONDS,
        periods=max(1, int(horizon_seconds / interval_seconds)),
        sigma=market.volatility * float(price),
        half_spread=spread / 2,
        gamma=spread / (0.1 * daily_volume),
        eta=spread / (0.01 * daily_volume),
        risk_aversion=(DEFAULT_RISK_AVERSION if wish.risk_aversion is None else wish.risk_aversion),
    )


def _planned(order: Order) -> Planned:
    horizon, interval = order.horizon_seconds, order.interval_seconds
    costs = cost_parameters(order.wish, order.market, order.qty, order.price, horizon, interval)
    schedule = plan(
        costs, horizon, order.qty, order.worst, order.rules, reduce_only=order.reduce_only
    )
    stored = {
        "horizon_seconds": horizon,
        "interval_seconds": interval,
        "risk_aversion": costs.risk_aversion,
        "expected_cost_bps": round(costs.expected_cost_bps(), 6),
        "spacing_seconds": interval,
    }
    return Planned(schedule, stored, horizon)


ALGORITHM = AlgorithmSpec(
    children=by_interval, plan=_planned, parted_by_interval=True, needs=(Need.COSTS,)
)
