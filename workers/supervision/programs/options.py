"""A person's choices about a system."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from models.roles import DatabaseLogins


@dataclass(frozen=True)
class Options:
    """A person's choices about a system. A server with a given address is not started here."""

    paper: bool = True
    demo: bool = False
    logins: DatabaseLogins | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    market_key: str | None = field(default=None, repr=False)
    """Default: drawn by the home."""
    message_key: str | None = field(default=None, repr=False)
    signed: bool = False
    """Whether requests need their strategy's signature. The home then draws the message key if none
    is given. With a given key, requests need a signature in any case."""
    exchange_url: str | None = None
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT")
    recordings: Path | None = None
    paper_arguments: tuple[str, ...] = ()
    demo_arguments: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Further settings of our own processes. The `keys` below go only to the processes that need
    them."""
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    watchdog_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The watchdog's own keys of the exchange. The home draws those of its paper exchange. Without
    any the watchdog is not started."""
    alert_channels: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The channels of alerts, only for the process that uses them."""
    concurrency: Mapping[str, int] = field(
        # A flattening goes on while the steps of a halt hang.
        default_factory=lambda: {"validation": 2, "execution": 4, "emergency": 2}
    )
    """The number of child processes by worker. Default: one."""
