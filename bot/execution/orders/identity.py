"""Names of our requests and child orders: deterministic, and never reused."""

import base64
import hashlib
import re
from datetime import datetime

PREFIX = "mr-"
STOP_PREFIX = "ms-"
"""The beginning of the ids of protective stops, which are no child orders."""
DIRECT_EXIT_PREFIX = "mf-"
"""The beginning of the ids of orders that a halt without Postgres closes positions with."""
MAX_LENGTH = 36
"""Bybit's documented limit for orderLinkId."""
_TAG_LENGTH = 7
_FORM = re.compile(re.escape(PREFIX) + f"(?:[a-z2-7]{{{_TAG_LENGTH}}}-)?[a-z2-7]{{24}}")
"""Ids of earlier versions have no tag."""
_TAGGED = re.compile(re.escape(PREFIX) + f"[a-z2-7]{{{_TAG_LENGTH}}}-")
_STOP_FORM = re.compile(re.escape(STOP_PREFIX) + "[a-z2-7]{24}")
_DIRECT_EXIT_FORM = re.compile(re.escape(DIRECT_EXIT_PREFIX) + "[a-z2-7]{24}")


_OF_STRATEGY = "~"
"""The separator, which no id or name of a message may hold, so that no strategy can use another's
key."""


def request_keys(request_id: str, strategy: str) -> tuple[str, str]:
    """The keys that a strategy's request may have, in the order in which they are looked for.

    The first strategy that uses an id has it as its key; every other strategy has the id with its
    own name. Rows stay for ever, so the key never changes.
    """
    return request_id, f"{request_id}{_OF_STRATEGY}{strategy}"


def order_link_id(
    account: str, request_id: str, slot: int, attempt: int, *, strategy: str | None = None
) -> str:
    """The same child gives the same id on every run; another attempt gives another id.

    24 base32 characters of a SHA-256 carry 120 bits: collisions are out of reach. The strategy's
    tag stands before them, so that the venue's own record can be attributed. Without a strategy it
    is the id as earlier versions made it.
    """
    own = _base32("\x1f".join((account, request_id, str(slot), str(attempt))), 24)
    return PREFIX + own if strategy is None else f"{PREFIX}{strategy_tag(strategy)}-{own}"


def strategy_tag(strategy: str) -> str:
    """The mark of a strategy in the ids of its orders: seven characters, the same for ever."""
    return _base32(strategy, _TAG_LENGTH)


def is_of_strategy(link_id: str, strategy: str) -> bool:
    """Whether the id of a child order has the strategy's tag."""
    return link_id.startswith(f"{PREFIX}{strategy_tag(strategy)}-")


def is_without_strategy(link_id: str) -> bool:
    """Whether the id is a child order's that has no strategy's tag, as earlier versions made it."""
    return link_id.startswith(PREFIX) and _TAGGED.match(link_id) is None


def stop_link_id(account: str, symbol: str, opened_at: datetime, number: int) -> str:
    """The id of a position's protective stop; `number` tells a symbol's stops apart."""
    parts = (account, symbol, opened_at.isoformat(), str(number))
    return STOP_PREFIX + _base32("\x1f".join(parts), 24)


def direct_exit_link_id(journalled_at: datetime, symbol: str, attempt: int) -> str:
    """The id of an order that closes a position without Postgres, for a halt that the journal has;
    a repeat has the same id."""
    parts = (journalled_at.isoformat(), symbol, str(attempt))
    return DIRECT_EXIT_PREFIX + _base32("\x1f".join(parts), 24)


def is_direct_exit(link_id: str) -> bool:
    """Whether the id has the form of `direct_exit_link_id`'s."""
    return _DIRECT_EXIT_FORM.fullmatch(link_id) is not None


def is_protective_stop(link_id: str) -> bool:
    """Whether the id has the form of `stop_link_id`'s."""
    return _STOP_FORM.fullmatch(link_id) is not None


def is_in_our_form(link_id: str) -> bool:
    """Whether the id has the form of `order_link_id`'s; nothing else makes such an id by
    accident."""
    return _FORM.fullmatch(link_id) is not None


def _base32(text: str, length: int) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.b32encode(digest).decode()[:length].lower()
