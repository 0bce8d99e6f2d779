"""Names of child orders at the exchange: deterministic, short, and never reused."""

import base64
import hashlib
import re

PREFIX = "mr-"
MAX_LENGTH = 36
"""Bybit's documented limit for orderLinkId."""
_FORM = re.compile(re.escape(PREFIX) + "[a-z2-7]{24}")


def order_link_id(account: str, request_id: str, slot: int, attempt: int) -> str:
    """The same child gives the same id on every run; another attempt gives another id.

    24 base32 characters of a SHA-256 carry 120 bits: collisions are out of reach.
    """
    digest = hashlib.sha256("\x1f".join((account, request_id, str(slot), str(attempt))).encode())
    return PREFIX + base64.b32encode(digest.digest()).decode()[:24].lower()


def is_in_our_form(link_id: str) -> bool:
    """Whether `order_link_id` may have made it: nobody else writes such an id by accident."""
    return _FORM.fullmatch(link_id) is not None
