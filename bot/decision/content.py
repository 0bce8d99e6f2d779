"""Compares the content of requests: a request_id names one content for ever.

Contents are compared as parsing reads them now. The order of keys, the spelling of a number and a
field of a newer version make no difference.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from bot.bounded_text import readable, storable
from bot.decision import parsing
from bot.errors import BadMessage, FieldError, RequestIdTaken
from models.messages import MLTradeRequest
from models.tables import TradeRequestRow

_SHOWN = 80
_MAX_DIFFERENCES = 20


def require_same(first: TradeRequestRow, request: MLTradeRequest) -> None:
    """Raises RequestIdTaken with every field that differs from the first request."""
    if first.payload_sha256 == parsing.payload_hash(parsing.payload_of(request)):
        return
    differences = _differences(first.payload, request)
    if differences:
        raise RequestIdTaken(differences)


def _differences(payload: Mapping[str, Any], request: MLTradeRequest) -> tuple[FieldError, ...]:
    try:
        first = parsing.parse_request(dict(payload)).model_dump()
    except BadMessage:
        # A row from before parsing became stricter can't equal a message that passes now.
        return (FieldError("request", "is not what this request_id was first used for"),)
    now = request.model_dump()
    if first["created_at"] is None or now["created_at"] is None:
        # A message without a time gets the time of its receipt, which differs each time.
        first["created_at"] = now["created_at"] = None
    return tuple(_compared("", first, now))[:_MAX_DIFFERENCES]


def _compared(at: str, first: object, now: object) -> Iterator[FieldError]:
    if isinstance(first, dict) and isinstance(now, dict):
        for key in sorted(first.keys() | now.keys(), key=str):
            yield from _compared(
                f"{at}.{key}" if at else str(key), first.get(key, _ABSENT), now.get(key, _ABSENT)
            )
    elif _plain(first) != _plain(now):
        words = f"was first {_shown(first)}, is now {_shown(now)}"
        yield FieldError(storable(at) or "request", words)


class _Absent:
    def __repr__(self) -> str:
        return "absent"


_ABSENT = _Absent()


def _plain(value: object) -> object:
    """Gives equal numbers one form, because JSON columns respell large ones. A boolean equals no
    number."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, int | float):
        return Decimal(repr(value))
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _shown(value: object) -> str:
    text = str(value) if not isinstance(value, dict | list | tuple) else readable(value)
    return storable(text, _SHOWN)
