"""The execution throttle: risk slows, shrinks or pauses trades that add, and hurries exits.

Pure: the next throttle state follows from the present one, the conditions and the rules. A
threshold acts at once, and ends only clearly below it and after a while, so that a measure near its
threshold does not flip.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from bot.execution.policy.measures import near_depth, share_of, spread_bps, volatility_ratio
from bot.execution.policy.throttle_reasons import (
    ADDING_REASONS,
    EXIT_REASONS,
    Conditions,
    ThrottleReason,
)
from bot.risk.limits import RiskLimits
from bot.risk.rule import number_text
from bot.risk.snapshot import MarketView
from config.keys.working import WorkingRules
from models.documents.orders import Throttle, ThrottleKind
from models.enums import TradeSide, TradingState

_ONE, _ZERO = Decimal(1), Decimal(0)
_CLEAR = "nothing in the way"

__all__ = [
    "Conditions",
    "conditions_of",
    "next_throttle",
    "throttle_rules",
]


def next_throttle(
    current: Throttle | None,
    conditions: Conditions,
    rules: WorkingRules,
    *,
    reduce_only: bool,
    now: datetime,
) -> Throttle:
    """The throttle state from now on; `current` itself while nothing changes."""
    held = frozenset() if current is None else frozenset(current.holds)
    reasons = EXIT_REASONS if reduce_only else ADDING_REASONS
    in_force = [reason for reason in reasons if reason.applies(conditions, rules, held)]
    if current is not None and now - current.since < timedelta(seconds=rules.min_pace_seconds):
        # Too early to ease: former reasons still hold, and new ones act at once.
        in_force = [reason for reason in reasons if reason in in_force or reason.name in held]
    wanted = _pace_of(in_force, conditions, rules, now)
    return current if current is not None and _same(current, wanted) else wanted


def conditions_of(
    market: MarketView | None,
    *,
    side: TradeSide,
    remaining_notional: Decimal,
    drawdown_share: Decimal | None,
    trading_state: TradingState | None,
    limits: RiskLimits,
    now: datetime,
) -> Conditions:
    """Measures the throttle's conditions; `drawdown_share` is the fall from the equity's peak."""
    use = None if drawdown_share is None else share_of(drawdown_share, limits.max_drawdown_share)
    return Conditions(
        volatility_ratio=volatility_ratio(market),
        spread_bps=spread_bps(market),
        depth_share=share_of(remaining_notional, near_depth(market, side)),
        drawdown_use=None if use is None else float(use),
        trading_state=trading_state,
        data_fresh=market is not None and _is_fresh(market, limits, now),
    )


def throttle_rules(limits: RiskLimits) -> WorkingRules:
    """The rules under the limits in force: nothing more is added where the gate would deny.

    A tightened limit therefore acts on parents under way, even where the section `working` is
    looser.
    """
    rules = limits.working
    volatility = min(rules.pause_volatility_ratio, limits.max_volatility_ratio)
    spread = min(rules.pause_spread_bps, limits.max_spread_bps)
    return replace(
        rules,
        pause_volatility_ratio=volatility,
        slow_volatility_ratio=min(rules.slow_volatility_ratio, volatility),
        pause_spread_bps=spread,
        shrink_spread_bps=min(rules.shrink_spread_bps, spread),
    )


def _pace_of(
    in_force: list[ThrottleReason], conditions: Conditions, rules: WorkingRules, now: datetime
) -> Throttle:
    if not in_force:
        return Throttle(ThrottleKind.NORMAL, _ONE, _ONE, _CLEAR, None, None, now)
    kinds = {reason.kind for reason in in_force}
    first = in_force[0]
    return Throttle(
        kind=first.kind,
        speed=_speed(kinds, rules),
        size=rules.shrink_size if ThrottleKind.SHRINK in kinds else _ONE,
        cause=first.cause,
        value=number_text(first.measured(conditions)),
        limit=number_text(first.limit(rules)),
        since=now,
        holds=tuple(reason.name for reason in in_force),
    )


def _speed(kinds: set[ThrottleKind], rules: WorkingRules) -> Decimal:
    if ThrottleKind.PAUSE in kinds:
        return _ZERO
    if ThrottleKind.SLOW in kinds:
        return rules.slow_speed
    return rules.hurry_speed if ThrottleKind.HURRY in kinds else _ONE


def _same(current: Throttle, wanted: Throttle) -> bool:
    """Whether two states have the same reasons and effect; a new measured value is no change."""
    return (current.holds, current.speed, current.size) == (
        wanted.holds,
        wanted.speed,
        wanted.size,
    )


def _is_fresh(market: MarketView, limits: RiskLimits, now: datetime) -> bool:
    age = (now - market.as_of).total_seconds()
    return -limits.max_clock_skew_seconds <= age <= limits.max_market_age_seconds
