"""The Bybit adapter as the factory loads it."""

from bot.clock import Clock
from bot.exchange.bybit.closures import Closures
from bot.exchange.bybit.config import BybitConfig, BybitMode
from bot.exchange.bybit.http import BybitExchange
from bot.exchange.bybit.streams import private_stream, public_stream
from bot.exchange.streams import OnEvent, OnGap, Stream
from config import identity
from config.celery import MARKET_DATABASE, with_database
from config.settings import ExchangeMode, Settings


def exchange(settings: Settings, clock: Clock) -> BybitExchange:
    """The account that these settings name. Raises SettingsError."""
    url = settings.redis_url
    shared = None if url is None else with_database(url.get_secret_value(), MARKET_DATABASE)
    return BybitExchange(bybit_config(settings), clock, Closures(shared))


def streams(settings: Settings) -> "BybitStreams":
    """The streams of the same account. Raises SettingsError."""
    return BybitStreams(bybit_config(settings))


class BybitStreams:
    """Bybit's public and private stream of one account."""

    def __init__(self, config: BybitConfig) -> None:
        self._config = config

    def public(self, symbols: tuple[str, ...], *, on_event: OnEvent, on_gap: OnGap) -> Stream:
        """Order books, trades and tickers of these symbols."""
        return public_stream(self._config, symbols, on_event=on_event, on_gap=on_gap)

    def private(self, *, on_event: OnEvent, on_gap: OnGap) -> Stream:
        """Orders, executions, positions and wallet of the account."""
        return private_stream(self._config, on_event=on_event, on_gap=on_gap)


def bybit_config(settings: Settings) -> BybitConfig:
    """How to reach the account of these settings. Raises SettingsError."""
    mode = BybitMode(settings.exchange_mode.value)
    paper = settings.exchange_mode is ExchangeMode.PAPER
    key, secret = settings.exchange_keys() or (None, None)
    return BybitConfig(
        api_key=key,
        api_secret=secret,
        mode=mode,
        endpoint=settings.require_exchange_url() if paper else settings.exchange_url,
        stream_endpoint=identity.streams_of(settings),
    )
