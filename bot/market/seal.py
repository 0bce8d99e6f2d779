"""Proof that stored market data is ours: the writer seals a text, and a reader opens it.

A sealed text carries its expiry and an HMAC over its place, its expiry and itself. It is therefore
valid neither at another place, for instance another symbol's, nor after its expiry.
"""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

from bot.clock import Clock
from bot.errors import Refused

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MARK = "sealed"
_PARTS = 4


class BrokenSeal(Refused):
    """The text was not sealed with our key for this place, or it has expired."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place} {why}", code="broken_seal")


class Seal:
    """Seals and opens texts with one key that only writers and readers share."""

    def __init__(self, key: str, clock: Clock) -> None:
        if not key:
            raise ValueError("a seal needs a key")
        self._key = key.encode()
        self._clock = clock

    def close(self, place: str, text: str, seconds: float) -> str:
        """The sealed text for a place, valid for the given time."""
        end = str((self._clock.now() + timedelta(seconds=seconds) - _EPOCH) // _MICROSECOND)
        return ":".join((_MARK, end, self._code(place, end, text), text))

    def open(self, place: str, stored: bytes | str) -> str:
        """The text that was sealed for this place. Raises BrokenSeal."""
        try:
            whole = stored.decode() if isinstance(stored, bytes) else stored
        except UnicodeDecodeError:
            raise BrokenSeal(place, "is no text") from None
        parts = whole.split(":", _PARTS - 1)
        if len(parts) != _PARTS or parts[0] != _MARK:
            raise BrokenSeal(place, "has no seal")
        _, end, code, text = parts
        if not hmac.compare_digest(code.encode(), self._code(place, end, text).encode()):
            raise BrokenSeal(place, "has a seal that is not ours")
        if self._clock.now() > _EPOCH + int(end) * _MICROSECOND:
            raise BrokenSeal(place, "has a seal whose time is over")
        return text

    def _code(self, place: str, end: str, text: str) -> str:
        # Each part carries its length, so that moving text to the next part changes the code.
        message = f"{len(place)}:{len(end)}:{place}{end}{text}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()
