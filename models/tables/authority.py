"""Operators, and the limits that they change at run time."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from models.documents.limits import ValueChange
from models.enums import Direction, OperatorRole, OverrideAction, TokenKind, VersionState
from models.tables.base import Base


class OperatorRow(Base):
    """A person with the right to act. The row is never deleted, so that a name means one person for
    ever."""

    __tablename__ = "operator"
    operator_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[OperatorRole]
    kdf: Mapped[str]
    """The derivation of the key of `sealed` from the passphrase. The passphrase itself is not
    stored."""
    salt: Mapped[bytes]
    sealed: Mapped[bytes]
    """The secret of the one-time codes and the private key, locked by the passphrase."""
    public_key: Mapped[str]
    """The key that verifies the operator's acts. The audit entries `operator_added` and
    `operator_reset` have it as well."""
    totp_step: Mapped[int | None]
    """The newest step with an accepted code. No code of it or of an earlier step is accepted
    again."""
    failed_attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """Failed attempts in a row. Each attempt is counted before it is looked at."""
    locked_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    disabled_at: Mapped[datetime | None]
    disabled_by: Mapped[str | None]
    code_failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """Refused override codes in a row. Each attempt is counted before it is looked at."""
    codes_locked_until: Mapped[datetime | None]
    """Until then no override code of this operator is looked at."""

    __table_args__ = (
        CheckConstraint("role IN ('viewer', 'operator', 'risk_officer')", name="ck_operator_role"),
    )


class OverrideCodeRow(Base):
    """A single-use override code. The code itself is not stored, only what argon2id derives."""

    __tablename__ = "override_code"
    code_id: Mapped[str] = mapped_column(primary_key=True)
    """The public part of the code, by which its row is found."""
    operator_id: Mapped[int] = mapped_column(ForeignKey("operator.operator_id"))
    """The only operator who may use it."""
    action: Mapped[OverrideAction]
    scope: Mapped[str]
    """The scope that it opens, as audit entries name it (`global:*`)."""
    kdf: Mapped[str]
    salt: Mapped[bytes]
    derived: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("action IN ('recover', 'confirm')", name="ck_override_code_action"),
    )


class ApiTokenRow(Base):
    """A token of the REST interface. The token itself is not stored, only a hash of its secret.

    The secret is drawn at random and has 256 bits, so that a plain hash hides it.
    """

    __tablename__ = "api_token"
    token_id: Mapped[str] = mapped_column(primary_key=True)
    """The public part of the token, by which its row is found."""
    kind: Mapped[TokenKind]
    holder: Mapped[str]
    """The strategy or the operator to whom it is bound."""
    secret_sha256: Mapped[str]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("kind IN ('strategy', 'operator')", name="ck_api_token_kind"),
        CheckConstraint("expires_at > created_at", name="ck_api_token_times"),
    )


class ConfigVersionRow(Base):
    """One change of the limits at run time, from its proposal to its end; never deleted.

    Version 1 stands for the files, so that ids begin with 2.
    """

    __tablename__ = "config_version"
    id: Mapped[int] = mapped_column(Identity(always=True, start=2), primary_key=True)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    """The time when the version came into its present state."""
    environment: Mapped[str]
    mode: Mapped[str]
    changes: Mapped[tuple[ValueChange, ...]]
    """The requested changes in the order of paths."""
    override: Mapped[dict[str, Any]]
    """Every override in force with this version, path to value. Other values come from the
    files."""
    direction: Mapped[Direction]
    state: Mapped[VersionState]
    actor: Mapped[str]
    """The person or program that brought the version into its present state."""
    proposed_by: Mapped[str]
    approved_by: Mapped[str | None]
    """The second person; None when no approval was needed or none has been given yet."""
    reason: Mapped[str]
    sha256: Mapped[str]
    """The fingerprint of environment, mode and override. The activating audit entry has it as well,
    so that limits that were written without mlrisk are not used."""

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
