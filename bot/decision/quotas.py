"""Quotas of strategies: requests at once, counted before anything is decided.

A request beyond its strategy's quota is refused after two short statements, leaves no row, and may
be sent again. A strategy's own row may narrow its rate of entries.

Requests that only reduce have quotas of their own, far above any normal use: they
stop a runaway strategy, but no exit. Workers count without a lock, so a quota may be exceeded by as
many requests as there are workers. The gate alone bounds reservations.
"""

from datetime import timedelta
from typing import NamedTuple

from bot.clock import Clock
from bot.errors import QuotaExceeded
from bot.execution.orders.identity import request_keys
from bot.execution.ports import LimitsSource, limits_for
from config.keys.quotas import QuotaRules
from models.database import Database
from models.enums import TradeSide
from models.messages import is_identifier
from models.repositories import quotas
from models.repositories.quotas import Used

_WINDOW = timedelta(seconds=1)


class _Asked(NamedTuple):
    """The parts of a message that a quota reads."""

    request_id: str
    strategy: str
    symbol: str
    side: str
    reduces: bool


class Quotas:
    """The quotas of one account's strategies."""

    def __init__(self, db: Database, account: str, limits: LimitsSource, clock: Clock) -> None:
        self._db = db
        self._account = account
        self._limits = limits
        self._clock = clock

    def require_room(self, raw: object) -> None:
        """Raises QuotaExceeded for a new request beyond its strategy's quota.

        A known request counts for nothing, because it has its outcome. An unreadable message
        passes, so that parsing refuses it with its own reason.
        """
        asked = _read(raw)
        if asked is None:
            return
        # While quotas can't be read, the last known ones hold.
        rules = limits_for(self._limits, reduce_only=True).quotas
        now = self._clock.now()
        with self._db.reading() as session:
            used = quotas.used(session, self._account, asked.strategy, now - _WINDOW)
            exceeded = _of_exits(used, rules) if asked.reduces else _of_entries(used, rules)
            if exceeded is None:
                return
            keys = request_keys(asked.request_id, asked.strategy)
            if quotas.is_known(session, self._account, asked.strategy, keys):
                return
            if not asked.reduces:
                share = quotas.share_of(session, self._account, asked.strategy, asked.symbol)
                if share * TradeSide(asked.side).sign < 0:
                    # The request reduces although it is not marked as reduce-only.
                    exceeded = _of_exits(used, rules)
        if exceeded is not None:
            raise exceeded


def _of_entries(used: Used, rules: QuotaRules) -> QuotaExceeded | None:
    rate = rules.requests_per_second
    return _exceeded(
        ("requests_per_second", "requests in the last second"),
        used.requests,
        rate if used.own_rate is None else min(rate, used.own_rate),
    ) or _exceeded(
        ("open_requests", "requests that have not ended"), used.open_requests, rules.open_requests
    )


def _of_exits(used: Used, rules: QuotaRules) -> QuotaExceeded | None:
    """A reducing request without the mark counts as an entry, and may exceed the quota of
    entries."""
    lately = used.exits + max(0, used.requests - rules.requests_per_second)
    waiting = used.open_exits + max(0, used.open_requests - rules.open_requests)
    return _exceeded(
        ("exits_per_second", "exits in the last second"), lately, rules.exits_per_second
    ) or _exceeded(("open_exits", "exits that have not ended"), waiting, rules.open_exits)


def _exceeded(quota: tuple[str, str], used: int, allowed: int) -> QuotaExceeded | None:
    if used < allowed:
        return None
    return QuotaExceeded(*quota, used=used, allowed=allowed)


def _read(raw: object) -> _Asked | None:
    """The parts of a message that a quota needs; None when the schema will refuse the message."""
    if not isinstance(raw, dict):
        return None
    metadata, signal = raw.get("metadata", {}), raw.get("signal_data")
    if not isinstance(metadata, dict) or not isinstance(signal, dict):
        return None
    words = (
        raw.get("request_id"),
        metadata.get("strategy", "default"),
        raw.get("symbol"),
        raw.get("side"),
    )
    if not all(isinstance(word, str) and is_identifier(word) for word in words):
        return None
    request_id, strategy, symbol, side = map(str, words)
    if side not in [each.value for each in TradeSide]:
        return None
    return _Asked(request_id, strategy, symbol, side, signal.get("reduce_only") is True)
