"""The newest market of each symbol in Redis: written by the feed, read by gate and senders.

It may vanish at any moment; then there is no market, and what adds risk is refused.
"""

import json
import logging
from collections.abc import Mapping, Sequence

from redis import Redis
from redis.exceptions import RedisError

from bot.market import codec
from bot.risk.snapshot import MarketView

log = logging.getLogger(__name__)

KEY = "mlrisk:market:"
CORRELATIONS = "mlrisk:correlations"
CORRELATIONS_EXPIRY_SECONDS = 900
"""Fifteen refreshes: after that many failed ones they count as unknown."""
EXPIRY_SECONDS = 60
"""A view older than this serves nobody: the gate refuses it after a few seconds already."""


class RedisMarketCache:
    def __init__(self, client: "Redis") -> None:
        self._client = client

    def get(self, symbol: str) -> MarketView | None:
        """The newest view, or None: unknown, expired, unreadable, or Redis is away."""
        try:
            raw = self._client.get(KEY + symbol)
        except RedisError as error:
            log.warning("market cache can't be read: %s", error, extra={"symbol": symbol})
            return None
        if not isinstance(raw, bytes | str):
            return None
        try:
            return codec.from_dict(json.loads(raw))
        except (ValueError, KeyError, TypeError) as error:
            log.error("market cache holds no view: %s", error, extra={"symbol": symbol})
            return None

    def correlations(self, symbol: str) -> Mapping[str, float]:
        """Of this symbol's returns with others'; what is missing is unknown."""
        try:
            raw = self._client.get(CORRELATIONS)
            found = json.loads(raw) if isinstance(raw, bytes | str) else {}
            return {str(k): float(v) for k, v in found.get(symbol, {}).items()}
        except RedisError as error:
            log.warning("correlations can't be read: %s", error)
        except (ValueError, TypeError, AttributeError) as error:
            log.error("correlations are unreadable: %s", error)
        return {}

    def put_correlations(self, found: Mapping[str, Mapping[str, float]]) -> None:
        """Publishes the correlations of every symbol. Raises RedisError."""
        self._client.set(CORRELATIONS, json.dumps(found), ex=CORRELATIONS_EXPIRY_SECONDS)

    def put(self, views: Sequence[MarketView]) -> None:
        """Publishes views in one round trip. Raises RedisError: the feed decides what then."""
        pipeline = self._client.pipeline(transaction=False)
        for view in views:
            pipeline.set(
                KEY + view.symbol,
                json.dumps(codec.to_dict(view), separators=(",", ":")),
                ex=EXPIRY_SECONDS,
            )
        pipeline.execute()
