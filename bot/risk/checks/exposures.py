"""Checks on how much the account would hold afterwards: size and exposure."""

from bot.risk.checks.breach import EQUITY, HAIR, SYMBOL, Case
from bot.risk.checks.check import check
from bot.risk.checks.outcome import capped, skipped, unknown
from bot.risk.decision import CheckResult
from bot.risk.exposure import Exposure
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule, Sense
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from models.amounts import ZERO
from models.enums import TradeBlockReason as Why

ORDER = Rule(
    "order_notional", Why.EXCESSIVE_POSITION_SIZE, "the order's notional", Sense.AT_MOST, "USDT"
)
_NO_ORDER_CAP = skipped(ORDER, "no cap per order is configured")


def _large_order(case: Case, limits: RiskLimits) -> Case | None:
    if limits.max_order_notional is None:
        return None
    return case.intending(notional=limits.max_order_notional * HAIR)


@check(ORDER, limit="max_order_notional", breach=_large_order)
def order_notional(
    _intent: TradeIntent, exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The added notional is at most `max_order_notional`, in quote currency; None sets no cap."""
    limit = limits.max_order_notional
    if limit is None:
        return _NO_ORDER_CAP
    asked = exposure.opening_notional
    return capped(ORDER, asked, limit, limit, asked)


POSITION = Rule(
    "position_size", Why.EXCESSIVE_POSITION_SIZE, "the position afterwards", Sense.AT_MOST, "USDT"
)


def _position(case: Case, limits: RiskLimits) -> Case:
    return case.holding((SYMBOL, EQUITY * limits.max_position_share - case.notional / 2))


@check(POSITION, limit="max_position_share", breach=_position)
def position_size(
    _intent: TradeIntent, exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The symbol's position after the trade is at most a share of the equity."""
    if exposure.equity is None:
        return unknown(POSITION, "equity is missing")
    limit, asked = exposure.equity * limits.max_position_share, exposure.opening_notional
    held = exposure.position_notional
    return capped(POSITION, held + asked, limit, limit - held, asked, exposure.portfolio_age)


GROSS = Rule(
    "gross_exposure", Why.GROSS_EXPOSURE_LIMIT, "gross exposure afterwards", Sense.AT_MOST, "USDT"
)


def _gross(case: Case, limits: RiskLimits) -> Case:
    half = (EQUITY * limits.max_gross_exposure_share - case.notional / 2) / 2
    return case.holding(("LONGUSDT", half), ("SHORTUSDT", -half))


@check(GROSS, limit="max_gross_exposure_share", breach=_gross)
def gross_exposure(
    _intent: TradeIntent, exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """All positions after the trade, without sign, are at most a share of the equity."""
    equity, gross, asked = exposure.equity, exposure.gross, exposure.opening_notional
    if equity is None or gross is None:
        return unknown(GROSS, "equity or a position's mark is missing")
    limit = equity * limits.max_gross_exposure_share
    return capped(GROSS, gross + asked, limit, limit - gross, asked, exposure.portfolio_age)


RESERVED = Rule(
    "reservation_share",
    Why.PORTFOLIO_RISK_LIMIT,
    "what the strategy's trades may still add, afterwards",
    Sense.AT_MOST,
    "USDT",
)


def _reserved(case: Case, limits: RiskLimits) -> Case:
    reserved = EQUITY * limits.max_reservation_share - case.notional / 2
    return case.owning(strategy_reserved=reserved)


@check(RESERVED, limit="max_reservation_share", breach=_reserved)
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


NET = Rule(
    "net_exposure",
    Why.NET_EXPOSURE_LIMIT,
    "net exposure afterwards in this direction",
    Sense.AT_MOST,
    "USDT",
)


def _net(case: Case, limits: RiskLimits) -> Case:
    half = (EQUITY * limits.max_net_exposure_share - case.notional / 2) / 2
    return case.holding(("ONEUSDT", half), ("TWOUSDT", half))


@check(NET, limit="max_net_exposure_share", breach=_net)
def net_exposure(
    _intent: TradeIntent, exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """Positions of the trade's side, less those of the other, are at most a share of the equity."""
    equity, net, asked = exposure.equity, exposure.net_same_side, exposure.opening_notional
    if equity is None or net is None:
        return unknown(NET, "equity or a position's mark is missing")
    limit = equity * limits.max_net_exposure_share
    return capped(NET, net + asked, limit, limit - net, asked, exposure.portfolio_age)
