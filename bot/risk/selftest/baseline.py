"""A sound trade in a calm market under any limits: the starting point of the self-test."""

from datetime import timedelta
from decimal import Decimal

from bot.risk.checks.breach import ASK, BID, EQUITY, MID, NOW, STEP, SYMBOL, Case
from bot.risk.exposure import FLOOR
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import (
    InstrumentView,
    LeaseView,
    MarketView,
    ModelView,
    PortfolioView,
    RiskSnapshot,
    ScopeState,
    SeenPrice,
    TradeIntent,
)
from models.enums import TradeSide, TradingState


def healthy(limits: RiskLimits) -> Case:
    """A buy of a tenth of the tightest size limit, predicted as well as can be."""
    shares = (
        limits.max_position_share,
        limits.max_gross_exposure_share,
        limits.max_reservation_share,
        limits.max_net_exposure_share,
        limits.max_correlated_share,
        limits.max_leverage,
    )
    # A bad day is 2.07 times the volatility of the sound market.
    bad_day = limits.max_portfolio_risk / Decimal("0.0207")
    budget = EQUITY * min(*shares, bad_day)
    if limits.max_order_notional is not None:
        budget = min(budget, limits.max_order_notional)
    return _case(FLOOR.quantize(budget / 10, Decimal("0.01")), limits)


def _case(notional: Decimal, limits: RiskLimits) -> Case:
    deep = notional * 1_000_000
    market = MarketView(
        symbol=SYMBOL,
        as_of=NOW,
        bid=BID,
        ask=ASK,
        last=MID,
        mark=MID,
        index=MID,
        bids=((BID, deep),),
        asks=((ASK, deep),),
        bid_depth=deep / limits.max_depth_share,
        ask_depth=deep / limits.max_depth_share,
        volatility=0.01,
        volatility_baseline=0.01,
        volume_24h=deep * 1_000_000,
        funding_rate=0.0,
    )
    portfolio = PortfolioView(
        as_of=NOW,
        equity=EQUITY,
        available_margin=EQUITY * 10,
        equity_day_start=EQUITY,
        equity_peak=EQUITY,
        rolling_pnl_24h=Decimal(0),
    )
    snapshot = RiskSnapshot(
        taken_at=NOW,
        instrument=_instrument(notional),
        market=market,
        portfolio=portfolio,
        states=(ScopeState("global:*", TradingState.ACTIVE),),
        known_model_versions={"sound": True, "rolled-back": False},
        newest_fill=SeenPrice(MID, NOW),
        lease=LeaseView(None, 1),
    )
    return Case(_intent(notional, limits), snapshot)


def _instrument(notional: Decimal) -> InstrumentView:
    return InstrumentView(
        symbol=SYMBOL,
        tick_size=Decimal("0.0001"),
        qty_step=STEP,
        min_qty=STEP,
        max_qty=notional * 1_000_000,
        min_notional=notional / 100,
        max_leverage=Decimal(100),
        status="Trading",
        refreshed_at=NOW,
    )


def _intent(notional: Decimal, limits: RiskLimits) -> TradeIntent:
    features = max(limits.min_explained_features, 3)
    return TradeIntent(
        request_id="self-test",
        account="self-test",
        strategy="self-test",
        symbol=SYMBOL,
        side=TradeSide.BUY,
        notional=notional,
        model=ModelView(
            confidence=1.0,
            uncertainty=0.0,
            ensemble_agreement=1.0,
            prediction_stability=1.0,
            feature_importance={f"feature-{i}": 1.0 for i in range(features)},
            member_probabilities=(1.0, 1.0),
            model_version="sound",
            predicted_at=NOW,
        ),
        created_at=NOW,
        expires_at=NOW + timedelta(days=1),
    )
