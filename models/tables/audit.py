"""The audit chains, and how far they were verified and noted elsewhere."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


class AuditRow(Base):
    """One immutable, hash-chained record; `seq` has no gaps within its chain."""

    __tablename__ = "audit_entry"
    chain: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str]
    subject: Mapped[str]
    actor: Mapped[str]
    payload: Mapped[dict[str, Any]]
    prev_hash: Mapped[str]
    hash: Mapped[str]

    __table_args__ = (
        Index("ix_audit_subject", "subject"),
        Index("ix_audit_at", "at"),
        # The newest entry that set a scope's trading state.
        Index(
            "ix_audit_state",
            "subject",
            "seq",
            postgresql_where=text(
                "kind IN ('halted', 'resumed', 'breaker_tripped', 'state_recorded')"
            ),
        ),
        # The newest entry that put limits in force.
        Index("ix_audit_config", "seq", postgresql_where=text("kind = 'config_changed'")),
        # The newest entry that set a strategy's stage.
        Index("ix_audit_stage", "subject", "seq", postgresql_where=text("kind = 'strategy_stage'")),
        # The declarations of archives.
        Index("ix_audit_archived", "seq", postgresql_where=text("kind = 'audit_archived'")),
        # Entries of rare kinds that are counted among all other entries.
        Index(
            "ix_audit_rare",
            "kind",
            "at",
            postgresql_where=text("kind IN ('halted', 'breaker_tripped', 'bad_message')"),
        ),
    )


class AuditLeafRow(Base):
    """The place of an entry in the audit log. Each entry has one leaf, and places have no gaps."""

    __tablename__ = "audit_leaf"
    leaf: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Its place among all leaves, from 0."""
    chain: Mapped[str]
    seq: Mapped[int]
    hash: Mapped[bytes]
    """SHA-256 of 0x00 and the entry's content (`models.audit.content_of`)."""

    __table_args__ = (UniqueConstraint("chain", "seq", name="uq_audit_leaf_entry"),)


class AuditNodeRow(Base):
    """A full subtree of the audit log, of every eighth level, so that proofs are quickly made."""

    __tablename__ = "audit_node"
    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    place: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[bytes]


class AuditTreeRow(Base):
    """A signed head of the audit log. Two heads of one size can't exist."""

    __tablename__ = "audit_tree"
    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    note: Mapped[str]
    """The checkpoint with the log's signature (C2SP tlog-checkpoint)."""
    at: Mapped[datetime]


class AuditHeadRow(Base):
    """The end of a chain. A trigger moves it in the transaction that writes the entries."""

    __tablename__ = "audit_chain_head"
    chain: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int]
    hash: Mapped[str]


class AuditHeadsFileRow(Base):
    """How far a file outside the database has noted the ends of the chains."""

    __tablename__ = "audit_heads_file"
    path: Mapped[str] = mapped_column(primary_key=True)
    begins: Mapped[int]
    """The number of its first line."""
    number: Mapped[int]
    """The number of its newest line."""
    code: Mapped[str]
    """The code of its newest line."""
    at: Mapped[datetime]


class AuditCheckpointRow(Base):
    """How far a chain was verified, and how far the present round over its past has come."""

    __tablename__ = "audit_checkpoint"
    chain: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int]
    hash: Mapped[str]
    round_seq: Mapped[int]
    round_hash: Mapped[str]
    verified_at: Mapped[datetime]
