"""Trading rules of instruments, and models of their volume."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Identity
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


class InstrumentRow(Base):
    """Trading rules as last read from the exchange."""

    __tablename__ = "instrument"
    symbol: Mapped[str] = mapped_column(primary_key=True)
    category: Mapped[str]
    tick_size: Mapped[Decimal]
    qty_step: Mapped[Decimal]
    min_qty: Mapped[Decimal]
    max_qty: Mapped[Decimal]
    min_notional: Mapped[Decimal]
    max_leverage: Mapped[Decimal]
    price_limit_x: Mapped[Decimal | None]
    """Shares of the mark price that make the venue's price band; None when the venue doesn't
    publish them."""
    price_limit_y: Mapped[Decimal | None]
    status: Mapped[str]
    refreshed_at: Mapped[datetime]


class VolumeModelRow(Base):
    """One training of the volume models; the newest counts, the older ones stay."""

    __tablename__ = "volume_model"
    model_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    document: Mapped[str]
    """The text that `bot.market.volume.store` writes and reads."""
    source: Mapped[str]
    """The origin of the bars: a folder, or the exchange."""
    stored_at: Mapped[datetime]
