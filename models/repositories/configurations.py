"""Versions of the limits that were set at run time: the one in force, and every proposal."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, literal, literal_column, select, true
from sqlalchemy.orm import Session

from models.audit import GLOBAL_CHAIN
from models.enums import VersionState
from models.tables import AuditRow, ConfigVersionRow

FILES_VERSION = 1
"""The configuration of the files, without any override."""
CHANGED, PROPOSED = "config_changed", "config_proposed"
"""The kinds of the audit entries that put a version in force, and that ask for one."""
# A literal, so that Postgres can use the partial index of this kind.
_CHANGED: Any = literal_column(f"'{CHANGED}'")


@dataclass(frozen=True, slots=True)
class Activation:
    """The content of the newest audit entry that put limits in force."""

    version: int
    sha256: str


def active(
    session: Session, environment: str, mode: str
) -> tuple[ConfigVersionRow | None, Activation | None]:
    """The active version by its row and by the audit record, as of one moment; None for the files
    alone.

    The row alone proves nothing, because it can be written, deleted or made active again without
    mlrisk.
    """
    said = AuditRow.payload
    newest = (
        select(
            said["version"].as_integer().label("version"),
            said["sha256"].as_string().label("sha256"),
        )
        .where(
            AuditRow.kind == _CHANGED,
            AuditRow.chain == GLOBAL_CHAIN,
            said["environment"].as_string() == environment,
            said["mode"].as_string() == mode,
        )
        .order_by(AuditRow.seq.desc())
        .limit(1)
        .subquery()
    )
    one = select(literal(1).label("one")).subquery()
    row, version_id, sha256 = session.execute(
        select(ConfigVersionRow, newest.c.version, newest.c.sha256)
        .select_from(one)
        .outerjoin(
            ConfigVersionRow,
            and_(
                ConfigVersionRow.environment == environment,
                ConfigVersionRow.mode == mode,
                ConfigVersionRow.state == VersionState.ACTIVE,
            ),
        )
        .outerjoin(newest, true())
        .execution_options(populate_existing=True)
    ).one()
    return row, None if version_id is None else Activation(version_id, sha256)


def proposal(session: Session, version_id: int) -> Mapping[str, Any] | None:
    """The proposal of this version by the audit record."""
    return session.scalar(
        select(AuditRow.payload)
        .where(
            AuditRow.subject == subject(version_id),
            AuditRow.kind == PROPOSED,
            AuditRow.chain == GLOBAL_CHAIN,
        )
        .order_by(AuditRow.seq.desc())
        .limit(1)
    )


def subject(version_id: int) -> str:
    """The subject of audit entries about a version."""
    return f"config:{version_id}"


def version(session: Session, version_id: int, *, lock: bool = False) -> ConfigVersionRow | None:
    """One version by its number, locked until the transaction ends if asked; None when unknown."""
    return session.get(
        ConfigVersionRow, version_id, with_for_update=lock or None, populate_existing=True
    )


def history(
    session: Session, environment: str, mode: str, limit: int
) -> Sequence[ConfigVersionRow]:
    """Every version, newest first."""
    return session.scalars(
        select(ConfigVersionRow)
        .where(ConfigVersionRow.environment == environment, ConfigVersionRow.mode == mode)
        .order_by(ConfigVersionRow.id.desc())
        .limit(limit)
    ).all()


def digest(environment: str, mode: str, override: Mapping[str, Any]) -> str:
    """The fingerprint of the limits of a version."""
    # Through floats: JSONB gives 1 back for 1.0, and both mean the same limit.
    plain = {path: _number(value) for path, value in override.items()}
    canonical = json.dumps(
        [environment, mode, plain], sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def _number(value: Any) -> Any:
    return value if isinstance(value, bool) or not isinstance(value, int) else float(value)
