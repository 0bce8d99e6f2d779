"""The exchange that the settings name."""

from bot.clock import Clock
from bot.exchange.bybit.closures import Closures
from bot.exchange.bybit.config import BybitConfig, BybitMode
from bot.exchange.bybit.http import BybitExchange
from config import identity
from config.celery import MARKET_DATABASE, with_database
from config.settings import ExchangeMode, Settings


def bybit_config(settings: Settings) -> BybitConfig:
    """How to reach the account of these settings."""
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


def make_exchange(settings: Settings, clock: Clock) -> BybitExchange:
    """Make it inside the process that uses it. Raises SettingsError."""
    # Its mode may be the database's, which these settings were not checked with.
    settings.require_sound()
    url = settings.redis_url
    shared = None if url is None else with_database(url.get_secret_value(), MARKET_DATABASE)
    return BybitExchange(bybit_config(settings), clock, Closures(shared))
