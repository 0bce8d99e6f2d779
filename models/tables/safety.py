"""Trading states, breakers, and signs of life."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Double, Identity, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from models.documents.lease import Judged
from models.enums import BreakerAction, BreakerSide, RecoveryPhase, TradingState
from models.tables.base import Base


class TradingStateRow(Base):
    """The permitted trading of a scope. `epoch` rises with every change and voids
    older authorizations."""

    __tablename__ = "trading_state"
    scope_kind: Mapped[str] = mapped_column(primary_key=True)
    scope_key: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[TradingState]
    reason: Mapped[str]
    actor: Mapped[str]
    epoch: Mapped[int]
    changed_at: Mapped[datetime]
    sealed_at: Mapped[datetime | None]
    """The time from which the exchange accepts nothing risk-adding from us; None while ACTIVE."""


class BreakerRow(Base):
    """A condition that trips and stays tripped until a person or the environment's recovery resets
    it. It stops what adds risk in its scope and on its side."""

    __tablename__ = "breaker"
    scope_kind: Mapped[str] = mapped_column(primary_key=True)
    scope_key: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    tripped: Mapped[bool]
    value: Mapped[str | None]
    limit: Mapped[str | None]
    reason: Mapped[str]
    changed_at: Mapped[datetime]
    side: Mapped[BreakerSide] = mapped_column(server_default=text("'both'"))
    window: Mapped[str | None]
    """The period or the base that the value is measured over, in words."""
    count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """How often it has tripped."""
    action: Mapped[BreakerAction] = mapped_column(server_default=text("'reduce_only'"))
    share: Mapped[Decimal | None]
    """The share of the size that it allows while it is not tripped; None is all of it."""
    until: Mapped[datetime | None]
    """The end of a timed lock. The evaluator ends it, never before it has waited as long."""
    waited_seconds: Mapped[float] = mapped_column(Double, server_default=text("0"))
    """How long it has been tripped or half open, as the evaluator's looks have counted it. A clock
    that jumps adds at most the time between two looks."""
    seen_at: Mapped[datetime | None]
    """The evaluator's last look at it."""
    escalated_at: Mapped[datetime | None]
    """When it asked for the emergency stop; None since its last reset."""
    memory: Mapped[dict[str, Any] | None]
    """What its condition has to remember between two looks."""


class BreakerTripRow(Base):
    """One trip of a breaker, from its cause to its end."""

    __tablename__ = "breaker_trip"
    trip_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    scope_kind: Mapped[str]
    scope_key: Mapped[str]
    kind: Mapped[str]
    side: Mapped[BreakerSide]
    tripped_at: Mapped[datetime]
    value: Mapped[str | None]
    limit: Mapped[str | None]
    window: Mapped[str | None]
    count: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str]
    action: Mapped[BreakerAction]
    actor: Mapped[str]
    equity: Mapped[Decimal | None]
    """The newest equity at the trip."""
    within_again_at: Mapped[datetime | None]
    """When its condition was first over."""
    flat_at: Mapped[datetime | None]
    """When its scope first had no position after the trip."""
    flat_equity: Mapped[Decimal | None]
    resumed_at: Mapped[datetime | None]
    resumed_by: Mapped[str | None]
    resume_reason: Mapped[str | None]

    __table_args__ = (
        Index("ix_breaker_trip_at", "tripped_at"),
        Index(
            "ix_breaker_trip_open",
            "scope_kind",
            "scope_key",
            "kind",
            postgresql_where=text("resumed_at IS NULL"),
        ),
    )


SYSTEM_HEARTBEAT = "system"
"""The name of the whole system's sign of life, which the watchdog reads. The dispatcher and the
sweeper give it, so that one of two workers may be restarted without a silence."""


