"""The risk snapshot: everything that a decision may look at, frozen.

A decision reads nothing else. A field that is None was not available. Each check handles that by
itself; for anything that adds risk it means a denial. Money, prices and quantities are Decimal;
scores, volatilities and ratios are float; times are UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from models.enums import (
    Algorithm,
    ExecutionPriority,
    StrategyStage,
    TradeSide,
    TradingState,
)


@dataclass(frozen=True, slots=True)
class ModelView:
    """The model's own statements about its prediction; shares are in [0, 1]."""

    confidence: float | None = None
    uncertainty: float | None = None
    ensemble_agreement: float | None = None
    prediction_stability: float | None = None
    feature_importance: Mapping[str, float] = field(default_factory=dict)
    member_probabilities: tuple[float, ...] = ()
    model_version: str | None = None
    predicted_at: datetime | None = None
    feature_importance_score: float | None = None
    """The strategy's own sum, in place of the shares by feature."""


@dataclass(frozen=True, slots=True)
class AlgorithmOptions:
    """The strategy's wishes for the work beyond the algorithm; None is the default.

    Shares are in [0, 1]; `display_notional` is in quote currency.
    """

    start: str = "at_once"
    """`at_once` or `mid_slot`: where in its slot a TWAP's slice is due."""
    size_distortion: float = 0.0
    time_distortion: float = 0.0
    seed: int | None = None
    """The seed of the distortions, drawn at admission so that others can't guess it."""
    volume_model: str | None = None
    participation_rate: float | None = None
    min_participation_rate: float | None = None
    display_notional: Decimal | None = None
    improve_after: float | None = None
    cross_margin_seconds: float | None = None
    requote_seconds: float | None = None
    backup_ladders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Failure class -> backup steps in order, as far as the strategy declared them."""
    fallback_algorithm: Algorithm | None = None
    cancel_on_risk_increase: bool = False
    parameters: str = ""
    """Those that the algorithm alone has, as canonical JSON; empty where there are none."""


@dataclass(frozen=True, slots=True)
class ClaimsView:
    """The strategy's own figures of market and portfolio; kept and compared, never decided on."""

    price: Decimal | None = None
    volatility: float | None = None
    """Of daily log returns."""
    volume_24h: Decimal | None = None
    portfolio_value: Decimal | None = None


@dataclass(frozen=True, slots=True)
class TradeIntent:
    """The trade request as the gate reads it. `notional` is in quote currency, positive."""

    request_id: str
    account: str
    strategy: str
    symbol: str
    side: TradeSide
    notional: Decimal
    model: ModelView
    created_at: datetime
    expires_at: datetime | None = None
    reduce_only: bool = False
    priority: ExecutionPriority = ExecutionPriority.NORMAL
    algorithm: Algorithm | None = None
    horizon_seconds: float | None = None
    interval_seconds: float | None = None
    limit_price: Decimal | None = None
    volume_curve: tuple[float, ...] = ()
    """Expected volume of each equally long slot, for VWAP."""
    risk_aversion: float | None = None
    """Lambda of Almgren and Chriss, per unit of money, for implementation shortfall."""
    options: AlgorithmOptions = field(default_factory=AlgorithmOptions)
    stop_price: Decimal | None = None
    """The price at which the strategy gives the trade up; the loss there is the trade's risk."""
    claims: ClaimsView | None = None


@dataclass(frozen=True, slots=True)
class InstrumentView:
    """Trading rules of the instrument, as last read from the exchange."""

    symbol: str
    tick_size: Decimal
    qty_step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    min_notional: Decimal
    max_leverage: Decimal
    status: str
    refreshed_at: datetime | None = None
    max_notional: Decimal | None = None


@dataclass(frozen=True, slots=True)
class MarketView:
    """The market of one symbol.

    `as_of` is the exchange's time of the newest frame behind it. Volatilities are standard
    deviations of log returns scaled to one day. Depths are quote notionals within `depth_bps`
    of the mid. `bids` and `asks` are the best levels (price, quantity), best first.
    """

    symbol: str
    as_of: datetime
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    mark: Decimal | None = None
    index: Decimal | None = None
    bids: tuple[tuple[Decimal, Decimal], ...] = ()
    asks: tuple[tuple[Decimal, Decimal], ...] = ()
    bid_depth: Decimal | None = None
    ask_depth: Decimal | None = None
    depth_bps: float = 10.0
    volatility: float | None = None
    volatility_baseline: float | None = None
    volume_24h: Decimal | None = None
    """Quote notional traded in the last 24 hours."""
    funding_rate: float | None = None
    traded_qty: Decimal | None = None
    """Base quantity traded since `traded_since`, the feed's start: a counter to take differences
    of."""
    traded_since: datetime | None = None
    expected_shortfall: float | None = None
    """The expected shortfall of one day at 95 %, as a share; None without daily returns of this
    symbol."""


