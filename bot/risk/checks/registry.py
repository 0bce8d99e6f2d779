"""Every check of the gate, one row each: adding a check is one function and one row here."""

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from bot.risk.checks import (
    agreement,
    crowding,
    execution,
    exposures,
    instrument,
    losses,
    margin,
    market,
    model,
    state,
)
from bot.risk.checks import trade_risk as risk
from bot.risk.checks.outcome import skipped
from bot.risk.decision import CheckResult
from bot.risk.exposure import Exposure
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule
from bot.risk.snapshot import RiskSnapshot, TradeIntent

CheckFunction = Callable[[TradeIntent, Exposure, RiskSnapshot, RiskLimits], CheckResult]


class Applies(Enum):
    """The part of a trade that a check judges and may deny."""

    ADDING = "adding"
    """The part that adds risk; a reduction is never asked."""
    MODEL = "model"
    """The part that adds risk, and the part that closes more than the strategy's own share."""
    ALWAYS = "always"
    """The whole trade."""


class Row(NamedTuple):
    """One check of the gate: its rule, its function and the trades that it applies to.

    `not_asked` is its result for every other trade.
    """

    rule: Rule
    check: CheckFunction
    applies: Applies
    on_size: bool
    """Whether the check is asked after sizing, about the final quantity."""
    not_asked: CheckResult


def _row(
    rule: Rule, check: CheckFunction, applies: Applies = Applies.ADDING, *, on_size: bool = False
) -> Row:
    return Row(rule, check, applies, on_size, skipped(rule, "the trade only reduces"))


_ALWAYS, _MODEL = Applies.ALWAYS, Applies.MODEL

CHECKS: tuple[Row, ...] = (
    _row(state.STATE, state.trading_state, _ALWAYS),
    _row(state.FLIP, state.flip, _ALWAYS),
    _row(state.BREAKERS, state.breakers),
    _row(state.RECOVERY, state.recovery),
    _row(state.EXPIRY, state.expiry, _ALWAYS),
    _row(state.REQUEST_AGE, state.request_age),
    _row(state.DUPLICATE, state.duplicate_request, _ALWAYS),
    _row(state.REDUCE_ONLY, state.reduce_only, _ALWAYS),
    _row(instrument.KNOWN, instrument.instrument, _ALWAYS),
    _row(instrument.STATUS, instrument.instrument_status),
    _row(instrument.AGE, instrument.instrument_age),
    _row(instrument.TICK, instrument.tick, _ALWAYS),
    _row(instrument.MAX_QTY, instrument.max_qty),
    _row(instrument.MAX_NOTIONAL, instrument.max_notional),
    _row(model.CONFIDENCE, model.confidence, _MODEL),
    _row(model.UNCERTAINTY, model.uncertainty, _MODEL),
    _row(model.AGREEMENT, model.ensemble_agreement, _MODEL),
    _row(model.STABILITY, model.prediction_stability, _MODEL),
    _row(model.IMPORTANCE, model.feature_importance, _MODEL),
    _row(model.EXPLAINED, model.explainability, _MODEL),
    _row(model.AGE, model.prediction_age, _MODEL),
    _row(model.VERSION, model.model_version, _MODEL),
    _row(model.ENTROPY, model.ensemble_entropy_check, _MODEL),
    _row(market.REFERENCE, market.reference_price),
    _row(market.AGE, market.data_age),
    _row(market.VOLATILITY, market.volatility_regime),
    _row(market.SPREAD, market.spread),
    _row(market.DEPTH, market.depth),
    _row(market.MARK, market.mark_deviation),
    _row(market.INDEX, market.index_deviation),
    _row(agreement.AGREES, agreement.market_agrees),
    _row(market.LIMIT_PRICE, market.limit_price),
    _row(market.FUNDING, market.funding),
    _row(execution.IMPACT, execution.impact),
    _row(execution.SLIPPAGE, execution.slippage),
    _row(execution.ADV, execution.adv_share),
    _row(execution.TIME, execution.time_to_expiry),
    _row(execution.SLICES, execution.slices),
    _row(exposures.ORDER, exposures.order_notional),
    _row(exposures.POSITION, exposures.position_size),
    _row(risk.RISK, risk.trade_risk),
    _row(exposures.GROSS, exposures.gross_exposure),
    _row(exposures.RESERVED, exposures.reservation_share),
    _row(exposures.NET, exposures.net_exposure),
    _row(margin.LEVERAGE, margin.leverage),
    _row(margin.MARGIN, margin.free_margin),
    _row(margin.LIQUIDATION, margin.liquidation_distance),
    _row(crowding.CORRELATED, crowding.correlated_exposure),
    _row(crowding.CORRELATED_COUNT, crowding.correlated_positions),
    _row(crowding.CONCENTRATION, crowding.concentration),
    _row(crowding.POSITIONS, crowding.open_positions),
    _row(losses.AGE, losses.portfolio_age),
    _row(losses.DAILY, losses.daily_loss),
    _row(losses.ROLLING, losses.rolling_loss),
    _row(losses.DRAWDOWN, losses.drawdown),
    _row(losses.STREAK, losses.consecutive_losses),
    _row(losses.RATE, losses.order_rate),
    _row(losses.REPEATED, losses.repeated_orders),
    _row(instrument.MIN_QTY, instrument.min_qty, _ALWAYS, on_size=True),
    _row(instrument.MIN_NOTIONAL, instrument.min_notional, on_size=True),
)
