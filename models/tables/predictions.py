"""Predictions with their outcomes, and the bets against what models state."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Double, Index, Integer, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from models.enums import TradeSide
from models.tables.base import Base


class PredictionRow(Base):
    """The prediction of one request, blocked ones included, and its outcome at its horizon."""

    __tablename__ = "prediction"
    request_id: Mapped[str] = mapped_column(primary_key=True)
    account: Mapped[str]
    strategy: Mapped[str]
    model_version: Mapped[str]
    symbol: Mapped[str]
    side: Mapped[TradeSide]
    stated: Mapped[float] = mapped_column(Double)
    """The probability with which the model says that it is right."""
    predicted_at: Mapped[datetime]
    """The receipt of the request: a strategy's own clock proves nothing."""
    starts_at: Mapped[datetime]
    """The end of the minute of the prediction, from which the price counts."""
    known_at: Mapped[datetime]
    """The end of the horizon's last minute."""
    lane: Mapped[int] = mapped_column(Integer)
    stake: Mapped[float] = mapped_column(Double)
    """Its part of the budget of false alarms, fixed before the outcome."""
    start_price: Mapped[Decimal | None]
    end_price: Mapped[Decimal | None]
    outcome: Mapped[float | None] = mapped_column(Double)
    """1 right, 0 wrong; None where the price did not move or the exchange has no minutes."""
    settled_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "ix_prediction_open", "account", "known_at", postgresql_where=text("settled_at IS NULL")
        ),
        Index(
            "ix_prediction_settled",
            "settled_at",
            postgresql_where=text("settled_at IS NOT NULL"),
        ),
        Index(
            "ix_prediction_stream",
            *("account", "strategy", "model_version", "symbol", "predicted_at"),
        ),
    )


class ModelLaneRow(Base):
    """The bets of one lane of a stream of predictions (`bot.model_risk.betting`)."""

    __tablename__ = "model_lane"
    account: Mapped[str] = mapped_column(primary_key=True)
    strategy: Mapped[str] = mapped_column(primary_key=True)
    model_version: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    lane: Mapped[int] = mapped_column(Integer, primary_key=True)
    free_at: Mapped[datetime]
    sums: Mapped[list[float]] = mapped_column(ARRAY(Double))
    labels: Mapped[int] = mapped_column(Integer)
    changed_at: Mapped[datetime]
