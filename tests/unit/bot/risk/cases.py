"""A healthy market, portfolio and prediction from which the tests depart, one fact at a time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.risk.limits import RiskLimits
from bot.risk.snapshot import (
    InstrumentView,
    MarketView,
    ModelView,
    PortfolioView,
    PositionView,
    RiskSnapshot,
    ScopeState,
    TradeIntent,
)
from models.enums import TradeSide, TradingState

NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
D = Decimal
LIMITS = RiskLimits()


def model(**changes: Any) -> ModelView:
    values: dict[str, Any] = {
        "confidence": 0.9,
        "uncertainty": 0.1,
        "ensemble_agreement": 0.9,
        "prediction_stability": 0.9,
        "feature_importance": {"imbalance": 0.5, "return_1m": 0.3, "volatility": 0.2},
        "member_probabilities": (0.9, 0.88, 0.92),
        "model_version": "v1",
        "predicted_at": NOW - timedelta(seconds=1),
    }
    return ModelView(**(values | changes))


def intent(**changes: Any) -> TradeIntent:
    values: dict[str, Any] = {
        "request_id": "r-1",
        "account": "main",
        "strategy": "demo",
        "symbol": "BTCUSDT",
        "side": TradeSide.BUY,
        "notional": D("3000"),
        "model": model(),
        "created_at": NOW - timedelta(seconds=1),
        "expires_at": NOW + timedelta(minutes=5),
    }
    return TradeIntent(**(values | changes))


def instrument(**changes: Any) -> InstrumentView:
    values: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "tick_size": D("0.10"),
        "qty_step": D("0.001"),
        "min_qty": D("0.001"),
        "max_qty": D("1190"),
        "min_notional": D("5"),
        "max_leverage": D("100"),
        "status": "Trading",
        "refreshed_at": NOW - timedelta(hours=1),
    }
    return InstrumentView(**(values | changes))


def market(**changes: Any) -> MarketView:
    values: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "as_of": NOW - timedelta(milliseconds=200),
        "bid": D("29999.9"),
        "ask": D("30000"),
        "last": D("30000"),
        "mark": D("30000.1"),
        "index": D("30001"),
        "bids": ((D("29999.9"), D("5")), (D("29999"), D("20"))),
        "asks": ((D("30000"), D("5")), (D("30001"), D("20"))),
        "bid_depth": D("3000000"),
        "ask_depth": D("3000000"),
        "volatility": 0.03,
        "volatility_baseline": 0.03,
        "volume_24h": D("5000000000"),
        "funding_rate": 0.0001,
    }
    return MarketView(**(values | changes))


def portfolio(**changes: Any) -> PortfolioView:
    values: dict[str, Any] = {
        "as_of": NOW - timedelta(seconds=1),
        "equity": D("100000"),
        "available_margin": D("100000"),
        "equity_day_start": D("100000"),
        "equity_peak": D("100000"),
        "rolling_pnl_24h": D("0"),
    }
    return PortfolioView(**(values | changes))


def held(qty: str, symbol: str = "BTCUSDT", mark: str = "30000") -> PositionView:
    return PositionView(symbol, D(qty), D(mark))


def snapshot(**changes: Any) -> RiskSnapshot:
    values: dict[str, Any] = {
        "taken_at": NOW,
        "instrument": instrument(),
        "market": market(),
        "portfolio": portfolio(),
        "states": (ScopeState("global", TradingState.ACTIVE),),
        "known_model_versions": {"v1": True, "v0": False},
    }
    return RiskSnapshot(**(values | changes))


def limits(**changes: Any) -> RiskLimits:
    return replace(LIMITS, **changes)
