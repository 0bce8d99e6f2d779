"""The requests of strategies, and the gate's answers."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Double, ForeignKey, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from models.enums import ExecutionStatus, SoftHold, TradeSide, Verdict
from models.tables.base import Base

ASKS_EXIT = """payload @> '{"signal_data": {"reduce_only": true}}'"""
"""SQL of a request that is marked as reduce-only. A query with these very words uses an index and
reads no payloads."""
IS_OPEN = "status IN ('pending_validation', 'validation_passed', 'pending_execution', 'executing')"
"""SQL of a request that has not ended."""


class TradeRequestRow(Base):
    """The request of a strategy, once per strategy and its id for ever."""

    __tablename__ = "trade_request"
    request_id: Mapped[str] = mapped_column(primary_key=True)
    """The key of all rows that follow from the request (`identity.request_keys`). The payload has
    the strategy's own id."""
    account: Mapped[str]
    strategy: Mapped[str]
    symbol: Mapped[str]
    side: Mapped[TradeSide]
    status: Mapped[ExecutionStatus]
    payload: Mapped[dict[str, Any]]
    payload_sha256: Mapped[str]
    created_at: Mapped[datetime]
    received_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    wake_at: Mapped[datetime | None]
    """The time when the request was last handed to the validation queue; None means never."""
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """Validations that began while the request was undecided. Too many of them park it."""
    failure: Mapped[str | None]
    """The reason why its last validation failed, or which soft block holds it."""
    soft_hold: Mapped[SoftHold | None]
    """None for a request that no soft block has held."""

    __table_args__ = (
        Index("ix_trade_request_status", "status"),
        Index("ix_trade_request_received", "received_at"),
        Index(
            "ix_trade_request_exits",
            "account",
            "strategy",
            "received_at",
            postgresql_where=text(ASKS_EXIT),
        ),
        Index(
            "ix_trade_request_open_exits",
            "account",
            "strategy",
            postgresql_where=text(f"{ASKS_EXIT} AND {IS_OPEN}"),
        ),
    )


class DecisionRow(Base):
    """The gate's answer with everything needed to replay it."""

    __tablename__ = "decision"
    request_id: Mapped[str] = mapped_column(
        ForeignKey("trade_request.request_id"), primary_key=True
    )
    account: Mapped[str]
    verdict: Mapped[Verdict]
    approved_qty: Mapped[Decimal]
    approved_notional: Mapped[Decimal]
    reference_price: Mapped[Decimal | None]
    intent: Mapped[dict[str, Any]]
    snapshot: Mapped[dict[str, Any]]
    limits: Mapped[dict[str, Any]]
    decision: Mapped[dict[str, Any]]
    decision_sha256: Mapped[str]
    gate_version: Mapped[str]
    """The code that decided: the decision replays bit for bit under this version."""
    decided_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_decision_decided", "decided_at"),
        # The gate counts repetitions of the same order; facts.py has the same words.
        Index(
            "ix_decision_alike",
            "account",
            text("(intent ->> 'strategy')"),
            text("(intent ->> 'symbol')"),
            text("(intent ->> 'side')"),
            text("(intent ->> 'notional')"),
            "decided_at",
            postgresql_where=text("verdict <> 'deny'"),
        ),
    )


class DecisionFiguresRow(Base):
    """The counted facts of a decision, apart from its long record. A million of them are added up
    without reading one snapshot."""

    __tablename__ = "decision_figures"
    request_id: Mapped[str] = mapped_column(ForeignKey("decision.request_id"), primary_key=True)
    decided_at: Mapped[datetime]
    verdict: Mapped[Verdict]
    reasons: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """The reasons of a denial; `blamed` and `missing` are of a denial as well."""
    blamed: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """The checks that denied."""
    missing: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """The denying checks that had no input."""
    confidence: Mapped[float | None] = mapped_column(Double)
    risk_level: Mapped[str | None]
    """None for a decision from before levels were kept."""
    model_version: Mapped[str | None]

    __table_args__ = (Index("ix_decision_figures_decided", "decided_at"),)


class RefusedMessagesRow(Base):
    """The number of one sender's messages that were refused for one reason in one minute."""

    __tablename__ = "refused_messages"
    minute: Mapped[datetime] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    sender: Mapped[str] = mapped_column(primary_key=True)
    """The sender as the messages name it; `refused.OTHERS` for all beyond the first names of a
    minute."""
    count: Mapped[int]
    last_at: Mapped[datetime]
    is_summed: Mapped[bool]
    """Whether the audit has the count."""

    __table_args__ = (
        Index("ix_refused_messages_open", "minute", postgresql_where=text("NOT is_summed")),
    )
