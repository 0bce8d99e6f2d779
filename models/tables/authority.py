"""Operators, and the limits that they change at run time."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Identity, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from models.enums import OperatorRole
from models.tables.base import Base


class OperatorRow(Base):
    """A person who may act with authority; never deleted, so that a name means one for ever."""

    __tablename__ = "operator"
    operator_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[OperatorRole]
    kdf: Mapped[str]
    """How the passphrase becomes the key of `sealed`; of the passphrase itself nothing is here."""
    salt: Mapped[bytes]
    sealed: Mapped[bytes]
    """The secret of the one-time codes and the private key, which the passphrase opens."""
    public_key: Mapped[str]
    """Verifies the acts; audit entries `operator_added` and `operator_reset` have it as well."""
    totp_step: Mapped[int | None]
    """The last step whose code was accepted: none up to it is accepted again."""
    failed_attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """In a row; each is counted before it is looked at."""
    locked_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    disabled_at: Mapped[datetime | None]
    disabled_by: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("role IN ('viewer', 'operator', 'risk_officer')", name="ck_operator_role"),
    )


class ConfigVersionRow(Base):
    """One change of the limits at run time, from its proposal to its end; never deleted.

    Version 1 is what the files say, so that ids begin with 2.
    """

    __tablename__ = "config_version"
    id: Mapped[int] = mapped_column(Identity(always=True, start=2), primary_key=True)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    """When it came into its present state."""
    environment: Mapped[str]
    mode: Mapped[str]
    changes: Mapped[list[Any]]
    """What was asked for: path, before, after, direction of each value, in the order of paths."""
    override: Mapped[dict[str, Any]]
    """Every override in force with this version, path to value; the files' values stand below."""
    direction: Mapped[str]
    state: Mapped[str]
    actor: Mapped[str]
    """Who brought it into its present state."""
    proposed_by: Mapped[str]
    approved_by: Mapped[str | None]
    """The second person; None where nobody was needed or nobody has agreed yet."""
    reason: Mapped[str]
    sha256: Mapped[str]
    """Of environment, mode and override, as the audit entry that activated it says too: limits that
    somebody wrote past us are not used."""

    __table_args__ = (
        CheckConstraint(
            "direction IN ('tightening', 'loosening', 'mixed')", name="ck_config_direction"
        ),
        CheckConstraint(
            "state IN ('proposed', 'active', 'superseded', 'rejected')", name="ck_config_state"
        ),
        CheckConstraint("approved_by <> proposed_by", name="ck_config_second_person"),
        Index(
            "uq_config_active",
            "environment",
            "mode",
            unique=True,
            postgresql_where=text("state = 'active'"),
        ),
    )
