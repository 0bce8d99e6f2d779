"""Reads recent minutes of every traded symbol and publishes how they move together."""

from collections.abc import Sequence

from bot.exchange.bybit.http import BybitExchange
from bot.exchange.market_cache import RedisMarketCache
from bot.market.correlation import shrunk_correlations

HISTORY_MINUTES = 720
"""Half a day: enough returns for a stable estimate, recent enough to see a change of regime."""


def refresh(exchange: BybitExchange, cache: RedisMarketCache, symbols: Sequence[str]) -> int:
    """Publishes the correlations; returns how many symbols have them."""
    closes = {s: exchange.minute_closes(s, count=HISTORY_MINUTES) for s in symbols}
    found = shrunk_correlations(closes) if len(closes) > 1 else {}
    cache.put_correlations(found)
    return len(found)
