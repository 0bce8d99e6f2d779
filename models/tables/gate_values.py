"""What blocked trades would have been worth."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Double, ForeignKey, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from models.enums import NotValued, TradeSide, ValueEnd, Verdict
from models.tables.base import Base


class GateValueRow(Base):
    """The worth of one denied or shrunk request's trade, written once when it is known. Money is in
    quote currency."""

    __tablename__ = "gate_value"
    request_id: Mapped[str] = mapped_column(ForeignKey("decision.request_id"), primary_key=True)
    account: Mapped[str]
    strategy: Mapped[str]
    symbol: Mapped[str]
    side: Mapped[TradeSide]
    verdict: Mapped[Verdict]
    decided_at: Mapped[datetime]
    known_at: Mapped[datetime]
    """The end of the horizon's last minute."""
    blockers: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """The checks and factors that blocked it."""
    shares: Mapped[list[float]] = mapped_column(ARRAY(Double))
    """The share of each blocker; together 1."""
    not_valued: Mapped[NotValued | None]
    """Why the worth is not known. All columns from `qty` on are None then."""
    qty: Mapped[Decimal | None]
    """Base units beyond those that were allowed."""
    entry_price: Mapped[Decimal | None]
    exit_price: Mapped[Decimal | None]
    ended_by: Mapped[ValueEnd | None]
    ended_at: Mapped[datetime | None]
    spread: Mapped[Decimal | None]
    impact: Mapped[Decimal | None]
    fees: Mapped[Decimal | None]
    fee_rate: Mapped[Decimal | None]
    """The share of the notional that a taker pays."""
    profit: Mapped[Decimal | None]
    """Of the trade, after all costs; the block is worth the opposite."""
    equity: Mapped[Decimal | None]
    """The account's equity at the decision."""
    profit_bps: Mapped[float | None] = mapped_column(Double)
    """The profit in basis points of the equity."""
    judged_at: Mapped[datetime]

    __table_args__ = (Index("ix_gate_value_decided", "decided_at"),)