@dataclass(frozen=True, slots=True)
class SeenPrice:
    """A price that the exchange told the account by another way than the market view."""

    price: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class PositionView:
    """Net position of one symbol, signed, from fills; `mark` values it."""

    symbol: str
    qty: Decimal
    mark: Decimal | None
    entry_price: Decimal | None = None
    liquidation_price: Decimal | None = None
    exchange_mark: SeenPrice | None = None
    """The mark in the exchange's answer about positions, and the time of the question."""


@dataclass(frozen=True, slots=True)
class WorkingView:
    """The unfilled part of approved trades in one symbol and side (reservations).

    `qty` is positive base quantity, `notional` its value at the decision's reference price.
    """

    symbol: str
    side: TradeSide
    qty: Decimal
    notional: Decimal
    reduce_only: bool = False


@dataclass(frozen=True, slots=True)
class ShareView:
    """The asking strategy's own part of the account's position in the trade's symbol."""

    qty: Decimal
    """Signed, from the fills of its own trades."""
    working: Decimal
    """The quantity that its own approved trades of this side may still fill, positive."""


@dataclass(frozen=True, slots=True)
class PortfolioView:
    """The account's money and exposure. Equity includes unrealised profit at mark."""

    as_of: datetime | None
    equity: Decimal | None
    available_margin: Decimal | None = None
    margin_in_flight: Decimal = Decimal(0)
    """Notional of entries that the reading of the free margin doesn't include yet: reserved and not
    at the exchange, or filled since."""
    strategy_reserved: Decimal = Decimal(0)
    """Notional that the asking strategy's approved trades may still add, in every symbol and side;
    0 in snapshots of earlier versions."""
    equity_day_start: Decimal | None = None
    equity_peak: Decimal | None = None
    rolling_pnl_24h: Decimal | None = None
    positions: tuple[PositionView, ...] = ()
    working: tuple[WorkingView, ...] = ()
    consecutive_losses: int | None = 0
    orders_last_second: int | None = 0
    same_orders_last_minute: int | None = 0
    """Approved requests of the same strategy, symbol, side and size in the last minute."""
    leverage: Decimal | None = None
    """Leverage set at the exchange for this symbol; None is margined as 1."""
    own: ShareView | None = None
    """None when positions are not kept by strategy, and every strategy may reduce them."""


@dataclass(frozen=True, slots=True)
class ScopeState:
    """The trading state of one scope that applies to this trade, for example global or symbol."""

    scope: str
    state: TradingState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BreakerView:
    """A tripped breaker that applies to this trade."""

    kind: str
    scope: str
    reason: str


@dataclass(frozen=True, slots=True)
class LeaseView:
    """The account's lease to add risk at the moment of the snapshot."""

    problem: str | None
    """Why it does not stand; None while it stands."""
    epoch: int = 0
    """The number of the grant."""


@dataclass(frozen=True, slots=True)
class StageView:
    """The asking strategy's stage and its own caps. Money is in quote currency."""

    stage: StrategyStage | None
    """None for a strategy without a row, which has the configured stage."""
    real_money: bool
    """Whether the account may hold real money; an unknown account counts so."""
    epoch: int = 0
    """The number of its demotions."""
    reason: str = ""
    """Why it is not the stage of the row; empty when it is."""
    max_trade_notional: Decimal | None = None
    max_exposure: Decimal | None = None
    exposure: Decimal | None = None
    """The value of its open shares and approved entries; None unless it has a cap."""


@dataclass(frozen=True, slots=True)
class RiskSnapshot:
    """Everything that a decision may look at."""

    taken_at: datetime
    instrument: InstrumentView | None
    market: MarketView | None
    portfolio: PortfolioView | None
    states: tuple[ScopeState, ...]
    breakers: tuple[BreakerView, ...] = ()
    correlations: Mapping[str, float] = field(default_factory=dict)
    """Shrunk return correlation of this symbol with each other held symbol."""
    known_model_versions: Mapping[str, bool] | None = None
    """Whether each model version is usable (False is rolled back). None when no registry is
    kept."""
    recovery_share: float = 1.0
    """Share of size that a half-open recovery allows."""
    request_seen: bool | None = False
    """Whether a decision of this `request_id` exists; None when it could not be looked up."""
    newest_fill: SeenPrice | None = None
    """The account's last trade in this symbol, if it is young."""
    lease: LeaseView | None = None
    """The lease to trade. None where none is kept: in a notebook's process, and in snapshots of
    versions before leases. A running system always has one, which stands or does not."""
    strategy: StageView | None = None
    """The stage of the asking strategy. None where strategies have no stages: in a notebook's
    process, and in snapshots of versions before stages."""
