"""Reads recent minutes of every traded symbol and publishes how they move together."""

import logging
from collections.abc import Callable, Mapping, Sequence

from bot.errors import DependencyDown, MlriskError
from bot.exchange.market_cache import RedisMarketCache
from bot.exchange.protocol import Exchange
from bot.market.correlation import FEWEST_RETURNS, Closes, shrunk_correlations

log = logging.getLogger(__name__)

HISTORY_MINUTES = 720
"""Half a day of minutes: enough returns for a stable estimate, recent enough to show a change of
regime."""


def refresh(
    exchange: Exchange,
    cache: RedisMarketCache,
    symbols: Sequence[str],
    on_closes: Callable[[Mapping[str, Closes]], None] | None = None,
) -> int:
    """Publishes the correlations; returns how many symbols have them. `on_closes` gets the minutes
    that were read.

    A symbol that can't be read, or has too few bars, is left out and named. It counts as fully
    correlated; the others stay known.
    """
    closes: dict[str, Closes] = {}
    for symbol in symbols:
        try:
            found = exchange.minute_closes(symbol, count=HISTORY_MINUTES)
        except MlriskError as error:
            log.error(
                "the correlations of %s can't be computed: %s",
                symbol,
                error,
                extra={"event": "no_correlations_of"},
            )
            continue
        if len(found) <= FEWEST_RETURNS:
            log.warning(
                "the correlations of %s can't be computed: only %d minutes are known",
                symbol,
                len(found),
                extra={"event": "no_correlations_of_only_minutes_are_known"},
            )
            continue
        closes[symbol] = found
    if symbols and not closes:
        raise DependencyDown("the minute bars of no symbol can be read", code="no_minutes")
    if on_closes is not None:
        on_closes(closes)
    known = shrunk_correlations(closes) if len(closes) > 1 else {}
    cache.put_correlations(known)
    return len(known)
