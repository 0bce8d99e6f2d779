"""Finds the exchange that the settings mean, and refuses dangerous combinations of settings.

REST and streams go to one place: both follow from one base URL, or both are given and belong
together. Real money is never traded by a default.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Protocol
from urllib.parse import SplitResult, urlsplit


class Environment(StrEnum):
    """The environments of the risk configuration, from the loosest to the strictest."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


class TradingMode(StrEnum):
    """The trading modes of the risk configuration."""

    CONSERVATIVE = "conservative"
    AGGRESSIVE = "aggressive"
    PAPER_TRADING = "paper_trading"


class ExchangeMode(StrEnum):
    """The exchange that a process talks to; only `live` trades real money."""

    PAPER = "paper"
    DEMO = "demo"
    TESTNET = "testnet"
    LIVE = "live"


BYBIT = "bybit"
"""The exchange when the settings name none; the rules for host names here are its own."""
PAPER_KEY = "paper-key"
PAPER_SECRET = "paper-secret"  # noqa: S105 - published, the paper exchange's own
PAPER_ACCOUNT = "paper"
_SUFFIX = {ExchangeMode.LIVE: "", ExchangeMode.TESTNET: "-testnet", ExchangeMode.DEMO: "-demo"}
"""The ending of the first part of the exchange's host names, by mode."""
_REAL = ("bybit", "bytick")
"""Words in the names of the exchange's own hosts."""


class Named(Protocol):
    """The settings that this module reads."""

    @property
    def environment(self) -> Environment:
        """The environment of the risk configuration."""

    @property
    def trading_mode(self) -> TradingMode:
        """The trading mode of the risk configuration."""

    @property
    def account(self) -> str:
        """The name of the account that the database belongs to."""

    @property
    def exchange(self) -> str:
        """The name of the exchange's adapter."""

    @property
    def exchange_mode(self) -> ExchangeMode:
        """The exchange that the settings mean."""

    @property
    def exchange_url(self) -> str | None:
        """The base address of REST; None for the one that the mode implies."""

    @property
    def stream_url(self) -> str | None:
        """The base address of the streams; None for the one that the mode implies."""

    @property
    def live_with_development_limits(self) -> bool:
        """Whether somebody allowed real money under the limits of development."""

    @property
    def holds_keys(self) -> bool:
        """Whether an API key of the exchange is configured."""


def problems(settings: Named, *, has_own_keys: bool) -> list[str]:
    """The reasons why no process may start with these settings; empty if it may start."""
    found = list(_addresses(settings))
    mode = settings.exchange_mode
    if not settings.holds_keys:
        if has_own_keys:
            found.append("MLRISK_HOLDS_KEYS is false: this process must not be given a key")
    elif mode is not ExchangeMode.PAPER and not has_own_keys:
        found.append(
            f"MLRISK_API_KEY and MLRISK_API_SECRET are the paper exchange's: {mode} needs its own"
        )
    if mode is ExchangeMode.LIVE:
        found += _real_money(settings)
    return found


def streams_of(settings: Named) -> str | None:
    """The streams' base URL; None when it follows from the mode, as REST's does."""
    if settings.stream_url is not None:
        return settings.stream_url
    if settings.exchange_url is None or settings.exchange_mode is ExchangeMode.PAPER:
        return None
    if settings.exchange != BYBIT:
        return None
    rest = urlsplit(settings.exchange_url)
    if _is_default(settings.exchange_mode, rest):
        return None
    return _derived(settings.exchange_mode, rest)


def _real_money(settings: Named) -> Iterator[str]:
    if settings.account == PAPER_ACCOUNT:
        yield "MLRISK_ACCOUNT is paper, and MLRISK_EXCHANGE_MODE is live: name the live account"
    loose = []
    if settings.environment is Environment.DEVELOPMENT:
        loose.append("MLRISK_ENVIRONMENT=development")
    if settings.trading_mode is TradingMode.PAPER_TRADING:
        loose.append("MLRISK_TRADING_MODE=paper_trading")
    if loose and not settings.live_with_development_limits:
        yield (
            f"{' and '.join(loose)} would trade real money under development limits: set "
            "MLRISK_ENVIRONMENT=production and MLRISK_TRADING_MODE=conservative, or confirm it "
            "with MLRISK_LIVE_WITH_DEVELOPMENT_LIMITS=true"
        )


def _addresses(settings: Named) -> Iterator[str]:
    """The faults of the addresses that requests go to and streams come from."""
    mode, rest, streams = settings.exchange_mode, settings.exchange_url, settings.stream_url
    if rest is None:
        if streams is not None:
            yield "MLRISK_STREAM_URL is set without MLRISK_EXCHANGE_URL: give both or neither"
        return
    at = urlsplit(rest)
    if mode is ExchangeMode.PAPER:
        if any(name in (at.hostname or "") for name in _REAL):
            yield f"MLRISK_EXCHANGE_URL is {at.hostname}, and MLRISK_EXCHANGE_MODE is paper"
        if streams is not None and urlsplit(streams).netloc != at.netloc:
            yield (
                "MLRISK_STREAM_URL and MLRISK_EXCHANGE_URL are of different hosts: name one host"
            )
        return
    if at.scheme != "https":
        yield (
            f"MLRISK_EXCHANGE_URL must begin with https:// in mode {mode}, because requests "
            "carry the key"
        )
        return
    if settings.exchange == BYBIT:
        yield from _family(mode, at, streams)


def _family(mode: ExchangeMode, rest: SplitResult, streams: str | None) -> Iterator[str]:
    label = (rest.hostname or "").split(".")[0]
    others = {f"api{suffix}" for other, suffix in _SUFFIX.items() if other is not mode}
    if label in others:
        yield f"MLRISK_EXCHANGE_URL is {rest.hostname}, which is not the host of mode {mode}"
    elif streams is None:
        if not _is_default(mode, rest) and _derived(mode, rest) is None:
            yield (
                f"MLRISK_EXCHANGE_URL is {rest.hostname}: the address of its streams can't be "
                "derived from it; set MLRISK_STREAM_URL too"
            )
    else:
        to = urlsplit(streams)
        if to.scheme != "wss":
            yield f"MLRISK_STREAM_URL must begin with wss:// in mode {mode}"
        elif to.netloc != rest.netloc and streams.rstrip("/") != _derived(mode, rest):
            yield (
                f"MLRISK_STREAM_URL is {to.hostname} and MLRISK_EXCHANGE_URL {rest.hostname}: "
                "they must be of one exchange"
            )


def _is_default(mode: ExchangeMode, rest: SplitResult) -> bool:
    return rest.netloc == f"api{_SUFFIX[mode]}.bybit.com"


def _derived(mode: ExchangeMode, rest: SplitResult) -> str | None:
    """The streams' URL beside a REST host of the exchange's naming; None if there is none. The demo
    mode has no public streams of its own."""
    label, _, domain = rest.netloc.partition(".")
    if mode is ExchangeMode.DEMO or label != f"api{_SUFFIX[mode]}" or not domain:
        return None
    return f"wss://stream{_SUFFIX[mode]}.{domain}"
