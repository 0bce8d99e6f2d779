"""The limits in force: the files of this environment and mode, and the versions set at run time.

Every process follows a new version within a second, without restart. If limits can't be read, the
last reading is used while it is fresh; after that asking for limits raises, and nothing is decided.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bot.errors import DependencyDown, Refused
from bot.limits import selftest
from bot.risk.limits import RiskLimits, limits_from_config
from config.settings import Settings
from config.thresholds import (
    ConfigError,
    MLRiskConfig,
    MLRiskConfigManager,
    resolve,
)
from models.database import Database
from models.documents.stored_form import to_json
from models.repositories import configurations
from models.repositories.configurations import FILES_VERSION
from models.tables import ConfigVersionRow
from models.text import storable_json

log = logging.getLogger(__name__)

DEFAULT_CONFIG = Path(__file__).parents[2] / "config" / "ml_risk_config.yaml"
REFRESH_SECONDS = 1.0
"""The time between two readings. A tightened limit acts everywhere within a second, at one small
query per process and second."""
FRESH_SECONDS = 5.0
"""The longest age of a reading, enough for a reconnect to Postgres; after that a limit may have
been tightened unseen."""


class LayeredConfig:
    """Builds the configuration from the files as they are now and one version's overrides."""

    def __init__(self, settings: Settings) -> None:
        self.path = settings.config_path or DEFAULT_CONFIG
        self.environment = settings.environment.value
        self.mode = settings.trading_mode.value

    def build(
        self, override: Mapping[str, Any] | None = None, number: int | None = None
    ) -> MLRiskConfig:
        """Raises ConfigError with every problem at once; a number names the overrides' origin."""
        config = MLRiskConfigManager(
            self.path, self.environment, self.mode, overrides=override, version=number
        ).get_config()
        limits_of(config)
        return config

    def fingerprint(self) -> str:
        """SHA-256 of the file as it is now. Raises ConfigError when it can't be read."""
        try:
            return hashlib.sha256(resolve(self.path).read_bytes()).hexdigest()
        except OSError as error:
            raise ConfigError([f"{self.path}: can't be read: {error.strerror}"]) from error


def limits_of(config: MLRiskConfig) -> RiskLimits:
    """The gate's limits; raises ConfigError where a value is no limit that the gate knows."""
    try:
        return limits_from_config(config)
    except ValueError as error:
        raise ConfigError([str(error)]) from error


@dataclass(frozen=True, slots=True)
class LimitsInForce:
    """One version's limits, with the names of the ineffective ones."""

    version: int
    sha256: str
    limits: RiskLimits
    ineffective: tuple[str, ...]


class ConfiguredLimits:
    """Limits for every decision of one process. Raises configuration errors when it is made.

    Without a database the files alone count. `on_ineffective` gets the ineffective limits each time
    limits are asked for; it has to stop trading.
    """

    def __init__(
        self,
        settings: Settings,
        db: Database | None = None,
        *,
        on_ineffective: Callable[[tuple[str, ...]], object] | None = None,
        prove: Callable[[RiskLimits], tuple[str, ...]] = selftest.prove,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = LayeredConfig(settings)
        self._db = db
        self._on_ineffective = on_ineffective
        self._prove = prove
        self._monotonic = monotonic
        self._lock = Lock()
        self._current = self._prepare(None)
        self._read_at: float | None = monotonic() if db is None else None

    def limits(self) -> RiskLimits:
        """The limits in force; raises DependencyDown or Refused when they can't be known."""
        return self.in_force().limits

    def last_known(self) -> RiskLimits:
        """The limits as last read, however old: for exits alone."""
        return self._current.limits

    def in_force(self) -> LimitsInForce:
        """The limits with their version."""
        with self._lock:
            if self._db is not None:
                self._follow(self._db)
            current = self._current
        if current.ineffective and self._on_ineffective is not None:
            # Each time, because an operator may have lifted the halt meanwhile.
            self._on_ineffective(current.ineffective)
        return current

    def _follow(self, db: Database) -> None:
        now = self._monotonic()
        if self._read_at is not None and now - self._read_at < REFRESH_SECONDS:
            return
        try:
            with db.reading() as session:
                row = version_in_force(session, self._config.environment, self._config.mode)
        except DBAPIError as error:
            if self._read_at is not None and now - self._read_at < FRESH_SECONDS:
                log.warning(
                    "the limits can't be read again: %s",
                    error.orig,
                    extra={"event": "limits_could_not_be_read_again"},
                )
                return
            raise DependencyDown(f"the limits in force can't be read: {error.orig}") from error
        found = (FILES_VERSION, "") if row is None else (row.id, row.sha256)
        if found != (self._current.version, self._current.sha256):
            self._current = self._prepare(row)
            log.info("limits changed", extra={"config_version": self._current.version})
        self._read_at = now

    def _prepare(self, row: ConfigVersionRow | None) -> LimitsInForce:
        if row is None:
            limits = limits_of(self._config.build())
            return LimitsInForce(FILES_VERSION, "", limits, self._prove(limits))
        try:
            limits = limits_of(self._config.build(verified_override(row), row.id))
        except ConfigError as error:
            # In a running process this becomes the gate's answer, not a crash.
            raise Refused(
                f"version {row.id} of the limits is not usable: {error}", code="configuration"
            ) from error
        return LimitsInForce(row.id, row.sha256, limits, self._prove(limits))


def version_in_force(session: Session, environment: str, mode: str) -> ConfigVersionRow | None:
    """The active version, None for the files alone. Raises Refused when the audit record names
    another one."""
    row, said = configurations.active(session, environment, mode)
    why = _contradiction(row, said)
    if why is not None:
        way_back = "restore the table config_version from a backup"
        raise Refused(f"{why}; {way_back}", code="configuration")
    return row


def _contradiction(
    row: ConfigVersionRow | None, said: configurations.Activation | None
) -> str | None:
    """How the active row differs from the audit record; None when it agrees."""
    if row is None:
        if said is None:
            return None
        return (
            f"version {said.version} of the limits is in force by the audit, and its row was put "
            "out of force without mlrisk"
        )
    if said is None or said.version != row.id:
        told = "none is" if said is None else f"version {said.version} is"
        return (
            f"version {row.id} of the limits was put in force without mlrisk: by the audit {told}"
        )
    if said.sha256 != row.sha256:
        return (
            f"version {row.id} of the limits was changed without mlrisk: its fingerprint is not "
            "the one in the audit"
        )
    return None


def verified_override(row: ConfigVersionRow) -> dict[str, Any]:
    """The row's overrides. Raises Refused when they differ from the audit record."""
    if row.sha256 != configurations.digest(row.environment, row.mode, row.override):
        raise Refused(
            f"version {row.id} of the limits was changed without mlrisk: its fingerprint is wrong",
            code="configuration",
        )
    return row.override


def verified_proposal(session: Session, row: ConfigVersionRow) -> None:
    """Raises Refused when the row's proposal differs from the audit record."""
    verified_override(row)
    said = configurations.proposal(session, row.id) or {}
    ours = storable_json({name: to_json(getattr(row, name)) for name in _PROPOSED})
    if any(said.get(name) != ours[name] for name in _PROPOSED):
        raise Refused(
            f"version {row.id} was changed without mlrisk and differs from the proposal in the "
            "audit: propose it again",
            code="configuration",
        )


_PROPOSED = ("changes", "direction", "proposed_by", "sha256")
"""The common content of a proposal and of its audit entry."""
