"""Every check of the gate, one line each; the order is that in which they are asked and shown."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from bot.risk import checks
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
    stages,
    state,
    trade_risk,
)
from bot.risk.checks.check import Check

CHECKS: tuple[Check, ...] = (
    state.trading_state,
    state.flip,
    state.breakers,
    state.recovery,
    state.trading_lease,
    state.expiry,
    state.request_age,
    state.duplicate_request,
    state.reduce_only,
    instrument.instrument,
    instrument.instrument_status,
    instrument.instrument_age,
    instrument.tick,
    instrument.max_qty,
    instrument.max_notional,
    model.confidence,
    model.uncertainty,
    model.ensemble_agreement,
    model.prediction_stability,
    model.feature_importance,
    model.explainability,
    model.prediction_age,
    model.model_version,
    model.ensemble_entropy,
    market.reference_price,
    market.data_age,
    market.volatility_regime,
    market.spread,
    market.depth,
    market.mark_deviation,
    market.index_deviation,
    agreement.market_agrees,
    market.limit_price,
    market.funding,
    execution.impact,
    execution.slippage,
    execution.adv_share,
    execution.time_to_expiry,
    execution.slices,
    exposures.order_notional,
    exposures.position_size,
    trade_risk.trade_risk,
    exposures.gross_exposure,
    exposures.reservation_share,
    stages.strategy_trade,
    stages.strategy_exposure,
    exposures.net_exposure,
    margin.leverage,
    margin.free_margin,
    margin.liquidation_distance,
    crowding.correlated_exposure,
    crowding.correlated_positions,
    crowding.concentration,
    crowding.open_positions,
    losses.portfolio_age,
    losses.daily_loss,
    losses.rolling_loss,
    losses.drawdown,
    losses.consecutive_losses,
    losses.order_rate,
    losses.repeated_orders,
    instrument.min_qty,
    instrument.min_notional,
    stages.strategy_stage,
)


def declared() -> Iterator[Check]:
    """Every check that a module of this folder declares, whether or not it has a line above."""
    for module in iter_modules(checks.__path__):
        for value in vars(import_module(f"{checks.__name__}.{module.name}")).values():
            if isinstance(value, Check):
                yield value
