"""Versions of the limits set at run time: which is in force, what was asked for, by whom."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.tables import ConfigVersionRow

FILES_VERSION = 1
"""The configuration of the files, without any override."""


class VersionState(StrEnum):
    """A version's life; stored, so never renamed."""

    PROPOSED = "proposed"
    """Loosens in production: acts when a second person approves."""
    ACTIVE = "active"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"


class Direction(StrEnum):
    """What a change does to the limits; what isn't known to be stricter is looser."""

    TIGHTENING = "tightening"
    LOOSENING = "loosening"
    MIXED = "mixed"


def active(session: Session, environment: str, mode: str) -> ConfigVersionRow | None:
    """The version in force; None: the files alone."""
    return session.scalar(
        select(ConfigVersionRow)
        .where(
            ConfigVersionRow.environment == environment,
            ConfigVersionRow.mode == mode,
            ConfigVersionRow.state == VersionState.ACTIVE,
        )
        .execution_options(populate_existing=True)
    )


def version(session: Session, version_id: int, *, lock: bool = False) -> ConfigVersionRow | None:
    return session.get(
        ConfigVersionRow, version_id, with_for_update=lock or None, populate_existing=True
    )


def history(
    session: Session, environment: str, mode: str, limit: int
) -> Sequence[ConfigVersionRow]:
    """Newest first."""
    return session.scalars(
        select(ConfigVersionRow)
        .where(ConfigVersionRow.environment == environment, ConfigVersionRow.mode == mode)
        .order_by(ConfigVersionRow.id.desc())
        .limit(limit)
    ).all()


def digest(environment: str, mode: str, override: Mapping[str, Any]) -> str:
    """The fingerprint of what a version puts in force."""
    # Through floats: JSONB gives 1 back for 1.0, and both mean the same limit.
    plain = {path: _number(value) for path, value in override.items()}
    canonical = json.dumps(
        [environment, mode, plain], sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def _number(value: Any) -> Any:
    return value if isinstance(value, bool) or not isinstance(value, int) else float(value)
