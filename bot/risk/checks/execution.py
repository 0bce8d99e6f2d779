"""Checks on the cost of working the order, and on whether it can be worked in time."""

from collections.abc import Callable
from decimal import Decimal

from bot.execution.algorithms.table import ALGORITHMS
from bot.risk.book import positive
from bot.risk.checks.breach import Breach, Case, before
from bot.risk.checks.check import check
from bot.risk.checks.outcome import capped, failed, passed, unknown
from bot.risk.decision import CheckResult
from bot.risk.exposure import Exposure, age_seconds
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule, Sense
from bot.risk.sizing import size_for_impact, sqrt_impact
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from models.amounts import ZERO
from models.enums import Algorithm
from models.enums import TradeBlockReason as Why

IMPACT = Rule("impact", Why.IMPACT_TOO_HIGH, "the expected impact", Sense.AT_MOST, "bps")


def _heavy(bps_of: Callable[[RiskLimits], float]) -> Breach:
    """A volume of which the order is a modest share, so volatile that it still moves the price."""

    def make(case: Case, limits: RiskLimits) -> Case:
        share = float(limits.max_adv_share) / 2
        sigma = bps_of(limits) * 1.05 / 1e4 / (limits.impact_coefficient * share**0.5)
        return case.trading(
            volume_24h=case.notional / Decimal(repr(share)),
            volatility=sigma,
            volatility_baseline=sigma,
        )

    return make


