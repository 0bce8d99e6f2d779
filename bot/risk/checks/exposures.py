"""Checks on what the account would hold afterwards: size, exposure, margin and crowding."""

from decimal import Decimal
from math import exp, log

from bot.risk.book import positive
from bot.risk.checks.outcome import at_most, capped, failed, passed, skipped, unknown
from bot.risk.correlation import crowd
from bot.risk.decision import CheckResult
from bot.risk.exposure import Crowd, Exposure
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule, Sense
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from models.amounts import ZERO
from models.enums import TradeBlockReason as Why

ORDER = Rule(
    "order_notional", Why.EXCESSIVE_POSITION_SIZE, "the order's notional", Sense.AT_MOST, "USDT"
)
POSITION = Rule(
    "position_size", Why.EXCESSIVE_POSITION_SIZE, "the position afterwards", Sense.AT_MOST, "USDT"
)
GROSS = Rule(
    "gross_exposure", Why.GROSS_EXPOSURE_LIMIT, "gross exposure afterwards", Sense.AT_MOST, "USDT"
)
RESERVED = Rule(
    "reservation_share",
    Why.PORTFOLIO_RISK_LIMIT,
    "what the strategy's trades may still add, afterwards",
    Sense.AT_MOST,
    "USDT",
)
NET = Rule(
    "net_exposure",
    Why.NET_EXPOSURE_LIMIT,
    "net exposure afterwards in this direction",
    Sense.AT_MOST,
    "USDT",
)
LEVERAGE = Rule("leverage", Why.PORTFOLIO_RISK_LIMIT, "leverage afterwards", Sense.AT_MOST, "x")
MARGIN = Rule(
    "free_margin", Why.INSUFFICIENT_MARGIN, "the margin that the order needs", Sense.AT_MOST, "USDT"
)
LIQUIDATION = Rule(
    "liquidation_distance",
    Why.PORTFOLIO_RISK_LIMIT,
    "the distance to liquidation",
    Sense.AT_LEAST,
)
CORRELATED = Rule(
    "correlated_exposure",
    Why.CORRELATION_RISK_HIGH,
    "exposure that moves with this trade, afterwards",
    Sense.AT_MOST,
    "USDT",
)
CORRELATED_COUNT = Rule(
    "correlated_positions",
    Why.CORRELATION_RISK_HIGH,
    "the number of positions that move with this trade",
    Sense.AT_MOST,
)
CONCENTRATION = Rule(
    "concentration", Why.PORTFOLIO_RISK_LIMIT, "the effective number of bets", Sense.AT_LEAST
)
POSITIONS = Rule(
    "open_positions", Why.PORTFOLIO_RISK_LIMIT, "the number of positions afterwards", Sense.AT_MOST
)

_NO_ORDER_CAP = skipped(ORDER, "no cap per order is configured")


def order_notional(
    _intent: TradeIntent, exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The added notional is at most `max_order_notional`, in quote currency; None sets no cap."""
    limit = limits.max_order_notional
    if limit is None:
        return _NO_ORDER_CAP
    asked = exposure.opening_notional
    return capped(ORDER, asked, limit, limit, asked)


def position_size(
    _intent: TradeIntent, exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The symbol's position after the trade is at most a share of the equity."""
    if exposure.equity is None:
        return unknown(POSITION, "equity is missing")
    limit, asked = exposure.equity * limits.max_position_share, exposure.opening_notional
    held = exposure.position_notional
    return capped(POSITION, held + asked, limit, limit - held, asked, exposure.portfolio_age)


def gross_exposure(
    _intent: TradeIntent, exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """All positions after the trade, without sign, are at most a share of the equity."""
    equity, gross, asked = exposure.equity, exposure.gross, exposure.opening_notional
    if equity is None or gross is None:
        return unknown(GROSS, "equity or a position's mark is missing")
    limit = equity * limits.max_gross_exposure_share
    return capped(GROSS, gross + asked, limit, limit - gross, asked, exposure.portfolio_age)


def reservation_share(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """One strategy's approved trades must not reserve all of the account's room."""
    portfolio, asked = snapshot.portfolio, exposure.opening_notional
    if portfolio is None or exposure.equity is None:
        return unknown(RESERVED, "equity is missing")
    reserved = portfolio.strategy_reserved
    if not (reserved.is_finite() and reserved >= ZERO):
        return unknown(RESERVED, f"a reservation of {reserved} is not readable")
    limit = exposure.equity * limits.max_reservation_share
    return capped(
        RESERVED, reserved + asked, limit, limit - reserved, asked, exposure.portfolio_age
    )


def net_exposure(
    _intent: TradeIntent, exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """Positions of the trade's side, less those of the other, are at most a share of the equity."""
    equity, net, asked = exposure.equity, exposure.net_same_side, exposure.opening_notional
    if equity is None or net is None:
        return unknown(NET, "equity or a position's mark is missing")
    limit = equity * limits.max_net_exposure_share
    return capped(NET, net + asked, limit, limit - net, asked, exposure.portfolio_age)


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


def correlated_exposure(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The symbol's position and those that move with it are at most a share of the equity.

    Another position moves with it when their correlation reaches `correlation_threshold`.
    """
    if exposure.equity is None:
        return unknown(CORRELATED, "equity is missing")
    crowded = crowd(exposure, snapshot, limits.correlation_threshold)
    limit = exposure.equity * limits.max_correlated_share
    held, asked = exposure.position_notional + crowded.notional, exposure.opening_notional
    result = capped(CORRELATED, held + asked, limit, limit - held, asked, exposure.portfolio_age)
    return _naming_assumed(result, crowded)


def correlated_positions(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The number of other symbols whose positions move with this one is bounded."""
    crowded = crowd(exposure, snapshot, limits.correlation_threshold)
    result = at_most(CORRELATED_COUNT, crowded.symbols, limits.max_correlated_positions)
    return _naming_assumed(result, crowded)


def _naming_assumed(result: CheckResult, crowded: Crowd) -> CheckResult:
    if crowded.assumed is None:
        return result
    return result._replace(detail=f"unknown correlation counts as full: {crowded.assumed}")


def concentration(
    intent: TradeIntent, exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """exp(entropy of the exposure shares) once the book is large enough to matter.

    Only the largest holding is refused more: adding to a small one spreads the book.
    """
    equity, gross, asked = exposure.equity, exposure.gross, exposure.opening_notional
    if equity is None or gross is None:
        return unknown(CONCENTRATION, "equity or a position's mark is missing")
    free = equity * limits.concentration_free_share
    if gross + asked <= free:
        return passed(CONCENTRATION, "a small book", limits.min_effective_bets)
    held: dict[str, Decimal] = {intent.symbol: exposure.position_notional + asked}
    for symbol, notional in exposure.others:
        held[symbol] = held.get(symbol, ZERO) + abs(notional)
    total = sum(held.values(), ZERO)
    shares = [float(notional / total) for notional in held.values() if notional]
    bets = exp(-sum(share * log(share) for share in shares))
    if bets >= limits.min_effective_bets or held[intent.symbol] < max(held.values()):
        return passed(CONCENTRATION, bets, limits.min_effective_bets, exposure.portfolio_age)
    return failed(CONCENTRATION, bets, limits.min_effective_bets, exposure.portfolio_age)


def open_positions(
    _intent: TradeIntent, exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The number of symbols with a position or an order, this one included, is bounded."""
    return at_most(POSITIONS, exposure.open_symbols, limits.max_positions)
