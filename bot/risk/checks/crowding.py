"""Checks on how alike the positions would be: correlation, concentration and their number."""

from decimal import Decimal
from math import exp, log

from bot.risk.checks.breach import EQUITY, SYMBOL, Case
from bot.risk.checks.check import check
from bot.risk.checks.outcome import at_most, capped, failed, passed, unknown
from bot.risk.correlation import crowd
from bot.risk.decision import CheckResult
from bot.risk.exposure import Crowd, Exposure
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule, Sense
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from models.amounts import ZERO
from models.enums import TradeBlockReason as Why

CORRELATED = Rule(
    "correlated_exposure",
    Why.CORRELATION_RISK_HIGH,
    "exposure that moves with this trade, afterwards",
    Sense.AT_MOST,
    "USDT",
)


def _crowd(case: Case, limits: RiskLimits) -> Case:
    notional = EQUITY * limits.max_correlated_share - case.notional / 2
    return case.holding(("TWINUSDT", notional), correlation=1.0)


@check(CORRELATED, limit="max_correlated_share", breach=_crowd)
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


CORRELATED_COUNT = Rule(
    "correlated_positions",
    Why.CORRELATION_RISK_HIGH,
    "the number of positions that move with this trade",
    Sense.AT_MOST,
)


def _crowd_count(case: Case, limits: RiskLimits) -> Case:
    count = limits.max_correlated_positions + 1
    return case.holding(*((f"S{i}USDT", Decimal(1)) for i in range(count)), correlation=1.0)


@check(CORRELATED_COUNT, limit="max_correlated_positions", breach=_crowd_count)
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


CONCENTRATION = Rule(
    "concentration", Why.PORTFOLIO_RISK_LIMIT, "the effective number of bets", Sense.AT_LEAST
)


def _one_bet(case: Case, limits: RiskLimits) -> Case | None:
    if limits.min_effective_bets <= 1:
        return None
    return case.holding((SYMBOL, EQUITY * limits.concentration_free_share))


@check(CONCENTRATION, limit="min_effective_bets", breach=_one_bet)
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


POSITIONS = Rule(
    "open_positions", Why.PORTFOLIO_RISK_LIMIT, "the number of positions afterwards", Sense.AT_MOST
)


def _many_positions(case: Case, limits: RiskLimits) -> Case:
    return case.holding(*((f"S{i}USDT", Decimal(1)) for i in range(limits.max_positions)))


@check(POSITIONS, limit="max_positions", breach=_many_positions)
def open_positions(
    _intent: TradeIntent, exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """The number of symbols with a position or an order, this one included, is bounded."""
    return at_most(POSITIONS, exposure.open_symbols, limits.max_positions)
