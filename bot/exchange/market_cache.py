"""The newest market of each symbol in Redis: written by the feed, read by gate and senders.

It may vanish at any moment; then there is no market, and entries are refused. With a seal, data
that our own writers did not seal is unknown too: Redis alone decides nothing about money.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from redis import Redis
from redis.exceptions import RedisError

from bot.market import codec
from bot.market.reading import MarketReading
from bot.market.seal import BrokenSeal, Seal
from bot.risk.snapshot import MarketView

log = logging.getLogger(__name__)

KEY = "mlrisk:market:"
MARK = "mlrisk:mark:"
"""A symbol's mark alone, for decisions about other symbols while it is held."""
CORRELATIONS = "mlrisk:correlations"
CORRELATIONS_EXPIRY_SECONDS = 900
"""Fifteen refreshes: after that many failed ones they count as unknown."""
EXPIRY_SECONDS = 60
"""A view expires after this; the gate refuses it after a few seconds already."""


class RedisMarketCache:
    """`symbols` are the symbols with marks for decisions about other symbols.

    Without a `seal` nothing is sealed, and all readable data is believed. With a seal, unsealed
    data is unknown, and `on_forged` gets its key and the reason.
    """

    def __init__(
        self,
        client: "Redis",
        symbols: Sequence[str] = (),
        *,
        seal: Seal | None = None,
        on_forged: Callable[[str, str], None] | None = None,
    ) -> None:
        self._client = client
        self._symbols = tuple(symbols)
        self._seal = seal
        self._on_forged = on_forged

    def get(self, symbol: str) -> MarketView | None:
        """The newest view, or None: unknown, expired, unreadable, forged, or Redis is away."""
        try:
            raw = self._client.get(KEY + symbol)
        except RedisError as error:
            log.warning(
                "the market cache can't be read: %s",
                error,
                extra={"event": "market_cache_cant_be_read", "symbol": symbol},
            )
            return None
        return _view(self._opened(KEY + symbol, raw), symbol)

    def read(self, symbol: str) -> MarketReading:
        """The market data of a decision about this symbol, read in one round trip."""
        keys = [KEY + symbol, CORRELATIONS, *(MARK + other for other in self._symbols)]
        try:
            found = self._client.mget(keys)
        except RedisError as error:
            log.warning(
                "the market cache can't be read: %s",
                error,
                extra={"event": "market_cache_cant_be_read", "symbol": symbol},
            )
            return MarketReading()
        view, correlations, *marks = map(self._opened, keys, found)
        return MarketReading(
            _view(view, symbol),
            _marks(zip(self._symbols, marks, strict=True)),
            _correlations(correlations, symbol),
        )

    def put_correlations(self, found: Mapping[str, Mapping[str, float]]) -> None:
        """Publishes the correlations of every symbol. Raises RedisError."""
        seconds = CORRELATIONS_EXPIRY_SECONDS
        text = self._closed(CORRELATIONS, json.dumps(found), seconds)
        self._client.set(CORRELATIONS, text, ex=seconds)

    def put(self, views: Sequence[MarketView]) -> None:
        """Publishes views in one round trip. Raises RedisError, on which the feed decides."""
        pipeline = self._client.pipeline(transaction=False)
        for view in views:
            coded = json.dumps(codec.to_dict(view), separators=(",", ":"))
            texts = {KEY + view.symbol: coded, MARK + view.symbol: codec.mark_text(view)}
            for key, text in texts.items():
                pipeline.set(key, self._closed(key, text, EXPIRY_SECONDS), ex=EXPIRY_SECONDS)
        pipeline.execute()

    def _closed(self, key: str, text: str, seconds: float) -> str:
        return text if self._seal is None else self._seal.close(key, text, seconds)

    def _opened(self, key: str, raw: object) -> object:
        """The sealed content; None when the seal is missing or wrong."""
        if self._seal is None or not isinstance(raw, bytes | str):
            return raw
        try:
            return self._seal.open(key, raw)
        except BrokenSeal as error:
            log.error(
                "the market cache has an entry that our feed did not write: %s",
                error,
                extra={"event": "market_cache_holds_what_is_not_ours", "key": key},
            )
            if self._on_forged is not None:
                self._on_forged(key, error.message)
            return None


def _view(raw: object, symbol: str) -> MarketView | None:
    if not isinstance(raw, bytes | str):
        return None
    try:
        return codec.from_dict(json.loads(raw))
    except (ValueError, codec.UnreadableMarket) as error:
        log.error(
            "an entry of the market cache is no market view: %s",
            error,
            extra={"event": "market_cache_holds_no_view", "symbol": symbol},
        )
        return None


def _marks(found: Iterable[tuple[str, object]]) -> dict[str, Decimal]:
    marks = ((symbol, _mark(raw, symbol)) for symbol, raw in found)
    return {symbol: mark for symbol, mark in marks if mark is not None}


def _mark(raw: object, symbol: str) -> Decimal | None:
    if not isinstance(raw, bytes | str):
        return None
    try:
        return codec.mark_from_text(raw.decode() if isinstance(raw, bytes) else raw)
    except (UnicodeDecodeError, codec.UnreadableMarket) as error:
        log.error(
            "an entry of the market cache is no mark price: %s",
            error,
            extra={"event": "market_cache_holds_no_mark", "symbol": symbol},
        )
        return None


def _correlations(raw: object, symbol: str) -> dict[str, float]:
    if not isinstance(raw, bytes | str):
        return {}
    try:
        found = json.loads(raw)
        return {str(other): float(value) for other, value in found.get(symbol, {}).items()}
    except (ValueError, TypeError, AttributeError) as error:
        log.error(
            "the correlations in the market cache are unreadable: %s",
            error,
            extra={"event": "correlations_are_unreadable"},
        )
        return {}
