"""One synthetic breach per check: the sound trade with a single fact beyond its limit."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from bot.risk.checks.trade_risk import NORMAL_ES
from bot.risk.limits import RiskLimits
from bot.risk.selftest.baseline import ASK, EQUITY, MID, NOW, STEP, SYMBOL, Case
from bot.risk.snapshot import BreakerView, PositionView, ScopeState, SeenPrice
from models.enums import Algorithm, TradeSide, TradingState

Make = Callable[[Case, RiskLimits], Case | None]


class Breach(NamedTuple):
    """A way to break one check, and the limit that should stop it, if there is one."""

    make: Make
    limit: str = ""


_HAIR = Decimal("1.05")
"""Five per cent beyond a limit: clear of rounding, and still isolated from looser limits."""


def _before(seconds: float) -> timedelta:
    return -timedelta(seconds=seconds)


def _low_score(field: str, limit: str) -> Breach:
    """A score just under its least value; a least value of zero can't be broken."""

    def make(case: Case, limits: RiskLimits) -> Case | None:
        floor: float = getattr(limits, limit)
        return case.predicting(**{field: floor * 0.99}) if floor > 0 else None

    return Breach(make, limit)


def _weak_features(case: Case, limits: RiskLimits) -> Case | None:
    floor, features = limits.min_feature_importance, max(limits.min_explained_features, 3)
    if floor <= 0:
        return None
    shares = {f"feature-{i}": floor * 0.3 for i in range(features)}
    return case.predicting(feature_importance=shares)


def _unexplained(case: Case, limits: RiskLimits) -> Case:
    """One feature too few; where one is enough, one that can't be read."""
    few = limits.min_explained_features - 1
    if few > 0:
        return case.predicting(feature_importance={f"feature-{i}": 1.0 for i in range(few)})
    return case.predicting(
        feature_importance={**case.intent.model.feature_importance, "broken": -1.0}
    )


def _disputing_members(case: Case, limits: RiskLimits) -> Case | None:
    if limits.max_epistemic_entropy_bits >= 1:
        return None
    return case.predicting(member_probabilities=(1.0, 0.0))


def _wide_spread(case: Case, limits: RiskLimits) -> Case:
    half = MID * Decimal(repr(limits.max_spread_bps)) * _HAIR / 20_000
    bid, ask = MID - half, MID + half
    deep = EQUITY * EQUITY
    return case.trading(bid=bid, ask=ask, bids=((bid, deep),), asks=((ask, deep),))


def _another_fill(case: Case, limits: RiskLimits) -> Case:
    price = MID / (1 + Decimal(repr(limits.max_disagreement_bps)) / 10_000 * _HAIR)
    return case.seeing(newest_fill=SeenPrice(price, NOW))


def _thin_book(case: Case, limits: RiskLimits) -> Case:
    return case.trading(ask_depth=case.notional / limits.max_depth_share / 2)


def _far_limit_price(case: Case, limits: RiskLimits) -> Case:
    price = ASK * (1 + Decimal(repr(limits.max_limit_price_deviation)) * _HAIR)
    return case.intending(limit_price=price.quantize(Decimal("0.0001")))


def _costly_funding(case: Case, limits: RiskLimits) -> Case | None:
    rate = limits.max_funding_rate * 1.05 + 1e-9
    return case.trading(funding_rate=rate)


def _heavy(bps_of: Callable[[RiskLimits], float]) -> Make:
    """A volume of which the order is a modest share, so volatile that it still moves the price."""

    def make(case: Case, limits: RiskLimits) -> Case:
        share = float(limits.max_adv_share) / 2
        sigma = bps_of(limits) * 1.05 / 1e4 / (limits.impact_coefficient * share**0.5)
        return case.trading(
            volume_24h=case.notional / Decimal(repr(share)),
            volatility=sigma,
            volatility_baseline=sigma,
        )

    return make


def _small_volume(case: Case, limits: RiskLimits) -> Case:
    return case.trading(
        volume_24h=case.notional / limits.max_adv_share / 2,
        volatility=1e-9,
        volatility_baseline=1e-9,
    )


def _too_many_slices(case: Case, limits: RiskLimits) -> Case:
    return case.intending(
        algorithm=Algorithm.TWAP,
        horizon_seconds=float(limits.max_slices + 1),
        interval_seconds=1.0,
        expires_at=None,
    )


def _late(case: Case, limits: RiskLimits) -> Case | None:
    if limits.min_time_to_expiry_seconds <= 0:
        return None
    left = timedelta(seconds=limits.min_time_to_expiry_seconds / 2)
    return case.intending(expires_at=NOW + left)


def _large_order(case: Case, limits: RiskLimits) -> Case | None:
    if limits.max_order_notional is None:
        return None
    return case.intending(notional=limits.max_order_notional * _HAIR)


def _position(case: Case, limits: RiskLimits) -> Case:
    return case.holding((SYMBOL, EQUITY * limits.max_position_share - case.notional / 2))


