"""Checks on what was lost lately and on how fast orders come: the limit itself trips."""

from decimal import Decimal

from bot.risk.book import finite, positive
from bot.risk.checks.outcome import below, unknown, young
from bot.risk.decision import CheckResult
from bot.risk.exposure import Exposure
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule, Sense
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from models.amounts import ZERO
from models.enums import TradeBlockReason as Why

DAILY = Rule(
    "daily_loss", Why.DAILY_LOSS_LIMIT, "the loss since the day's start", Sense.BELOW, "USDT"
)
ROLLING = Rule(
    "rolling_loss", Why.DAILY_LOSS_LIMIT, "the loss of the last 24 hours", Sense.BELOW, "USDT"
)
DRAWDOWN = Rule("drawdown", Why.DRAWDOWN_LIMIT, "the fall from the peak", Sense.BELOW, "USDT")
STREAK = Rule("consecutive_losses", Why.CONSECUTIVE_LOSSES, "losses in a row", Sense.BELOW)
RATE = Rule("order_rate", Why.ORDER_RATE_LIMIT, "orders in the last second", Sense.BELOW)
REPEATED = Rule(
    "repeated_orders", Why.ORDER_RATE_LIMIT, "equal orders in the last minute", Sense.BELOW
)
AGE = Rule("portfolio_age", Why.DATA_STALE, "the portfolio's age", Sense.AT_MOST, "s")


def daily_loss(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The equity's fall since the start of the UTC day stays under its limit, a share."""
    start = None if snapshot.portfolio is None else snapshot.portfolio.equity_day_start
    return _fall(DAILY, start, exposure, limits.max_daily_loss_share)


def rolling_loss(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The equity's fall within 24 hours stays under its limit, so that midnight forgives
    nothing."""
    pnl = None if snapshot.portfolio is None else finite(snapshot.portfolio.rolling_pnl_24h)
    if pnl is None or exposure.equity is None:
        return unknown(ROLLING, "equity or the rolling result is missing")
    return _fall(ROLLING, exposure.equity - pnl, exposure, limits.max_rolling_loss_share)


def drawdown(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The equity's fall from its peak stays under its limit, a share."""
    peak = None if snapshot.portfolio is None else snapshot.portfolio.equity_peak
    return _fall(DRAWDOWN, peak, exposure, limits.max_drawdown_share)


def consecutive_losses(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The number of losing trades in a row stays under its limit."""
    losses = None if snapshot.portfolio is None else snapshot.portfolio.consecutive_losses
    return below(STREAK, losses, limits.max_consecutive_losses, exposure.portfolio_age)


def order_rate(
    _intent: TradeIntent, _exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The account's orders of the last second stay under their limit."""
    orders = None if snapshot.portfolio is None else snapshot.portfolio.orders_last_second
    return below(RATE, orders, limits.max_orders_per_second)


def repeated_orders(
    _intent: TradeIntent, _exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The orders of the last minute that are like this one stay under their limit."""
    orders = None if snapshot.portfolio is None else snapshot.portfolio.same_orders_last_minute
    return below(REPEATED, orders, limits.max_repeated_orders)


def portfolio_age(
    _intent: TradeIntent, exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The account's equity and positions were read recently; in seconds."""
    age, limit = exposure.portfolio_age, limits.max_portfolio_age_seconds
    return young(AGE, age, limit, limits.max_clock_skew_seconds, shown=True)


def _fall(rule: Rule, start: Decimal | None, exposure: Exposure, share: Decimal) -> CheckResult:
    base = positive(start)
    if base is None or exposure.equity is None:
        return unknown(rule, "equity or the value it started from is missing")
    loss = base - exposure.equity
    return below(rule, loss if loss > ZERO else ZERO, base * share, exposure.portfolio_age)
