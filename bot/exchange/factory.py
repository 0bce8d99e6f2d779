"""The exchange that the settings name. Nothing else knows which adapters there are.

An adapter is one package beside this module and one line in `ADAPTERS`. Its module has the two
functions of `Adapter`. It is loaded when it is first asked for, so that a process which asks no
exchange loads no client library.
"""

from importlib import import_module
from typing import Protocol, cast

from bot.clock import Clock
from bot.exchange.protocol import Exchange
from bot.exchange.streams import Streams
from config.settings import Settings, SettingsError

ADAPTERS = {
    "bybit": "bot.exchange.bybit.adapter",
}
"""The module of each exchange, by its name in MLRISK_EXCHANGE."""


class Adapter(Protocol):
    """The module of one exchange."""

    def exchange(self, settings: Settings, clock: Clock) -> Exchange:
        """The account that these settings name. Raises SettingsError."""

    def streams(self, settings: Settings) -> Streams:
        """The streams of the same account. Raises SettingsError."""


def adapter_of(settings: Settings) -> Adapter:
    """The adapter that MLRISK_EXCHANGE names. Raises SettingsError for a name without one."""
    # Its mode may be the database's, which these settings were not checked with.
    settings.require_sound()
    name = settings.exchange
    if name not in ADAPTERS:
        raise SettingsError(f"MLRISK_EXCHANGE is {name}: it must be one of {', '.join(ADAPTERS)}")
    return cast("Adapter", import_module(ADAPTERS[name]))


def make_exchange(settings: Settings, clock: Clock) -> Exchange:
    """Make it inside the process that uses it. Raises SettingsError."""
    return adapter_of(settings).exchange(settings, clock)


def make_streams(settings: Settings) -> Streams:
    """The streams of the account that these settings name. Raises SettingsError."""
    return adapter_of(settings).streams(settings)