def _risky(case: Case, limits: RiskLimits) -> Case:
    """So volatile, and usually so, that a bad day of this position alone costs too much."""
    bad_day = EQUITY * limits.max_portfolio_risk * _HAIR / case.notional
    sigma = float(bad_day) / NORMAL_ES
    return case.trading(volatility=sigma, volatility_baseline=sigma)


def _gross(case: Case, limits: RiskLimits) -> Case:
    half = (EQUITY * limits.max_gross_exposure_share - case.notional / 2) / 2
    return case.holding(("LONGUSDT", half), ("SHORTUSDT", -half))


def _reserved(case: Case, limits: RiskLimits) -> Case:
    reserved = EQUITY * limits.max_reservation_share - case.notional / 2
    return case.owning(strategy_reserved=reserved)


def _net(case: Case, limits: RiskLimits) -> Case:
    half = (EQUITY * limits.max_net_exposure_share - case.notional / 2) / 2
    return case.holding(("ONEUSDT", half), ("TWOUSDT", half))


def _leverage(case: Case, _limits: RiskLimits) -> Case:
    """By the instrument's own maximum, which binds like ours."""
    return case.ruled(max_leverage=case.notional / EQUITY / 2)


def _liquidation(case: Case, limits: RiskLimits) -> Case | None:
    if limits.min_liquidation_distance <= 0:
        return None
    near = MID * (1 - Decimal(repr(limits.min_liquidation_distance)) / 2)
    position = PositionView(SYMBOL, STEP, MID, liquidation_price=near)
    return case.owning(positions=(position,))


def _crowd(case: Case, limits: RiskLimits) -> Case:
    notional = EQUITY * limits.max_correlated_share - case.notional / 2
    return case.holding(("TWINUSDT", notional), correlation=1.0)


def _crowd_count(case: Case, limits: RiskLimits) -> Case:
    count = limits.max_correlated_positions + 1
    return case.holding(*((f"S{i}USDT", Decimal(1)) for i in range(count)), correlation=1.0)


def _one_bet(case: Case, limits: RiskLimits) -> Case | None:
    if limits.min_effective_bets <= 1:
        return None
    return case.holding((SYMBOL, EQUITY * limits.concentration_free_share))


def _many_positions(case: Case, limits: RiskLimits) -> Case:
    return case.holding(*((f"S{i}USDT", Decimal(1)) for i in range(limits.max_positions)))


def _fallen(field: str, share: Callable[[RiskLimits], Decimal]) -> Make:
    """From a start of which exactly the limit is gone: the limit itself has to trip."""

    def make(case: Case, limits: RiskLimits) -> Case | None:
        left = 1 - share(limits)
        return case.owning(equity=EQUITY * left, **{field: EQUITY}) if left > 0 else None

    return make


def _daily(case: Case, limits: RiskLimits) -> Case | None:
    lost = _fallen("equity_day_start", lambda its: its.max_daily_loss_share)(case, limits)
    return None if lost is None else _peak_now(lost)


def _rolling(case: Case, limits: RiskLimits) -> Case | None:
    left = EQUITY * (1 - limits.max_rolling_loss_share)
    if left <= 0:
        return None
    lost = case.owning(equity=left, equity_day_start=left, rolling_pnl_24h=left - EQUITY)
    return _peak_now(lost)


def _drawdown(case: Case, limits: RiskLimits) -> Case | None:
    left = EQUITY * (1 - limits.max_drawdown_share)
    if left <= 0:
        return None
    return case.owning(equity=left, equity_day_start=left)


def _peak_now(case: Case) -> Case:
    assert case.snapshot.portfolio is not None
    return case.owning(equity_peak=case.snapshot.portfolio.equity)


def _halted(case: Case, _limits: RiskLimits) -> Case:
    return case.seeing(states=(ScopeState("global:*", TradingState.HALTED, "self-test"),))


def _flipping(case: Case, _limits: RiskLimits) -> Case:
    """Reducing is allowed, turning the position around is not."""
    return (
        case.holding((SYMBOL, case.notional / 2))
        .seeing(states=(ScopeState("global:*", TradingState.REDUCING, "self-test"),))
        .intending(side=TradeSide.SELL)
    )


def _latched(case: Case, _limits: RiskLimits) -> Case:
    return case.seeing(breakers=(BreakerView("self_test", "global:*", "self-test"),))


def _off_tick(case: Case, _limits: RiskLimits) -> Case:
    return case.intending(limit_price=Decimal("100.00001"))


