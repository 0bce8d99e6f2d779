"""What the exchange executed, and what it was paid for that."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.enums import TradeSide
from models.tables.base import Base


class FillRow(Base):
    """An execution that the exchange reported, once per execId."""

    __tablename__ = "fill"
    account: Mapped[str] = mapped_column(primary_key=True)
    exec_id: Mapped[str] = mapped_column(primary_key=True)
    child_id: Mapped[int | None] = mapped_column(ForeignKey("child_order.child_id"))
    """None: a foreign order's execution, reported and not touched."""
    order_id: Mapped[str]
    order_link_id: Mapped[str]
    symbol: Mapped[str]
    side: Mapped[TradeSide]
    qty: Mapped[Decimal]
    price: Mapped[Decimal]
    fee: Mapped[Decimal]
    fee_currency: Mapped[str]
    is_maker: Mapped[bool]
    exec_type: Mapped[str]
    executed_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    source: Mapped[str]

    __table_args__ = (
        Index("ix_fill_child", "child_id"),
        Index("ix_fill_executed", "account", "executed_at"),
        Index("ix_fill_symbol", "symbol", "executed_at"),
    )


class OtherFeeRow(Base):
    """A fill's fee in neither coin of its symbol, or besides its main one: what it was worth, once
    that has been asked."""

    __tablename__ = "other_fee"
    account: Mapped[str] = mapped_column(primary_key=True)
    exec_id: Mapped[str] = mapped_column(primary_key=True)
    coin: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str | None]
    """None: a foreign order's."""
    symbol: Mapped[str]
    side: Mapped[TradeSide]
    amount: Mapped[Decimal]
    qty: Mapped[Decimal]
    closed_qty: Mapped[Decimal]
    """What the fill ended of the position: its part of the fee is the closing trade's own."""
    executed_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    """When the exchange answered; None: it is still to be asked."""
    price: Mapped[Decimal | None]
    """Of one unit at the time of the fill; None after an answer: the exchange knows none."""
    price_source: Mapped[str | None]
    cost: Mapped[Decimal | None]
    """Amount times price, in quote: booked on position and trades."""

    __table_args__ = (
        Index(
            "ix_other_fee_to_ask",
            "account",
            "executed_at",
            postgresql_where=text("asked_at IS NULL"),
        ),
        Index("ix_other_fee_executed", "account", "executed_at"),
    )
