"""The channels of alerts: the addresses of people, which no other process is given."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from bot.safety.alerts.telling import Channel
from config.settings import KeylessSettings, SettingsError, load_from_environment
from models.enums import AlertLevel

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}\Z")
_WORDS = 3
_MOST = 16
"""Each channel has a process of its own."""


class AlertingSettings(KeylessSettings):
    """What the environment says to the alerting process alone."""

    alert_channels: SecretStr | None = Field(
        default=None,
        description="one channel a line: its name, the quietest level that it is told of, and its "
        "address as apprise reads it",
    )


@dataclass(frozen=True, slots=True)
class Addressed:
    """A channel with its address, which may hold passwords and tokens."""

    channel: Channel
    service: str
    """The scheme of the address."""
    url: str = field(repr=False)


def load_channels() -> tuple[Addressed, ...]:
    """The channels of the environment; none when nothing is set. Raises SettingsError."""
    settings = load_from_environment(AlertingSettings)
    if settings.alert_channels is None:
        return ()
    return channels_of(settings.alert_channels.get_secret_value())


def channels_of(text: str) -> tuple[Addressed, ...]:
    """The channels of a file's lines; empty lines and those that begin with # are left out.

    Raises SettingsError, which names a wrong line by its number and shows nothing of it.
    """
    found: dict[str, Addressed] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        one = _channel(line, f"MLRISK_ALERT_CHANNELS: line {number}")
        if one.channel.name in found:
            raise SettingsError(f"MLRISK_ALERT_CHANNELS: line {number} names a channel again")
        found[one.channel.name] = one
    if len(found) > _MOST:
        raise SettingsError(f"MLRISK_ALERT_CHANNELS: more than {_MOST} channels")
    return tuple(found.values())


def _channel(line: str, where: str) -> Addressed:
    words = line.split()
    if len(words) != _WORDS:
        raise SettingsError(f"{where} is not a name, a level and an address")
    name, level, url = words
    if not _NAME.match(name):
        raise SettingsError(f"{where} has a name that is not of a-z, 0-9, - and _, at most 32")
    if level not in list(AlertLevel):
        raise SettingsError(f"{where} has a level that is none of {', '.join(AlertLevel)}")
    service = _scheme(url)
    if not service:
        raise SettingsError(f"{where} has an address without a scheme, as in mailtos://")
    return Addressed(Channel(name, AlertLevel(level)), service, url)


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:  # its text quotes the address
        return ""
