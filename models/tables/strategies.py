"""Strategies: their owner and version, their stage, and their own caps."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Integer
from sqlalchemy.orm import Mapped, mapped_column

from models.enums import StrategyStage
from models.tables.base import Base


class StrategyRow(Base):
    """One strategy. Its caps narrow the limits that every strategy has; None narrows nothing.

    `models.repositories.strategies` reads the stage, because a row alone proves nothing.
    """

    __tablename__ = "strategy"
    name: Mapped[str] = mapped_column(primary_key=True)
    """The name in its messages."""
    owner: Mapped[str]
    version: Mapped[str]
    stage: Mapped[StrategyStage]
    stage_since: Mapped[datetime]
    epoch: Mapped[int]
    """Rises with each demotion, which voids older authorizations."""
    max_trade_notional: Mapped[Decimal | None]
    """The largest notional that one trade adds, in quote currency."""
    max_exposure: Mapped[Decimal | None]
    """The largest value of its open shares and approved entries, in quote currency."""
    max_requests_per_second: Mapped[int | None] = mapped_column(Integer)
    """Its own bound beside `quotas.requests_per_second`."""
    asked_stage: Mapped[StrategyStage | None]
    """The stage that a promotion asks for while it waits for a second person."""
    asked_by: Mapped[str | None]
    asked_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("stage IN ('shadow', 'paper', 'small', 'full')", name="ck_strategy_stage"),
        CheckConstraint(
            "max_trade_notional > 0 AND max_exposure > 0 AND max_requests_per_second > 0",
            name="ck_strategy_caps",
        ),
    )
