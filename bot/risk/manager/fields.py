"""The fields that a notebook's dictionaries may have, and the refusal of any other.

They are the message's own, so that a validated trade may be sent, and those that a notebook adds
because it has no feed.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from bot.errors import FieldError
from config.loading import nearest
from models.messages import MLPredictions, RequestMarketData, SignalData

SIDES = ("side", "action", "direction", "signal")
"""Names under which a signal has its side."""
OTHER_NAMES = {
    "mark_price": "mark",
    "index_price": "index",
    "last_price": "price",
    "last": "price",
    "close": "price",
    "volume": "volume_24h",
    "spread": "spread_bps",
    "best_bid": "bid",
    "best_ask": "ask",
}
"""Names of market data, with ours for the same thing."""

_REQUESTS = ("strategy", "priority", "created_at", "expires_at")
"""Fields of a request that a notebook gives in its signal."""
_BOOK = ("bid", "ask", "bids", "asks", "bid_depth", "ask_depth", "mark", "index", "funding_rate")
_RULES = (
    *("tick_size", "qty_step", "min_qty", "max_qty", "min_notional", "max_leverage", "status"),
    "instrument_refreshed_at",
)
_READINGS = (
    *("symbol", "volatility_baseline", "volatility_ratio", "correlation_shift"),
    *("data_age_seconds", "data_problem"),
)
"""Fields of breakers. One dictionary may serve validations and breakers."""

KNOWN: Mapping[str, frozenset[str]] = {
    "signal_data": frozenset({*SignalData.model_fields, *SIDES, *_REQUESTS}),
    "market_data": frozenset(
        {*RequestMarketData.model_fields, *OTHER_NAMES, *_BOOK, *_RULES, *_READINGS}
    ),
    "ml_predictions": frozenset(MLPredictions.model_fields),
}


def refused(where: str, given: object) -> list[FieldError]:
    """The error of every unknown field of this section, or of the section if it is no mapping."""
    if not isinstance(given, Mapping):
        return [FieldError(where, "must map fields to values")]
    known = KNOWN[where]
    return [
        FieldError(f"{where}.{key}", f"is no field of {where}{nearest(str(key), known)}")
        for key in given
        if key not in known
    ]


def by_our_names(market: Mapping[str, Any]) -> tuple[dict[str, Any], list[FieldError]]:
    """Market data by our names; one value under two names is an error."""
    found: dict[str, Any] = {}
    wrong: list[FieldError] = []
    said: dict[str, str] = {}
    for key, value in market.items():
        name = OTHER_NAMES.get(key, key)
        if value is None:
            found.setdefault(name, None)
            continue
        if name in said:
            text = f"is given as {said[name]} too: give one of them"
            wrong.append(FieldError(f"market_data.{key}", text))
        said[name], found[name] = key, value
    return found, wrong


def all_refused(sections: Iterable[tuple[str, object]]) -> list[FieldError]:
    """The errors of every section's unknown fields, in order.

    A section is its path and its mapping.
    """
    return [error for where, given in sections for error in refused(where, given)]
