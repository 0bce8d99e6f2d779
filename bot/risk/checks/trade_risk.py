"""The check on a trade's possible loss: at its stop, or on a bad day without one."""

from decimal import Decimal

from bot.risk.book import positive
from bot.risk.checks.breach import EQUITY, HAIR, Case
from bot.risk.checks.check import check
from bot.risk.checks.outcome import capped, unknown
from bot.risk.decision import CheckResult
from bot.risk.exposure import Exposure
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule, Sense
from bot.risk.snapshot import MarketView, RiskSnapshot, TradeIntent
from models.enums import TradeBlockReason as Why

NORMAL_ES = 2.0627128
"""Expected shortfall at 95 % of a standard normal: phi(1.644854) / 0.05 (McNeil & Frey 2000)."""

_NORMAL = "95 % expected shortfall of a day, by the normal law: no daily returns are known"
_RETURNS = "95 % expected shortfall of a day, of the daily returns"


RISK = Rule(
    "trade_risk",
    Why.PORTFOLIO_RISK_LIMIT,
    "what the position may lose at its stop or on a bad day",
    Sense.AT_MOST,
    "USDT",
)


def _risky(case: Case, limits: RiskLimits) -> Case:
    """So volatile, and usually so, that a bad day of this position alone costs too much."""
    bad_day = EQUITY * limits.max_portfolio_risk * HAIR / case.notional
    sigma = float(bad_day) / NORMAL_ES
    return case.trading(volatility=sigma, volatility_baseline=sigma)


@check(RISK, limit="max_portfolio_risk", breach=_risky)
def trade_risk(
    intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The possible loss of the position after the trade is bounded, as a share of equity.

    The held part counts with its bad day, so that splitting a trade does not evade the check.
    """
    if exposure.equity is None:
        return unknown(RISK, "equity is missing")
    day, source = bad_day(snapshot.market)
    if intent.stop_price is None:
        share = day
    else:
        share, source = at_stop(intent.stop_price, exposure.price, exposure.sign), "at the stop"
        if share is None:
            return unknown(RISK, f"a stop at {intent.stop_price} is not on the losing side")
    if share is None or (exposure.position_notional and day is None):
        return unknown(RISK, "the volatility is missing")
    held = exposure.position_notional * day if day is not None else Decimal(0)
    limit, asked = exposure.equity * limits.max_portfolio_risk, exposure.opening_notional
    cap = asked if not share else (limit - held) / share
    return capped(RISK, held + asked * share, limit, cap, asked, exposure.portfolio_age, source)


def bad_day(market: MarketView | None) -> tuple[Decimal | None, str]:
    """One-day expected shortfall at 95 % as a share of the position, and where it comes from.

    The larger of volatility and its baseline counts: a calm hour promises no calm day.
    """
    if market is None:
        return None, _NORMAL
    if market.expected_shortfall is not None:
        known = market.expected_shortfall
        return (Decimal(repr(known)) if 0.0 < known < 1e9 else None), _RETURNS
    volatility = market.volatility
    if volatility is None or not 0.0 < volatility < 1e9:
        return None, _NORMAL
    baseline = market.volatility_baseline
    if baseline is not None and volatility < baseline < 1e9:
        volatility = baseline
    return Decimal(repr(volatility * NORMAL_ES)), _NORMAL


def at_stop(stop: Decimal, price: Decimal, sign: int) -> Decimal | None:
    """The loss at the stop, as a share of the notional; None for a stop that gains."""
    if positive(stop) is None:
        return None
    lost = (price - stop) / price * sign
    return lost if lost > 0 else None
