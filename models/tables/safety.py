"""Trading states, breakers, and signs of life."""

from datetime import datetime
from typing import Any

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


class TradingStateRow(Base):
    """The permitted trading of a scope. `epoch` rises with every change and voids
    older authorizations."""

    __tablename__ = "trading_state"
    scope_kind: Mapped[str] = mapped_column(primary_key=True)
    scope_key: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    reason: Mapped[str]
    actor: Mapped[str]
    epoch: Mapped[int]
    changed_at: Mapped[datetime]
    sealed_at: Mapped[datetime | None]
    """The time from which the exchange accepts nothing risk-adding from us; None while ACTIVE."""


class BreakerRow(Base):
    """A condition that trips, stays tripped until an operator resets it, and moves a trading
    state."""

    __tablename__ = "breaker"
    scope_kind: Mapped[str] = mapped_column(primary_key=True)
    scope_key: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    tripped: Mapped[bool]
    value: Mapped[str | None]
    limit: Mapped[str | None]
    reason: Mapped[str]
    changed_at: Mapped[datetime]


class HeartbeatRow(Base):
    """The last sign of life of a process or of a queue's canary."""

    __tablename__ = "heartbeat"
    name: Mapped[str] = mapped_column(primary_key=True)
    pid: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime]
    details: Mapped[dict[str, Any]]
