"""Alerts, their deliveries to people, and the channels that carry them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Identity, Index, Integer
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from models.enums import AlertLevel, AlertNews, AlertState
from models.tables.base import Base


class AlertRow(Base):
    """A condition that people are told of. What happens again while it is not cleared only counts.

    It is written in the transaction that finds the cause.
    """

    __tablename__ = "alert"
    alert_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    key: Mapped[str]
    """The condition; at most one alert of it is not cleared."""
    level: Mapped[AlertLevel]
    """The loudest level since it was raised."""
    kind: Mapped[str]
    """The kind of the audit entry that it comes from."""
    chain: Mapped[str]
    """The audit chain: the account's, or the global one."""
    subject: Mapped[str]
    """The newest subject: a scope, a symbol, a request or an order."""
    text: Mapped[str]
    """The newest sentence. It may hold text of others."""
    lasting: Mapped[bool]
    """Whether an end of its own clears it. Otherwise it is an event, which a quiet time clears."""
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]
    opened_at: Mapped[datetime]
    """Since when it waits for an operator; later than `first_seen` when it came back."""
    count: Mapped[int] = mapped_column(Integer)
    state: Mapped[AlertState]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None]
    acknowledge_reason: Mapped[str | None]
    cleared_at: Mapped[datetime | None]
    clear_reason: Mapped[str | None]
    round: Mapped[int] = mapped_column(Integer)
    """The number of times that people are to be told of it."""
    news: Mapped[AlertNews]
    """What the newest round tells."""
    planned_round: Mapped[int] = mapped_column(Integer, server_default=sql("0"))
    """The newest round whose deliveries are written."""
    told_at: Mapped[datetime | None]
    """The time of the newest round of an alert that waits for an operator."""
    escalations: Mapped[int] = mapped_column(Integer, server_default=sql("0"))
    """How often it was repeated because no operator answered."""
    reduced_at: Mapped[datetime | None]
    """When it moved trading to REDUCING because no operator answered."""

    __table_args__ = (
        Index("uq_alert_key", "key", unique=True, postgresql_where=sql("state <> 'cleared'")),
        Index("ix_alert_unplanned", "alert_id", postgresql_where=sql("round > planned_round")),
        Index("ix_alert_last_seen", "last_seen"),
        CheckConstraint("count > 0", name="ck_alert_count"),
        CheckConstraint("state IN ('open', 'acknowledged', 'cleared')", name="ck_alert_state"),
    )


class AlertDeliveryRow(Base):
    """One round of an alert on one channel. It is tried until the channel takes it."""

    __tablename__ = "alert_delivery"
    alert_id: Mapped[int] = mapped_column(primary_key=True)
    round: Mapped[int] = mapped_column(Integer, primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    news: Mapped[AlertNews]
    level: Mapped[AlertLevel]
    """The level that is told; an alert that waits too long is told as an emergency."""
    attempts: Mapped[int] = mapped_column(Integer, server_default=sql("0"))
    next_at: Mapped[datetime]
    """When it is tried next. A sender that holds it sets this after its own deadline."""
    began_at: Mapped[datetime | None]
    """The begin of the newest attempt."""
    delivered_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]
    error: Mapped[str | None]
    """Why the newest attempt failed. It never holds the channel's address."""

    __table_args__ = (
        Index(
            "ix_alert_delivery_open",
            "channel",
            "next_at",
            postgresql_where=sql("delivered_at IS NULL AND given_up_at IS NULL"),
        ),
        Index("ix_alert_delivery_began", "channel", "began_at"),
    )


class AlertChannelRow(Base):
    """A channel as the process that uses it knows it, without its address."""

    __tablename__ = "alert_channel"
    name: Mapped[str] = mapped_column(primary_key=True)
    service: Mapped[str]
    """The kind of service: the scheme of its address."""
    min_level: Mapped[AlertLevel]
    configured: Mapped[bool]
    """Whether it is in the file of channels that is in use."""
    changed_at: Mapped[datetime]
    failures: Mapped[int] = mapped_column(Integer, server_default=sql("0"))
    """Failed attempts since the last delivery."""
    failing_since: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    """The last delivery."""
    error: Mapped[str | None]
