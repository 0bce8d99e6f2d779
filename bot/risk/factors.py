"""The named factors in [0, 1] whose product scales a request; more risk never gives more size.

Each curve is 1 up to a configured point of full size and falls from there:

- confidence: bet size of Lopez de Prado 2018 (ch. 10), over its value at the full-size confidence;
- uncertainty: (1 - u), over its value at the full-size uncertainty;
- volatility: target over actual (Moreira & Muir 2017), the target being a multiple of the baseline;
- drawdown: linear to zero at the limit, the surplus rule of Grossman & Zhou 1993;
- correlation: linear to zero at the limit of correlated exposure (ours);
- liquidity: full-size spread over the spread (ours);
- recovery: the step of the half-open recovery ladder;
- stage: the configured share of a strategy at the stage small.
"""

from collections.abc import Callable
from decimal import Decimal

from bot.risk import stages
from bot.risk.book import positive
from bot.risk.checks.market import volatility_ratio
from bot.risk.correlation import crowd
from bot.risk.decision import SizeFactor
from bot.risk.exposure import Exposure
from bot.risk.limits import RiskLimits
from bot.risk.rule import Raw
from bot.risk.sizing import bet_size
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from models.enums import TradeBlockReason

ONE, ZERO = Decimal(1), Decimal(0)
# A NamedTuple's own constructor costs twice as much.
_new = tuple.__new__

Factor = Callable[[TradeIntent, Exposure, RiskSnapshot, RiskLimits], SizeFactor]


def confidence(
    intent: TradeIntent, _exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> SizeFactor:
    """1 from the full-size confidence up, and below it the share of that point's bet size."""
    value, full = intent.model.confidence, limits.full_size_confidence
    if value is None or not 0.0 <= value <= 1.0:
        return _unmeasured("confidence")
    if value >= full:
        return _full("confidence", value, full)
    return _scaled("confidence", bet_size(value) / bet_size(full), value, full)


def uncertainty(
    intent: TradeIntent, _exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> SizeFactor:
    """1 up to the full-size uncertainty, and from there down to 0 at an uncertainty of 1."""
    value, full = intent.model.uncertainty, limits.full_size_uncertainty
    if value is None or not 0.0 <= value <= 1.0:
        return _unmeasured("uncertainty")
    if value <= full:
        return _full("uncertainty", value, full)
    return _scaled("uncertainty", (1.0 - value) / (1.0 - full), value, full)


def volatility(
    _intent: TradeIntent, _exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> SizeFactor:
    """1 up to the full-size volatility ratio, and inverse to the ratio beyond it."""
    ratio, full = volatility_ratio(snapshot.market), limits.full_size_volatility_ratio
    if ratio is None:
        return _unmeasured("volatility")
    if ratio <= full:
        return _full("volatility", ratio, full)
    return _scaled("volatility", full / ratio, ratio, full)


def drawdown(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> SizeFactor:
    """Falls as the drawdown uses up its limit; unmeasured without a peak or an equity."""
    peak = None if snapshot.portfolio is None else positive(snapshot.portfolio.equity_peak)
    if peak is None or exposure.equity is None:
        return _unmeasured("drawdown")
    fallen = float((peak - exposure.equity) / peak)
    return _by_use(
        "drawdown", fallen, float(limits.max_drawdown_share), limits.full_size_drawdown_use
    )


def correlation(
    _intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> SizeFactor:
    """Falls as positions that move with this one use up their limit; 1 without other positions."""
    if not exposure.others:
        return _ALONE
    crowded = crowd(exposure, snapshot, limits.correlation_threshold)
    equity = positive(exposure.equity)
    if equity is None:
        return _unmeasured("correlation")
    share = float(crowded.notional / equity)
    return _by_use(
        "correlation", share, float(limits.max_correlated_share), limits.full_size_correlation_use
    )


def liquidity(
    _intent: TradeIntent, exposure: Exposure, _snapshot: RiskSnapshot, limits: RiskLimits
) -> SizeFactor:
    """1 up to the full-size spread in basis points, and inverse to the spread beyond it."""
    spread, full = exposure.spread_bps, limits.full_size_spread_bps
    if spread is None:
        return _unmeasured("liquidity")
    if spread <= full:
        return _full("liquidity", spread, full)
    return _scaled("liquidity", full / spread, spread, full)


def recovery(
    _intent: TradeIntent, _exposure: Exposure, snapshot: RiskSnapshot, _limits: RiskLimits
) -> SizeFactor:
    """The share of the size that the recovery after a tripped breaker allows; 1 without one."""
    share = snapshot.recovery_share
    if not 0.0 <= share <= 1.0:
        return _unmeasured("recovery")
    return _FULLY_RECOVERED if share == 1.0 else _scaled("recovery", share, share, 1.0)


def stage(
    _intent: TradeIntent, _exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> SizeFactor:
    """The share of the size that the strategy's stage allows; 1 at every stage but small."""
    view, unknown = snapshot.strategy, limits.strategies.unknown_stage
    if view is None or stages.in_force(view.stage, unknown) is not stages.SMALL:
        return _FULL_STAGE
    share = limits.strategies.small_share
    return SizeFactor("stage", share, share, 1)


FACTORS: tuple[Factor, ...] = (
    confidence,
    uncertainty,
    volatility,
    drawdown,
    correlation,
    liquidity,
    recovery,
    stage,
)

FACTOR_REASONS = {
    "confidence": TradeBlockReason.INSUFFICIENT_CONFIDENCE,
    "uncertainty": TradeBlockReason.MODEL_UNCERTAINTY_HIGH,
    "volatility": TradeBlockReason.MARKET_CONDITIONS_ADVERSE,
    "drawdown": TradeBlockReason.DRAWDOWN_LIMIT,
    "correlation": TradeBlockReason.CORRELATION_RISK_HIGH,
    "liquidity": TradeBlockReason.LIQUIDITY_INSUFFICIENT,
    "recovery": TradeBlockReason.TRADING_STATE,
    "stage": TradeBlockReason.STRATEGY_STAGE,
}
"""Why a trade was shrunk, when a factor did it."""

_ALONE = SizeFactor("correlation", ONE, 0, 0)
_FULLY_RECOVERED = SizeFactor("recovery", ONE, 1.0, 1.0)
_FULL_STAGE = SizeFactor("stage", ONE, 1, 1)


def _full(name: str, measured: Raw, full: Raw) -> SizeFactor:
    return _new(SizeFactor, (name, ONE, measured, full, None))


def _unmeasured(name: str) -> SizeFactor:
    return SizeFactor(name, ZERO)


def _by_use(name: str, measured: float, limit: float, full_use: float) -> SizeFactor:
    """1 while at most `full_use` of the limit is used, then linear to 0 at the limit."""
    full = limit * full_use
    if measured <= full:
        return _full(name, measured, full)
    return _scaled(name, (limit - measured) / (limit - full), measured, full)


def _scaled(name: str, share: float, measured: Raw, full: Raw) -> SizeFactor:
    """Six digits, rounded down: enough to tell sizes apart, and the same on every machine."""
    # A millionth of the last digit, so that 0.6/0.8 is .75 and not .749999.
    value = Decimal(int(min(1.0, max(0.0, share)) * 1_000_000 + 1e-6)).scaleb(-6)
    return SizeFactor(name, value, measured, full)
