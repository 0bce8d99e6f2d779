"""Checks on recent losses and on the rate of orders: the limit itself trips."""

from decimal import Decimal

from bot.risk.book import finite, positive
from bot.risk.checks.breach import EQUITY, Case, before
from bot.risk.checks.check import check
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


def _peak_now(case: Case) -> Case:
    assert case.snapshot.portfolio is not None
    return case.owning(equity_peak=case.snapshot.portfolio.equity)


def _daily(case: Case, limits: RiskLimits) -> Case | None:
    """An equity that has lost exactly the limit since the day's start: the limit itself has to
    trip."""
    left = EQUITY * (1 - limits.max_daily_loss_share)
    if left <= 0:
        return None
    return _peak_now(case.owning(equity=left, equity_day_start=EQUITY))


@check(DAILY, limit="max_daily_loss_share", breach=_daily)
def daily_loss(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The equity's fall since the start of the UTC day stays under its limit, a share."""
    start = None if snapshot.portfolio is None else snapshot.portfolio.equity_day_start
    return _fall(DAILY, start, exposure, limits.max_daily_loss_share)


ROLLING = Rule(
    "rolling_loss", Why.DAILY_LOSS_LIMIT, "the loss of the last 24 hours", Sense.BELOW, "USDT"
)


def _rolling(case: Case, limits: RiskLimits) -> Case | None:
    left = EQUITY * (1 - limits.max_rolling_loss_share)
    if left <= 0:
        return None
    lost = case.owning(equity=left, equity_day_start=left, rolling_pnl_24h=left - EQUITY)
    return _peak_now(lost)


@check(ROLLING, limit="max_rolling_loss_share", breach=_rolling)
def rolling_loss(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The equity's fall within 24 hours stays under its limit, so that midnight forgives
    nothing."""
    pnl = None if snapshot.portfolio is None else finite(snapshot.portfolio.rolling_pnl_24h)
    if pnl is None or exposure.equity is None:
        return unknown(ROLLING, "equity or the rolling result is missing")
    return _fall(ROLLING, exposure.equity - pnl, exposure, limits.max_rolling_loss_share)


DRAWDOWN = Rule("drawdown", Why.DRAWDOWN_LIMIT, "the fall from the peak", Sense.BELOW, "USDT")


def _drawdown(case: Case, limits: RiskLimits) -> Case | None:
    left = EQUITY * (1 - limits.max_drawdown_share)
    if left <= 0:
        return None
    return case.owning(equity=left, equity_day_start=left)


@check(DRAWDOWN, limit="max_drawdown_share", breach=_drawdown)
def drawdown(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The equity's fall from its peak stays under its limit, a share."""
    peak = None if snapshot.portfolio is None else snapshot.portfolio.equity_peak
    return _fall(DRAWDOWN, peak, exposure, limits.max_drawdown_share)


STREAK = Rule("consecutive_losses", Why.CONSECUTIVE_LOSSES, "losses in a row", Sense.BELOW)


@check(
    STREAK,
    limit="max_consecutive_losses",
    breach=lambda case, its: case.owning(consecutive_losses=its.max_consecutive_losses),
)
def consecutive_losses(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The number of losing trades in a row stays under its limit."""
    losses = None if snapshot.portfolio is None else snapshot.portfolio.consecutive_losses
    return below(STREAK, losses, limits.max_consecutive_losses, exposure.portfolio_age)


RATE = Rule("order_rate", Why.ORDER_RATE_LIMIT, "orders in the last second", Sense.BELOW)


@check(
    RATE,
    limit="max_orders_per_second",
    breach=lambda case, its: case.owning(orders_last_second=its.max_orders_per_second),
)
def order_rate(
    _intent: TradeIntent, _exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The account's orders of the last second stay under their limit."""
    orders = None if snapshot.portfolio is None else snapshot.portfolio.orders_last_second
    return below(RATE, orders, limits.max_orders_per_second)


REPEATED = Rule(
    "repeated_orders", Why.ORDER_RATE_LIMIT, "equal orders in the last minute", Sense.BELOW
)


@check(
    REPEATED,
    limit="max_repeated_orders",
    breach=lambda case, its: case.owning(same_orders_last_minute=its.max_repeated_orders),
)
def repeated_orders(
    _intent: TradeIntent, _exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The orders of the last minute that are like this one stay under their limit."""
    orders = None if snapshot.portfolio is None else snapshot.portfolio.same_orders_last_minute
    return below(REPEATED, orders, limits.max_repeated_orders)


AGE = Rule("portfolio_age", Why.DATA_STALE, "the portfolio's age", Sense.AT_MOST, "s")


@check(
    AGE,
    limit="max_portfolio_age_seconds",
    breach=lambda case, its: case.owning(as_of=before(its.max_portfolio_age_seconds + 1)),
)
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
