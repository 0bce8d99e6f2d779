"""The account data of a decision, as its statement's parts fill it in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from models.repositories.portfolio import HeldPosition, HeldReservation
from models.repositories.strategies import UNKNOWN, KnownStage
from models.tables import BreakerRow, InstrumentRow, TradingStateRow


@dataclass(frozen=True, slots=True)
class TradeKey:
    """The trade that facts are read for. Two trades with equal keys are the same order again."""

    account: str
    strategy: str
    symbol: str
    side: str
    notional: Decimal


@dataclass(slots=True)
class AccountFacts:
    """The stored facts about one trade; None for a missing row.

    Its rows belong to no session; they are read only.
    """

    states: list[TradingStateRow] = field(default_factory=list)
    """The trading states of the scopes that apply. A scope without a row is ACTIVE; the global one
    must have a row."""
    breakers: list[BreakerRow] = field(default_factory=list)
    """The tripped breakers of the scopes that apply."""
    size_share: Decimal = Decimal(1)
    """The smallest share of the size that a breaker of these scopes allows while it recovers."""
    recoveries: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    """The share of size that a climbing recovery allows, by scope."""
    fitness: tuple[bool, str, datetime] | None = None
    """Whether the exchange lets the account trade, why not, and when it was asked."""
    lease: tuple[Sequence[str], Sequence[Decimal | None]] | None = None
    """The words and numbers of the lease to trade, as `LEASE` gives them."""
    instrument: InstrumentRow | None = None
    positions: list[HeldPosition] = field(default_factory=list)
    unbooked: Decimal = Decimal(0)
    """The exchange's position in the trade's symbol beyond our fills, by the last
    reconciliation."""
    reservations: list[HeldReservation] = field(default_factory=list)
    """The quantity that approved trades may still fill."""
    equity_at: datetime | None = None
    equity: Decimal | None = None
    available: Decimal | None = None
    resting_notional: Decimal = Decimal(0)
    """Entries that rest at the exchange, which its reading of the free margin includes."""
    filled_since: Decimal = Decimal(0)
    """Fills of entries since the newest reading, which doesn't include them."""
    equity_a_day_ago: Decimal | None = None
    """The middle one of the first three readings of the last 24 hours, in the money of now."""
    equity_a_day_ago_at: datetime | None = None
    cash_flows: list[tuple[datetime, Decimal]] = field(default_factory=list)
    """Times of cash flows, and the factor of each on the equity before it."""
    equity_day_start: Decimal | None = None
    equity_peak: Decimal | None = None
    consecutive_losses: int = 0
    orders_last_second: int = 0
    own_qty: Decimal = Decimal(0)
    """The strategy's own share of the position in the trade's symbol."""
    own_working: Decimal = Decimal(0)
    """The quantity that its own approved trades of the trade's side may still fill."""
    newest_fill: tuple[Decimal, datetime] | None = None
    """The account's last trade in the trade's symbol within `FILL_WINDOW`: its price and time."""
    own_reserved: Decimal = Decimal(0)
    """Notional that its own approved trades may still add, in every symbol."""
    stage: KnownStage = UNKNOWN
    """The strategy's stage and its own caps."""
    stage_exposure: Decimal | None = None
    """The value of its open shares; None without a cap on it, or where a price is missing."""
    same_orders_last_minute: int = 0
    """Approved trades alike in strategy, symbol, side and size: a runaway loop looks so."""
