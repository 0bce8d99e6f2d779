"""The facts of one executed trade that its costs are computed from, as plain values."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.tca.shortfall import FillPart
from models.documents.orders import Arrival
from models.enums import TradeSide


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of a child: its quantity, price and fee, and its time."""

    part: FillPart
    executed_at: datetime


@dataclass(frozen=True, slots=True)
class Child:
    """One order: its plan, the time of its sending, and its result."""

    order_link_id: str
    slot: int
    attempt: int
    qty: Decimal
    state: str
    planned_at: datetime
    sent_at: datetime | None
    acked_at: datetime | None
    final_at: datetime | None
    arrival: Arrival | None
    fills: tuple[Fill, ...]
    style: str = "ioc"
    """How it meets the market: `ioc`, `post_only` or `limit`."""

    @property
    def parts(self) -> tuple[FillPart, ...]:
        """Quantity, price and fee of each fill."""
        return tuple(fill.part for fill in self.fills)


@dataclass(frozen=True, slots=True)
class Expectation:
    """The gate's measures and expectations; None when its snapshot has no such number."""

    impact_bps: float | None = None
    day_volume: Decimal | None = None
    """Quote notional of 24 hours."""
    day_volatility: float | None = None


@dataclass(frozen=True, slots=True)
class Trade:
    """One parent with its children in the order in which they were sent."""

    request_id: str
    strategy: str
    algorithm: str
    symbol: str
    side: TradeSide
    state: str
    is_final: bool
    approved_qty: Decimal
    decided_at: datetime
    finished_at: datetime | None
    decision_price: Decimal
    decision_basis: str
    expected: Expectation
    children: tuple[Child, ...]
    nothing_left: bool = False
    """Whether it ended because others had closed the position that it was to reduce."""

    @property
    def fills(self) -> tuple[Fill, ...]:
        """The fills of all children, by their time."""
        found = (fill for child in self.children for fill in child.fills)
        return tuple(sorted(found, key=lambda fill: fill.executed_at))

    @property
    def parts(self) -> tuple[FillPart, ...]:
        """Quantity, price and fee of each fill, by their time."""
        return tuple(fill.part for fill in self.fills)

    @property
    def sent(self) -> tuple[Child, ...]:
        """The children that went out, in the order of sending."""
        out = [(child.sent_at, child.slot, child) for child in self.children if child.sent_at]
        return tuple(child for _, _, child in sorted(out, key=lambda row: row[:2]))
