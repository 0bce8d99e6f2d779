"""MarketView to and from a compact JSON dict, as the feed keeps it in Redis.

Decimals travel as plain strings, times as whole microseconds since 1970 UTC: nothing is rounded.
Data that comes back from Redis is checked like any input. One odd value makes all of it unreadable.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.errors import Refused
from bot.market.frames import Level
from bot.risk.snapshot import MarketView

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?\Z")
_DECIMALS = {
    "b": "bid",
    "a": "ask",
    "l": "last",
    "m": "mark",
    "i": "index",
    "bd": "bid_depth",
    "ad": "ask_depth",
    "v": "volume_24h",
    "q": "traded_qty",
}
_FLOATS = {"vs": "volatility", "vb": "volatility_baseline", "f": "funding_rate"}


class UnreadableMarket(Refused):
    """The stored market data can't be read; to a decision it is missing."""

    def __init__(self, field: str) -> None:
        super().__init__(f"unreadable market data: {field}", code="unreadable_market")


def to_dict(view: MarketView) -> dict[str, object]:
    """Fields that are None are left out."""
    coded: dict[str, object] = {
        "s": view.symbol,
        "t": (view.as_of - _EPOCH) // timedelta(microseconds=1),
        "B": [[format(price, "f"), format(qty, "f")] for price, qty in view.bids],
        "A": [[format(price, "f"), format(qty, "f")] for price, qty in view.asks],
        "d": view.depth_bps,
    }
    if view.traded_since is not None:
        coded["qs"] = (view.traded_since - _EPOCH) // timedelta(microseconds=1)
    for key, name in _DECIMALS.items():
        value: Decimal | None = getattr(view, name)
        if value is not None:
            coded[key] = format(value, "f")
    for key, name in _FLOATS.items():
        number: float | None = getattr(view, name)
        if number is not None:
            coded[key] = number
    return coded


def from_dict(coded: object) -> MarketView:
    """Raises UnreadableMarket, which names the field."""
    if not isinstance(coded, Mapping):
        raise UnreadableMarket("view")
    symbol, moment = coded.get("s"), coded.get("t")
    if not isinstance(symbol, str) or not symbol:
        raise UnreadableMarket("symbol")
    decimals = {name: _decimal(coded.get(key), name) for key, name in _DECIMALS.items()}
    floats = {name: _float(coded.get(key), name) for key, name in _FLOATS.items()}
    view = MarketView(
        symbol=symbol,
        as_of=_moment(moment),
        bids=_levels(coded.get("B"), "bids"),
        asks=_levels(coded.get("A"), "asks"),
        depth_bps=_float(coded.get("d"), "depth_bps") or 0.0,
    )
    optional: dict[str, Any] = {**decimals, **floats}
    if coded.get("qs") is not None:
        optional["traded_since"] = _moment(coded["qs"], "traded_since")
    return replace(view, **optional)


def mark_text(view: MarketView) -> str:
    """A mark alone; empty when it is unknown."""
    return "" if view.mark is None else format(view.mark, "f")


def mark_from_text(text: str) -> Decimal | None:
    """Raises UnreadableMarket."""
    return _decimal(text, "mark") if text else None


def _moment(value: object, name: str = "as_of") -> datetime:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 10**17:
        raise UnreadableMarket(name)
    return _EPOCH + timedelta(microseconds=value)


def _decimal(value: object, name: str) -> Decimal | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _PLAIN.match(value):
        raise UnreadableMarket(name)
    return Decimal(value)


def _float(value: object, name: str) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise UnreadableMarket(name)
    return float(value)


def _levels(value: object, name: str) -> tuple[Level, ...]:
    if not isinstance(value, list):
        raise UnreadableMarket(name)
    return tuple(_level(level, name) for level in value)


def _level(value: object, name: str) -> Level:
    if not isinstance(value, list) or len(value) != 2:
        raise UnreadableMarket(name)
    price, qty = (_decimal(part, name) for part in value)
    if price is None or qty is None:
        raise UnreadableMarket(name)
    return price, qty