class RecoveryRow(Base):
    """A recovery of a scope: asked for, confirmed, and climbing step by step. Never deleted."""

    __tablename__ = "recovery"
    recovery_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    scope_kind: Mapped[str]
    scope_key: Mapped[str]
    phase: Mapped[RecoveryPhase]
    from_state: Mapped[TradingState]
    """The state that it leaves. A bad sign takes it back there."""
    epoch: Mapped[int]
    """The scope's epoch when the recovery was asked for, and from its begin on the epoch that it
    made. Another epoch means that somebody else moved the scope."""
    step: Mapped[int] = mapped_column(Integer)
    share: Mapped[Decimal]
    reason: Mapped[str]
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    """The end of the time in which a second person may confirm it."""
    confirmed_by: Mapped[str | None]
    begun_at: Mapped[datetime | None]
    step_since: Mapped[datetime | None]
    equity: Mapped[Decimal | None]
    """The equity at its begin."""
    changed_at: Mapped[datetime]
    note: Mapped[str | None]
    """Why it ended."""

    __table_args__ = (
        CheckConstraint(
            "phase IN ('pending', 'climbing', 'recovered', 'fell_back', 'ended')",
            name="ck_recovery_phase",
        ),
        CheckConstraint("share > 0 AND share <= 1", name="ck_recovery_share"),
        CheckConstraint("confirmed_by <> asked_by", name="ck_recovery_second_person"),
        Index(
            "uq_recovery_open",
            "scope_kind",
            "scope_key",
            unique=True,
            postgresql_where=text("phase IN ('pending', 'climbing')"),
        ),
    )


class EmergencyTriggerRow(Base):
    """A trigger of the emergency stop: what its last look saw, and when it fired."""

    __tablename__ = "emergency_trigger"
    kind: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    threshold: Mapped[str]
    since: Mapped[datetime | None]
    """Since when the value counts; None while there is nothing."""
    seen_at: Mapped[datetime]
    """The look that saw what the row says: the last one that saw something else than before."""
    fired_at: Mapped[datetime | None]
    """When it stopped all trading; None once a person has recovered from that."""
    cleared_at: Mapped[datetime | None]
    """When a person's recovery was seen. What came before it is judged."""
    count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """How often it has fired."""
    memory: Mapped[dict[str, Any] | None]
    """What it has to remember between two looks."""


class DrillRow(Base):
    """A drill of the emergency stop or a stress test, written once at its end."""

    __tablename__ = "drill"
    drill_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str]
    account: Mapped[str]
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    actor: Mapped[str]
    passed: Mapped[bool]
    """Whether every step was done and proven."""
    report: Mapped[dict[str, Any]]

    __table_args__ = (
        CheckConstraint("kind IN ('halt', 'stress')", name="ck_drill_kind"),
        CheckConstraint("ended_at >= began_at", name="ck_drill_times"),
    )


class AssuranceReportRow(Base):
    """A report on the controls themselves, written once. The audit has its fingerprint."""

    __tablename__ = "assurance_report"
    report_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str]
    account: Mapped[str]
    made_at: Mapped[datetime]
    actor: Mapped[str]
    report_sha256: Mapped[str]
    report: Mapped[dict[str, Any]]

    __table_args__ = (
        CheckConstraint(
            "kind IN ('calibration', 'self_assessment')", name="ck_assurance_report_kind"
        ),
        Index("ix_assurance_report_newest", "account", "kind", "report_id"),
    )


class HeartbeatRow(Base):
    """The last sign of life of a process or of a queue's canary."""

    __tablename__ = "heartbeat"
    name: Mapped[str] = mapped_column(primary_key=True)
    pid: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime]
    details: Mapped[dict[str, Any]]


class TradingLeaseRow(Base):
    """The lease of an account to add risk. The safety process renews it for seconds at a time.

    Its times are those of Postgres' clock.
    """

    __tablename__ = "trading_lease"
    account: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    """The process that renews it."""
    epoch: Mapped[int]
    """Rises with each grant after a lapse."""
    granted_at: Mapped[datetime | None]
    """The start of the present or last grant; None before the first."""
    renewed_at: Mapped[datetime | None]
    """The time of the look that the last renewal relies on."""
    expires_at: Mapped[datetime | None]
    withheld: Mapped[str]
    """Why there is no lease; empty while it is granted."""
    looked_at: Mapped[datetime]
    """The time of the last look at the sensors."""
    readings: Mapped[tuple[Judged, ...]]
    """What the sensors read then."""
