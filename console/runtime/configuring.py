"""Shared parts of the commands about limits: the service, values from the command line, times."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.authority.actors import caller
from bot.clock import SystemClock
from bot.limits.service import ConfigurationService
from bot.limits.source import LayeredConfig, limits_of, verified_override, version_in_force
from bot.risk.limits import RiskLimits
from config import bounded_yaml
from config.loading import ConfigError
from config.settings import Settings
from config.thresholds import MLRiskConfig
from console.context import acting, reading
from console.errors import CommandError, ExitCode
from models.database import Database

ActorOption = Annotated[
    str | None,
    typer.Option(
        "--actor",
        help="Your name, where several people share one account. It is recorded with the act.",
        show_default=False,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help=("Change one value. The option may be repeated.")
    ),
]
ReasonOption = Annotated[str, typer.Option("--reason", "-r", help="The reason. It is recorded.")]
FileOption = Annotated[
    Path | None,
    typer.Option("--config", help="Use the limits of this file instead of those in force."),
]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


def actor_of(name: str | None) -> str:
    """The caller as the record names him: the account on this machine, as the kernel tells it.

    The caller's own words (`--actor`, LOGNAME) are a note beside it, and prove nothing.
    """
    return caller("cli", name or os.environ.get("LOGNAME"))


@contextmanager
def configuration_errors() -> Iterator[None]:
    """Turns a refused configuration into the lines that say why, and the exit code for it."""
    try:
        yield
    except ConfigError as error:
        raise CommandError(
            "the configuration is refused:\n" + "\n".join(f"  {p}" for p in error.problems),
            ExitCode.USAGE,
        ) from error


@contextmanager
def configuration_service(
    settings: Settings,
) -> Iterator[tuple[Database, ConfigurationService]]:
    """The running system's database, and the service on it."""
    with acting(settings) as db, configuration_errors():
        yield db, ConfigurationService(db, settings, SystemClock())


def values_of(assignments: Sequence[str]) -> dict[str, Any]:
    """`key=value` texts as values by key; the value is read as YAML."""
    values: dict[str, Any] = {}
    for text in assignments:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise CommandError(f"{text!r} is not KEY=VALUE", ExitCode.USAGE)
        if key.strip() in values:
            raise CommandError(f"{key.strip()} is given twice", ExitCode.USAGE)
        try:
            values[key.strip()] = bounded_yaml.load(value)
        except bounded_yaml.YamlProblem as error:
            raise CommandError(f"{text!r}: the value can't be read", ExitCode.USAGE) from error
    return values


def chosen_configuration(
    settings: Settings, file: Path | None, assignments: Sequence[str]
) -> MLRiskConfig:
    """The configuration in force or of a file, with some values changed. Nothing is stored."""
    changes = values_of(assignments)
    layered = LayeredConfig(_with_file(settings, file))
    override: Mapping[str, Any] = {}
    if file is None:
        with reading(settings.require_database_url()) as session:
            row = version_in_force(session, layered.environment, layered.mode)
            override = {} if row is None else verified_override(row)
    with configuration_errors():
        return layered.build({**override, **changes})


def chosen_limits(settings: Settings, file: Path | None, assignments: Sequence[str]) -> RiskLimits:
    """The gate's limits of the chosen configuration."""
    return limits_of(chosen_configuration(settings, file, assignments))


def moment_of(text: str, now: datetime) -> datetime:
    """`now`, a duration ago (`90m`), a UTC day (`2026-11-23`), or ISO 8601 with its zone."""
    if text == "now":
        return now
    if _DURATION.fullmatch(text):
        return now - duration_of(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(
            f"{text!r} is no time: give 2026-11-23T12:00Z, 2026-11-23, 90m or now", ExitCode.USAGE
        ) from error
    if moment.tzinfo is None:
        if len(text) > len("2026-11-23"):
            raise CommandError(f"{text!r} has no zone: write {text}Z for UTC", ExitCode.USAGE)
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def duration_of(text: str) -> timedelta:
    """`30s`, `15m`, `1h`, `7d`."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise CommandError(f"{text!r} is no duration: give 30s, 15m, 1h or 7d", ExitCode.USAGE)
    return timedelta(seconds=float(found[1]) * _UNITS[found[2]])


def _with_file(settings: Settings, file: Path | None) -> Settings:
    return settings if file is None else settings.model_copy(update={"config_path": file})


def require_sound_configuration(settings: Settings) -> None:
    """Refuses to start on a configuration that is wrong, with every problem's file and line."""
    with configuration_errors():
        LayeredConfig(settings).build()
