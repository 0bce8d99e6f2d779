"""A sound trade in a calm market under any limits: the starting point of the self-test."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.risk.exposure import FLOOR
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import (
    InstrumentView,
    MarketView,
    ModelView,
    PortfolioView,
    PositionView,
    RiskSnapshot,
    ScopeState,
    SeenPrice,
    TradeIntent,
)
from models.enums import TradeSide, TradingState

NOW = datetime(2025, 1, 1, 12, 0, tzinfo=UTC)
SYMBOL = "SELFUSDT"
EQUITY = Decimal(100_000_000)
BID, ASK = Decimal("99.9999"), Decimal("100.0001")
MID = Decimal(100)
STEP = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Case:
    """One trade with everything that the gate reads."""

    intent: TradeIntent
    snapshot: RiskSnapshot

    @property
    def notional(self) -> Decimal:
        """The trade's requested notional, in quote currency."""
        return self.intent.notional

    def intending(self, **changes: Any) -> "Case":
        """The case with other fields of its intent."""
        return replace(self, intent=replace(self.intent, **changes))

    def predicting(self, **changes: Any) -> "Case":
        """The case with other fields of its model's prediction."""
        return self.intending(model=replace(self.intent.model, **changes))

    def seeing(self, **changes: Any) -> "Case":
        """The case with other fields of its snapshot."""
        return replace(self, snapshot=replace(self.snapshot, **changes))

    def trading(self, **changes: Any) -> "Case":
        """The case with other fields of its market view."""
        assert self.snapshot.market is not None
        return self.seeing(market=replace(self.snapshot.market, **changes))

    def ruled(self, **changes: Any) -> "Case":
        """The case with other fields of its instrument's rules."""
        assert self.snapshot.instrument is not None
        return self.seeing(instrument=replace(self.snapshot.instrument, **changes))

    def owning(self, **changes: Any) -> "Case":
        """The case with other fields of its portfolio."""
        assert self.snapshot.portfolio is not None
        return self.seeing(portfolio=replace(self.snapshot.portfolio, **changes))

    def holding(self, *held: tuple[str, Decimal], correlation: float = 0.0) -> "Case":
        """Positions by symbol and signed notional, all with one correlation."""
        positions = tuple(
            PositionView(symbol, FLOOR.divide(notional, MID), MID) for symbol, notional in held
        )
        return self.owning(positions=positions).seeing(
            correlations={symbol: correlation for symbol, _ in held}
        )


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