@check(IMPACT, limit="max_impact_bps", breach=_heavy(lambda its: its.max_impact_bps))
def impact(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The worse of the square-root law (whole order) and the walk through the book (one child)."""
    return _within_impact(IMPACT, exposure, snapshot, limits, limits.max_impact_bps, 0.0)


SLIPPAGE = Rule("slippage", Why.IMPACT_TOO_HIGH, "the expected slippage", Sense.AT_MOST, "bps")


@check(SLIPPAGE, limit="max_slippage_bps", breach=_heavy(lambda its: its.max_slippage_bps))
def slippage(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """Half the spread and the expected impact together."""
    if exposure.spread_bps is None:
        return unknown(SLIPPAGE, "the spread is missing", limit=limits.max_slippage_bps)
    half_spread = exposure.spread_bps / 2.0
    return _within_impact(
        SLIPPAGE, exposure, snapshot, limits, limits.max_slippage_bps, half_spread
    )


ADV = Rule(
    "adv_share",
    Why.LIQUIDITY_INSUFFICIENT,
    "the size against a day's volume",
    Sense.AT_MOST,
    "USDT",
)


def _small_volume(case: Case, limits: RiskLimits) -> Case:
    return case.trading(
        volume_24h=case.notional / limits.max_adv_share / 2,
        volatility=1e-9,
        volatility_baseline=1e-9,
    )


@check(ADV, limit="max_adv_share", breach=_small_volume)
def adv_share(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The trade's added notional is a small share of the symbol's volume of the last 24 hours."""
    volume = None if snapshot.market is None else positive(snapshot.market.volume_24h)
    if volume is None:
        return unknown(ADV, "the day's volume is missing")
    limit = volume * limits.max_adv_share
    asked = exposure.opening_notional
    return capped(ADV, asked, limit, limit, asked, exposure.market_age)


TIME = Rule(
    "time_to_expiry",
    Why.EXECUTION_INFEASIBLE,
    "the time left to work the order",
    Sense.AT_LEAST,
    "s",
)


def _late(case: Case, limits: RiskLimits) -> Case | None:
    if limits.min_time_to_expiry_seconds <= 0:
        return None
    return case.intending(expires_at=before(-limits.min_time_to_expiry_seconds / 2))


@check(TIME, limit="min_time_to_expiry_seconds", breach=_late)
def time_to_expiry(
    intent: TradeIntent, _exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """Enough seconds are left until the request expires; a TWAP also needs its whole horizon."""
    needed = limits.min_time_to_expiry_seconds
    algorithm = intent.algorithm
    if algorithm is not None and ALGORITHMS[algorithm].takes_whole_horizon:
        needed += intent.horizon_seconds or 0.0
    if intent.expires_at is None:
        return passed(TIME, "unlimited", needed)
    age = age_seconds(snapshot, intent.expires_at)
    if age is None:
        return unknown(TIME, "the expiry carries no time zone", limit=needed)
    return passed(TIME, -age, needed) if -age >= needed else failed(TIME, -age, needed)


SLICES = Rule("slices", Why.EXECUTION_INFEASIBLE, "the number of slices", Sense.AT_MOST)


def _too_many_slices(case: Case, limits: RiskLimits) -> Case:
    return case.intending(
        algorithm=Algorithm.TWAP,
        horizon_seconds=float(limits.max_slices + 1),
        interval_seconds=1.0,
        expires_at=None,
    )


@check(SLICES, limit="max_slices", breach=_too_many_slices)
def slices(
    intent: TradeIntent, exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """Times that make a schedule: readable, the interval within the horizon, not too many."""
    horizon, interval = intent.horizon_seconds, intent.interval_seconds
    for name, seconds in (("horizon", horizon), ("interval", interval)):
        if seconds is not None and not 0.0 < seconds < 1e9:
            return unknown(SLICES, f"the {name} of {seconds!r} s is not readable")
    if horizon is not None and interval is not None and interval > horizon:
        return failed(SLICES, 0, limits.max_slices, detail="the interval exceeds the horizon")
    if exposure.slices <= limits.max_slices:
        return passed(SLICES, exposure.slices, limits.max_slices)
    return failed(SLICES, exposure.slices, limits.max_slices)


def _within_impact(
    rule: Rule,
    exposure: Exposure,
    snapshot: RiskSnapshot,
    limits: RiskLimits,
    limit_bps: float,
    fixed_bps: float,
) -> CheckResult:
    market = snapshot.market
    if market is None:
        return unknown(rule, "there is no market data", limit=limit_bps)
    sigma, volume = market.volatility, positive(market.volume_24h)
    if sigma is None or volume is None or not sigma > 0.0:
        return unknown(rule, "volatility or volume is missing", limit=limit_bps)
    levels = market.asks if exposure.sign > 0 else market.bids
    if not levels:
        return unknown(rule, "the book's levels are missing", limit=limit_bps)
    asked, allowed = exposure.opening_notional, limit_bps - fixed_bps
    law = exposure.law_bps
    if law is None:
        law = 1e4 * sqrt_impact(float(asked), float(volume), sigma, limits.impact_coefficient)
        exposure.law_bps = law
    walked, reachable = _walk(levels, exposure.child_notional, allowed)
    value = fixed_bps + max(law, walked)
    if law <= allowed and exposure.child_notional <= reachable:
        return passed(rule, value, limit_bps, exposure.market_age)
    by_law = size_for_impact(allowed / 1e4, float(volume), sigma, limits.impact_coefficient)
    cap = min(Decimal(int(min(by_law, 1e18))), reachable * exposure.slices)
    return capped(rule, value, limit_bps, cap, asked, exposure.market_age)


def _walk(
    levels: tuple[tuple[Decimal, Decimal], ...], wanted: Decimal, allowed_bps: float
) -> tuple[float, Decimal]:
    """The distance in bps that the last unit of `wanted` reaches, and the quantity within
    `allowed_bps`.

    The last unit's price is never better than the average, so this errs on the careful side. A book
    that ends before `wanted` is filled offers no more than its visible quantity.
    """
    touch, first = levels[0]
    reach, resting = 0.0, touch * first
    # Most orders fit into the best level, at a distance of zero.
    if wanted <= resting and allowed_bps >= 0.0 and first.is_finite():
        return reach, resting
    resting = ZERO
    for price, quantity in levels:
        reach = abs(float((price - touch) / touch)) * 1e4
        if not (reach <= allowed_bps and quantity.is_finite()):
            break
        resting += price * quantity
        if resting >= wanted:
            break
    return reach, resting