BREACHES: Mapping[str, Breach] = {
    "trading_state": Breach(_halted),
    "flip": Breach(_flipping),
    "breakers": Breach(_latched),
    "recovery": Breach(lambda case, _: case.seeing(recovery_share=0.0)),
    "expiry": Breach(lambda case, _: case.intending(expires_at=NOW)),
    "request_age": Breach(
        lambda case, its: case.intending(created_at=NOW + _before(its.max_request_age_seconds + 1)),
        "max_request_age_seconds",
    ),
    "duplicate_request": Breach(lambda case, _: case.seeing(request_seen=True)),
    "reduce_only": Breach(lambda case, _: case.intending(reduce_only=True)),
    "instrument": Breach(lambda case, _: case.ruled(symbol="OTHERUSDT")),
    "instrument_status": Breach(lambda case, _: case.ruled(status="Delivering")),
    "instrument_age": Breach(
        lambda case, its: case.ruled(
            refreshed_at=NOW + _before(its.max_instrument_age_seconds + 1)
        ),
        "max_instrument_age_seconds",
    ),
    "tick": Breach(_off_tick),
    "max_qty": Breach(lambda case, _: case.ruled(max_qty=case.notional / ASK / 2)),
    "max_notional": Breach(lambda case, _: case.ruled(max_notional=case.notional / 2)),
    "confidence": _low_score("confidence", "min_confidence"),
    "uncertainty": Breach(
        lambda case, its: case.predicting(uncertainty=its.max_uncertainty + 0.001),
        "max_uncertainty",
    ),
    "ensemble_agreement": _low_score("ensemble_agreement", "min_ensemble_agreement"),
    "prediction_stability": _low_score("prediction_stability", "min_prediction_stability"),
    "feature_importance": Breach(_weak_features, "min_feature_importance"),
    "explainability": Breach(_unexplained, "min_explained_features"),
    "prediction_age": Breach(
        lambda case, its: case.predicting(
            predicted_at=NOW + _before(its.max_prediction_age_seconds + 1)
        ),
        "max_prediction_age_seconds",
    ),
    "model_version": Breach(lambda case, _: case.predicting(model_version="rolled-back")),
    "ensemble_entropy": Breach(_disputing_members, "max_epistemic_entropy_bits"),
    "reference_price": Breach(lambda case, _: case.trading(ask=None)),
    "data_age": Breach(
        lambda case, its: case.trading(as_of=NOW + _before(its.max_market_age_seconds + 1)),
        "max_market_age_seconds",
    ),
    "volatility_regime": Breach(
        lambda case, its: case.trading(volatility=0.01 * its.max_volatility_ratio),
        "max_volatility_ratio",
    ),
    "spread": Breach(_wide_spread, "max_spread_bps"),
    "depth": Breach(_thin_book, "max_depth_share"),
    "mark_deviation": Breach(
        lambda case, its: case.trading(
            mark=MID / (1 + Decimal(repr(its.max_mark_deviation)) * _HAIR)
        ),
        "max_mark_deviation",
    ),
    "index_deviation": Breach(
        lambda case, its: case.trading(
            index=MID / (1 + Decimal(repr(its.max_index_deviation)) * _HAIR)
        ),
        "max_index_deviation",
    ),
    "market_agrees": Breach(_another_fill, "max_disagreement_bps"),
    "limit_price": Breach(_far_limit_price, "max_limit_price_deviation"),
    "funding": Breach(_costly_funding, "max_funding_rate"),
    "impact": Breach(_heavy(lambda its: its.max_impact_bps), "max_impact_bps"),
    "slippage": Breach(_heavy(lambda its: its.max_slippage_bps), "max_slippage_bps"),
    "adv_share": Breach(_small_volume, "max_adv_share"),
    "time_to_expiry": Breach(_late, "min_time_to_expiry_seconds"),
    "slices": Breach(_too_many_slices, "max_slices"),
    "order_notional": Breach(_large_order, "max_order_notional"),
    "position_size": Breach(_position, "max_position_share"),
    "trade_risk": Breach(_risky, "max_portfolio_risk"),
    "gross_exposure": Breach(_gross, "max_gross_exposure_share"),
    "reservation_share": Breach(_reserved, "max_reservation_share"),
    "net_exposure": Breach(_net, "max_net_exposure_share"),
    "leverage": Breach(_leverage, "max_leverage"),
    "free_margin": Breach(lambda case, _: case.owning(available_margin=case.notional / 2)),
    "liquidation_distance": Breach(_liquidation, "min_liquidation_distance"),
    "correlated_exposure": Breach(_crowd, "max_correlated_share"),
    "correlated_positions": Breach(_crowd_count, "max_correlated_positions"),
    "concentration": Breach(_one_bet, "min_effective_bets"),
    "open_positions": Breach(_many_positions, "max_positions"),
    "portfolio_age": Breach(
        lambda case, its: case.owning(as_of=NOW + _before(its.max_portfolio_age_seconds + 1)),
        "max_portfolio_age_seconds",
    ),
    "daily_loss": Breach(_daily, "max_daily_loss_share"),
    "rolling_loss": Breach(_rolling, "max_rolling_loss_share"),
    "drawdown": Breach(_drawdown, "max_drawdown_share"),
    "consecutive_losses": Breach(
        lambda case, its: case.owning(consecutive_losses=its.max_consecutive_losses),
        "max_consecutive_losses",
    ),
    "order_rate": Breach(
        lambda case, its: case.owning(orders_last_second=its.max_orders_per_second),
        "max_orders_per_second",
    ),
    "repeated_orders": Breach(
        lambda case, its: case.owning(same_orders_last_minute=its.max_repeated_orders),
        "max_repeated_orders",
    ),
    "min_qty": Breach(lambda case, _: case.ruled(min_qty=case.notional / ASK * 2)),
    "min_notional": Breach(lambda case, _: case.ruled(min_notional=case.notional * 2)),
}
