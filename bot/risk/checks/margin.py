"""Checks on whether the account can carry the position afterwards: leverage, margin,
liquidation."""

from decimal import Decimal

from bot.risk.book import positive
from bot.risk.checks.breach import EQUITY, MID, STEP, SYMBOL, Case
from bot.risk.checks.check import check
from bot.risk.checks.outcome import capped, failed, passed, unknown
from bot.risk.decision import CheckResult
from bot.risk.exposure import Exposure
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule, Sense
from bot.risk.snapshot import PositionView, RiskSnapshot, TradeIntent
from models.amounts import ZERO
from models.enums import TradeBlockReason as Why

LEVERAGE = Rule("leverage", Why.PORTFOLIO_RISK_LIMIT, "leverage afterwards", Sense.AT_MOST, "x")


def _leverage(case: Case, _limits: RiskLimits) -> Case:
    """Breaks the instrument's own maximum, which binds like ours."""
    return case.ruled(max_leverage=case.notional / EQUITY / 2)


@check(LEVERAGE, limit="max_leverage", breach=_leverage)
def leverage(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """Gross over equity, within our limit and the instrument's."""
    gross, asked = exposure.gross, exposure.opening_notional
    equity = positive(exposure.equity)
    if equity is None or gross is None or snapshot.instrument is None:
        return unknown(LEVERAGE, "equity, a mark or the instrument is missing")
    limit = min(limits.max_leverage, snapshot.instrument.max_leverage)
    return capped(LEVERAGE, (gross + asked) / equity, limit, limit * equity - gross, asked)


MARGIN = Rule(
    "free_margin", Why.INSUFFICIENT_MARGIN, "the margin that the order needs", Sense.AT_MOST, "USDT"
)


@check(MARGIN, breach=lambda case, _: case.owning(available_margin=case.notional / 2))
def free_margin(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The free margin carries the trade, less a buffer and the margin of orders in flight."""
    portfolio = snapshot.portfolio
    free = None if portfolio is None else portfolio.available_margin
    if portfolio is None or free is None or not free.is_finite():
        return unknown(MARGIN, "the free margin is missing")
    in_flight = portfolio.margin_in_flight
    if not (in_flight.is_finite() and in_flight >= ZERO):
        return unknown(MARGIN, f"a margin in flight of {in_flight} is not readable")
    times, asked = portfolio.leverage, exposure.opening_notional
    # Orders in flight will need their margin too; they are counted without leverage.
    usable = max(ZERO, free - free * limits.margin_buffer_share - in_flight)
    if times is None:
        return capped(MARGIN, asked, usable, usable, asked, exposure.portfolio_age)
    if not (times.is_finite() and times >= 1):
        return unknown(MARGIN, f"a leverage of {times} is not readable")
    return capped(MARGIN, asked / times, usable, usable * times, asked, exposure.portfolio_age)


LIQUIDATION = Rule(
    "liquidation_distance",
    Why.PORTFOLIO_RISK_LIMIT,
    "the distance to liquidation",
    Sense.AT_LEAST,
)


def _liquidation(case: Case, limits: RiskLimits) -> Case | None:
    if limits.min_liquidation_distance <= 0:
        return None
    near = MID * (1 - Decimal(repr(limits.min_liquidation_distance)) / 2)
    position = PositionView(SYMBOL, STEP, MID, liquidation_price=near)
    return case.owning(positions=(position,))


@check(LIQUIDATION, limit="min_liquidation_distance", breach=_liquidation)
def liquidation_distance(
    intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The worse of the exchange's own figure for the held position and a cross-margin estimate.

    Estimate: all positions may move against us by equity / gross before equity is gone, less the
    maintenance rate.
    """
    limit, equity, gross = limits.min_liquidation_distance, exposure.equity, exposure.gross
    if equity is None or gross is None or snapshot.portfolio is None:
        return unknown(LIQUIDATION, "equity or a position's mark is missing", limit=limit)
    after = gross + exposure.opening_notional
    distance = float(equity / after) - limits.maintenance_margin_rate
    for position in snapshot.portfolio.positions:
        if position.symbol != intent.symbol or not position.qty:
            continue
        mark, liquidation = positive(position.mark), position.liquidation_price
        if liquidation is None or mark is None or not liquidation.is_finite():
            if limits.require_liquidation_price or liquidation is not None:
                return unknown(LIQUIDATION, "the position's liquidation price is not readable")
            continue
        side = 1 if position.qty > ZERO else -1
        distance = min(distance, float((mark - liquidation) / mark) * side)
    if distance >= limit:
        return passed(LIQUIDATION, distance, limit, exposure.portfolio_age)
    return failed(LIQUIDATION, distance, limit, exposure.portfolio_age)
