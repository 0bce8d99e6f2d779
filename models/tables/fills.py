"""The executions of the exchange, and the fees for them."""

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
    """None for a foreign order's execution, which is reported and not touched."""
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
    """A fee of a fill in neither coin of its symbol, or beside the main fee. Its worth follows once
    the exchange was asked for the price."""

    __tablename__ = "other_fee"
    account: Mapped[str] = mapped_column(primary_key=True)
    exec_id: Mapped[str] = mapped_column(primary_key=True)
    coin: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str | None]
    """None for a foreign order."""
    symbol: Mapped[str]
    side: Mapped[TradeSide]
    amount: Mapped[Decimal]
    qty: Mapped[Decimal]
    closed_qty: Mapped[Decimal]
    """The quantity of the position that the fill closed. That part of the fee belongs to the
    closing trade."""
    executed_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    """The time of the exchange's answer; None while the exchange is still to be asked."""
    price: Mapped[Decimal | None]
    """The price of one unit at the time of the fill. After an answer, None means that the exchange
    knows no price."""
    price_source: Mapped[str | None]
    cost: Mapped[Decimal | None]
    """Amount times price, in quote currency. It is booked on the position and the trades."""

    __table_args__ = (
        Index(
            "ix_other_fee_to_ask",
            "account",
            "executed_at",
            postgresql_where=text("asked_at IS NULL"),
        ),
        Index("ix_other_fee_executed", "account", "executed_at"),
    )
